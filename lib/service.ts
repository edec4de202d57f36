/**
 * The composition root: all that runs between `start` and `stop`. Picks the implementations, ties the streams and holds the one
 * subscription that everything hangs on; when that has ended, no socket, timer or subscription is left.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  concat,
  defer,
  EMPTY,
  filter,
  firstValueFrom,
  interval,
  lastValueFrom,
  merge,
  mergeMap,
  Observable,
  of,
  race,
  ReplaySubject,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import { accept } from './accept.js';
import { accessOf } from './access/choice.js';
import { Expiries } from './access/expiries.js';
import { brokerOf } from './broker/choice.js';
import type { BrokerStatus, PublishError, Receipt } from './broker/index.js';
import { Backlog } from './backlog.js';
import type { Clock } from './clock.js';
import type { Word } from './broker/word.js';
import { catchUps } from './catch-ups.js';
import { CLOSE } from './close.js';
import type { Draft, DraftFields } from './codec.js';
import type { Config } from './config.js';
import type { Connection } from './command.js';
import { drain } from './drain.js';
import type { HubEvent } from './events.js';
import { guarded } from './folds.js';
import { heartbeat } from './heartbeat.js';
import { hasHooks, type HookFault, type Hooks } from './hooks.js';
import { history } from './http/history.js';
import { type Metrics, metrics } from './http/metrics.js';
import { publishing } from './http/publishing.js';
import { type Readiness, routes } from './http/routes.js';
import { type HttpServer, httpServer } from './http/server.js';
import type { StatsFold } from './http/stats.js';
import { hub } from './hub.js';
import { moderation } from './moderation.js';
import { obey } from './operator.js';
import { multicast } from './operators/multicast.js';
import { NO_EPOCH, type Position } from './position.js';

export interface ServiceOptions {
  readonly config: Config;
  readonly hooks: Hooks;
  readonly clock: Clock;
  /** A lent server; without one the service has its own. */
  readonly lent: Server | undefined;
  readonly counts: StatsFold;
  readonly onEvent: ((event: HubEvent) => void) | undefined;
}

/** A service that runs from the moment it is made. */
export interface Service {
  /** Where it listens; null where the server is lent. */
  readonly address: Promise<AddressInfo | null>;
  /** Drains, then ends. */
  readonly shutDown: () => Promise<void>;
  /** Closes everybody at once, and ends the drain, or the next one. */
  readonly hurry: () => void;
  /** Ends at once. Asked again, it is the same end. */
  readonly end: () => Promise<void>;
  /**
   * Says a draft that was made of these fields, on behalf of the program. Undefined where the application's hook took it away;
   * `Left` when the service ended meanwhile, too.
   */
  readonly publish: (
    draft: Draft,
    fields: DraftFields,
  ) => Promise<Either<PublishError | HookFault | Ended, Receipt | undefined>>;
  readonly readiness: () => Readiness;
  readonly metrics: Metrics['text'];
}

export interface Ended {
  readonly _tag: 'Ended';
}

/** Accepts wait here while the loop is busy; the kernel bounds it by net.core.somaxconn. */
const BACKLOG = 4_096;
/** What is left of the drain when whoever is still there is cut. */
const LAST_CALL = 0.9;
const EMPTY_CHECK_MS = 10;
/** Accepted, and goes nowhere. */
const DROPPED = right(undefined);

export const service = ({
  config,
  hooks,
  clock,
  lent,
  counts,
  onEvent,
}: ServiceOptions): Service => {
  // no Subject: it costs 1 µs a message
  const events = multicast<HubEvent>({ slice: Number.POSITIVE_INFINITY, turn: clock.turn });
  const shutdown$ = new Subject<void>();
  const deadline$ = new Subject<void>();
  /** Remembered: the drain may begin after it. */
  const hurry$ = new ReplaySubject<void>(1);
  const connections = new Set<Connection>();
  const backlog = new Backlog(config.limits.outboxTotalBytes);
  const broker = brokerOf(config, clock);
  const measures = metrics(backlog, broker);
  const said$ = new Subject<Word>();
  const behind = catchUps({
    clock,
    brokerMs: broker.clockMs,
    logTtlMs: config.log.logTtlMs,
    say: (word) => said$.next(word),
  });
  let globalPosition: Position = { tag: NO_EPOCH, offset: 0, ms: 0 };
  let status: BrokerStatus = { _tag: 'Starting' };
  let draining = false;
  let ending: Promise<void> | undefined;

  const tell = (event: HubEvent): void => void events.deliver(event);

  const moderate = moderation({ hooks, clock, tell });

  const access = accessOf({
    config,
    clock,
    tell,
    keepClaims: hasHooks(hooks),
    ended$: deadline$,
  });

  const readiness = (): Readiness => {
    if (draining) return 'draining';
    return status._tag === 'Up' ? 'ready' : status._tag === 'Degraded' ? 'degraded' : 'starting';
  };

  const ownHttp = (): HttpServer => {
    const own = httpServer(config, clock, tell);
    routes({
      config,
      clock,
      access,
      stats: counts,
      metrics: measures,
      history: history(broker),
      publishing: publishing({ broker, clock, limits: config.limits, moderate, tell }),
      say: (word) => broker.say(word),
      readiness,
      tell,
    })(own.http);
    return own;
  };
  const own = lent === undefined ? ownHttp() : undefined;
  const http = own?.http;

  const listen = async (own: NonNullable<typeof http>): Promise<AddressInfo | null> => {
    await own.listen({ port: config.server.port, host: config.server.host, backlog: BACKLOG });
    const address = own.server.address();
    return typeof address === 'object' ? address : null;
  };

  const server = lent ?? http?.server;
  const connection$ =
    server === undefined
      ? EMPTY
      : accept({
          clock,
          config,
          hooks,
          access,
          expiries: new Expiries(clock),
          outboxes: {
            bound: {
              messages: config.limits.sendBufferMessages,
              bytes: config.limits.sendBufferBytes,
            },
            now: () => clock.scheduler.now(),
            backlog,
          },
          tell,
          globalPosition: () => globalPosition,
          catchUps: behind,
          newId: randomUUID,
          server,
          isLent: lent !== undefined,
          connections,
          draining: () => draining,
          ended$: deadline$,
        });

  const hub$ = connection$.pipe(
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

  const word$ = broker.word$.pipe(
    tap((word) => (word._tag === 'CatchUp' ? behind.heard(word) : obey(word, connections))),
  );

  const counted$ = new Observable<never>(() => {
    const folds = guarded([
      { name: 'metrics', take: measures.fold },
      { name: 'stats', take: counts.fold },
      ...(onEvent === undefined ? [] : [{ name: 'onEvent', take: onEvent } as const]),
    ]);
    const places = folds.map((take) => events.subscribe({ take }));
    return () => places.forEach((place) => place.unsubscribe());
  });

  /** Neither a connection nor a request that waits for its answer. */
  const isEmpty = (): boolean => connections.size === 0 && (own?.requests() ?? 0) === 0;
  const empty$ = interval(EMPTY_CHECK_MS, clock.scheduler).pipe(filter(isEmpty), take(1));

  const drained = (): Observable<unknown> => {
    const lastCall$ = timer(config.server.drainMs * LAST_CALL, clock.scheduler);
    return race(
      concat(
        drain({ clock, drainMs: config.server.drainMs })(connections).pipe(takeUntil(hurry$)),
        defer(() => (isEmpty() ? timer(0, clock.scheduler) : empty$)),
      ),
      lastCall$,
    ).pipe(take(1));
  };

  const running = merge(
    counted$,
    broker.event$.pipe(tap(tell)),
    status$,
    word$,
    said$.pipe(mergeMap((word) => broker.say(word))),
    overdue$,
    hub$,
  ).subscribe();
  const address = http === undefined ? Promise.resolve(null) : listen(http);

  const finish = async (): Promise<void> => {
    deadline$.next();
    for (const connection of connections) connection.cut();
    await lastValueFrom(broker.close(), { defaultValue: undefined });
    running.unsubscribe();
    if (http === undefined) return;
    // one that begins to listen cannot be closed yet
    await address.catch(() => undefined);
    await http.close();
  };
  const end = (): Promise<void> => (ending ??= finish());

  return {
    address,
    shutDown: async () => {
      draining = true;
      own?.leave();
      shutdown$.next();
      await firstValueFrom(drained(), { defaultValue: undefined });
      await end();
    },
    hurry: () => {
      // told before the drain begins: nobody hears of a drain that there will not be
      hurry$.next();
      if (draining) for (const connection of connections) connection.close(CLOSE.goingAway);
    },
    end,
    publish: (draft, fields) =>
      firstValueFrom(
        moderate(draft, fields, { via: 'program', from: fields.from }).pipe(
          switchMap((judged): Observable<Either<PublishError | HookFault, Receipt | undefined>> => {
            if (isLeft(judged)) return of(judged);
            return judged.right === undefined ? of(DROPPED) : broker.publish(judged.right);
          }),
          takeUntil(deadline$),
        ),
        { defaultValue: left({ _tag: 'Ended' }) },
      ),
    readiness,
    metrics: measures.text,
  };
};
