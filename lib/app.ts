/**
 * The composition root: configuration in, running service out. Picks the implementations, ties the streams and holds
 * the one subscription that everything hangs on; when that has ended, no socket, timer or subscription is left.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  concat,
  defer,
  filter,
  firstValueFrom,
  interval,
  lastValueFrom,
  merge,
  Observable,
  race,
  ReplaySubject,
  Subject,
  type Subscription,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import { accept } from './accept.js';
import { accessOf } from './access/choice.js';
import { Expiries } from './access/expiries.js';
import { brokerOf } from './broker/choice.js';
import type { BrokerStatus, Receipt } from './broker/index.js';
import { Backlog } from './backlog.js';
import { type Clock, systemClock } from './clock.js';
import { CLOSE } from './close.js';
import { type Json, type MessageType, programDraftOf, SERVER } from './codec.js';
import type { Config } from './config.js';
import type { Connection } from './command.js';
import { drain } from './drain.js';
import type { HubEvent } from './events.js';
import { heartbeat } from './heartbeat.js';
import type { Hooks } from './hooks.js';
import { history } from './http/history.js';
import { metrics } from './http/metrics.js';
import { publishing } from './http/publishing.js';
import { type Readiness, routes } from './http/routes.js';
import { httpServer } from './http/server.js';
import { type Stats, stats } from './http/stats.js';
import { hub } from './hub.js';
import { obey } from './operator.js';
import { multicast } from './operators/multicast.js';
import { drawTag, GLOBAL, type Position, type Room } from './position.js';

export interface AppOptions {
  readonly config: Config;
  readonly hooks?: Hooks;
  /** Time and chance; the process' own by default. */
  readonly clock?: Clock;
  /** A server of the embedding program whose upgrades below `basePath` are taken; by default the app has its own. */
  readonly server?: Server;
  /** Sees every event of the hub, to log or count it. Must not throw. */
  readonly onEvent?: (event: HubEvent) => void;
}

/** What a program says to a room; the empty or absent room is everybody. */
export interface Notice {
  readonly room?: Room;
  /** `chat`, `notification` (default), or `system` with an application's own `data.event`. */
  readonly type?: Exclude<MessageType, 'presence'>;
  /** The `from` that members see; `server` by default. */
  readonly from?: string;
  readonly data: Json;
  /** Idempotency key: the same one within 5 minutes is stored once. */
  readonly key?: string;
}

export interface App {
  /** Takes connections. With a server of its own it listens on the configured address, and answers that. */
  readonly start: () => Promise<AddressInfo | null>;
  /**
   * Drains within `drainMs` and ends: resolves when nothing is left. `hurry` skips the drain: everybody is closed at once, also
   * when the drain has begun. Called again, it is the same end. A lent server is given back.
   */
  readonly stop: (options?: { readonly hurry?: boolean }) => Promise<void>;
  /** Sends a message to a room's members on every pod, or to everybody. Rejects with what was expected when it is not one. */
  readonly publish: (notice: Notice) => Promise<Receipt>;
  readonly stats: (room?: Room) => Stats;
  readonly readiness: () => Readiness;
  /** The metrics in Prometheus' text format, as they are now: each call costs half a millisecond, see `docs/security.md`. */
  readonly metrics: () => Promise<string>;
}

/** Accepts wait here while the loop is busy; the kernel bounds it by net.core.somaxconn. */
const BACKLOG = 4_096;
/** What is left of the drain when whoever is still there is cut. */
const LAST_CALL = 0.9;

export const app = ({
  config,
  hooks = {},
  clock = systemClock,
  server: given,
  onEvent,
}: AppOptions): App => {
  // no Subject: it costs 1 µs a message
  const events = multicast<HubEvent>({ slice: Number.POSITIVE_INFINITY, turn: clock.turn });
  const shutdown$ = new Subject<void>();
  const deadline$ = new Subject<void>();
  /** Remembered: the drain may begin after it. */
  const hurry$ = new ReplaySubject<void>(1);
  const connections = new Set<Connection>();
  const backlog = new Backlog(config.limits.outboxTotalBytes);
  const broker = brokerOf(config, clock);
  const startedAt = clock.scheduler.now();
  const counts = stats(
    config.server.serverId,
    broker.name,
    () => (clock.scheduler.now() - startedAt) / 1000,
  );
  const measures = metrics(backlog, broker.logBytes);
  let globalPosition: Position = { tag: drawTag(clock.random), offset: 0, ms: clock.wall() };
  let status: BrokerStatus = { _tag: 'Starting' };
  let draining = false;
  /** Of the one end that there is, and whether it has come. */
  let stopped: Promise<void> | undefined;
  let ended = false;
  let running: Subscription | undefined;

  const tell = (event: HubEvent): void => void events.deliver(event);

  const access = accessOf({ config, clock, tell, ended$: deadline$ });

  const readiness = (): Readiness => {
    if (draining) return 'draining';
    return status._tag === 'Up' ? 'ready' : status._tag === 'Degraded' ? 'degraded' : 'starting';
  };

  const http = httpServer(config, clock, tell);
  routes({
    config,
    clock,
    access,
    stats: counts,
    metrics: measures,
    history: history(broker),
    publishing: publishing({ broker, clock, tell }),
    say: (word) => broker.say(word),
    readiness,
    tell,
  })(http);
  const server = given ?? http.server;

  const hub$ = accept({
    clock,
    config,
    hooks,
    access,
    expiries: new Expiries(clock),
    outboxes: {
      bound: { messages: config.limits.sendBufferMessages, bytes: config.limits.sendBufferBytes },
      now: () => clock.scheduler.now(),
      backlog,
    },
    tell,
    globalPosition: () => globalPosition,
    newId: randomUUID,
    server,
    alone: given === undefined,
    connections,
    draining: () => draining,
    ended$: deadline$,
  }).pipe(
    hub({
      broker,
      clock,
      config,
      tell,
      status: () => status,
      globalPosition: () => globalPosition,
      reached: (position) => {
        globalPosition = position;
      },
      shutdown$,
      deadline$,
    }),
  );

  const overdue$ = heartbeat({
    clock,
    pingIntervalMs: config.limits.pingIntervalMs,
    pongTimeoutMs: config.limits.pongTimeoutMs,
  })(connections).pipe(
    tap(({ connection, why }) =>
      why === 'silent' ? connection.cut() : connection.close(CLOSE.halfMessage),
    ),
  );

  const status$ = broker.status$.pipe(
    tap((next) => {
      status = next;
      tell({ _tag: 'StatusChanged', status: next });
    }),
  );

  const word$ = broker.word$.pipe(tap((word) => obey(word, connections)));

  const counted$ = new Observable<never>(() => {
    const folds = [measures.fold, counts.fold, ...(onEvent === undefined ? [] : [onEvent])];
    const places = folds.map((fold) => events.subscribe({ take: fold }));
    return () => places.forEach((place) => place.unsubscribe());
  });

  const run = (): Subscription =>
    merge(counted$, broker.event$.pipe(tap(tell)), status$, word$, overdue$, hub$).subscribe();

  /** Nobody is left, or it is time to go without them. */
  const empty$ = interval(EMPTY_CHECK_MS, clock.scheduler).pipe(
    filter(() => connections.size === 0),
    take(1),
  );

  const drained = (): Observable<unknown> => {
    const lastCall$ = timer(config.server.drainMs * LAST_CALL, clock.scheduler);
    return race(
      concat(
        drain({ clock, drainMs: config.server.drainMs })(connections).pipe(takeUntil(hurry$)),
        defer(() => (connections.size === 0 ? timer(0, clock.scheduler) : empty$)),
      ),
      lastCall$,
    ).pipe(take(1));
  };

  const end = async (): Promise<void> => {
    deadline$.next();
    for (const connection of connections) connection.cut();
    await lastValueFrom(broker.close(), { defaultValue: undefined });
    running?.unsubscribe();
    await http.close();
    ended = true;
  };

  const shutDown = async (): Promise<void> => {
    draining = true;
    shutdown$.next();
    await firstValueFrom(drained(), { defaultValue: undefined });
    await end();
  };

  return {
    start: async () => {
      if (stopped !== undefined) throw new Error(ENDED);
      running ??= run();
      if (given !== undefined) return null;
      await http.listen({ port: config.server.port, host: config.server.host, backlog: BACKLOG });
      const address = http.server.address();
      return typeof address === 'object' ? address : null;
    },
    stop: ({ hurry = false } = {}) => {
      // told before the drain begins: nobody hears of a drain that there will not be
      if (hurry) hurry$.next();
      stopped ??= shutDown();
      if (hurry) for (const connection of connections) connection.close(CLOSE.goingAway);
      return stopped;
    },
    publish: async ({ room = GLOBAL, type = 'notification', from = SERVER, data, key }) => {
      if (ended) throw new Error(ENDED);
      const draft = programDraftOf({ room, type, from, data, at: clock.wall(), key });
      if (isLeft(draft)) throw new TypeError(draft.left.text);
      const placed = await firstValueFrom(broker.publish(draft.right).pipe(takeUntil(deadline$)), {
        defaultValue: undefined,
      });
      if (placed === undefined) throw new Error(ENDED);
      if (isLeft(placed))
        throw new Error(
          placed.left._tag === 'KeyReused'
            ? 'key: expected a new one for other data, got one that was used'
            : placed.left.detail,
        );
      return placed.right;
    },
    stats: counts.now,
    readiness,
    metrics: measures.text,
  };
};

const EMPTY_CHECK_MS = 10;
const ENDED = 'expected a running app, got one that has ended';
