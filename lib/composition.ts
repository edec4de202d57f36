/**
 * The composition root: all that runs between `start` and `stop`. It ties the streams together.
 *
 * Source: it holds the subscription that runs the program. When the program has ended, no socket, timer or
 * subscription is left.
 */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BehaviorSubject,
  EMPTY,
  firstValueFrom,
  from,
  lastValueFrom,
  Observable,
  ReplaySubject,
  Subject,
} from 'rxjs';
import { ExpiryTimer } from './auth/expiry-timer.js';
import { authOf } from './auth/from-config.js';
import type { Broker } from './broker/index.js';
import { sqlPublisher } from './broker/sql-outbox/sql-publisher.js';
import type { Clock } from './clock.js';
import type { Config } from './config/index.js';
import { accept } from './connection/accept.js';
import type { Connection } from './connection/connection.js';
import { OutboxBudget } from './connection/outbox-budget.js';
import { hookModeration } from './hook-moderation.js';
import { hasHooks, type Hooks } from './hooks.js';
import type { SqlOutbox } from './history/archive/sql-outbox-port.js';
import type { HubEvent } from './hub-event.js';
import { ownServer } from './http/own-server.js';
import type { Readiness, Whole } from './http/routes.js';
import { moderatedPublish } from './moderated-publish.js';
import { NO_EPOCH, type Position } from './protocol/position.js';
import { podStreams } from './pod-streams.js';
import { type ProgramPublish, programPublish } from './program-publish.js';
import { rowPublish } from './row-publish.js';
import { consume } from './rx/consume.js';
import { mergeMapSet } from './rx/merge-map-set.js';
import { multicastSet } from './rx/multicast-set.js';
import { shutdown } from './shutdown.js';
import { guarded } from './telemetry/folds.js';
import { type Metrics, metrics } from './telemetry/metrics.js';
import type { StatsFold } from './telemetry/stats.js';
import type { Tracing } from './telemetry/tracing.js';

export interface CompositionOptions {
  readonly config: Config;
  readonly hooks: Hooks;
  readonly clock: Clock;
  /** Closed with the composition. */
  readonly broker: Broker;
  /** The messages of `chat_publish`; undefined without PostgreSQL. Closed with the composition. */
  readonly sqlOutbox: SqlOutbox | undefined;
  /** A lent server; without it the service has its own. */
  readonly lent: Server | undefined;
  readonly counts: StatsFold;
  /** Undefined: the service is no worker of a larger one. */
  readonly whole: Whole | undefined;
  /** Undefined unless spans are made. */
  readonly tracing: Tracing | undefined;
  readonly onEvent: ((event: HubEvent) => void) | undefined;
}

/** A service that runs from the moment it is made. */
export interface Composition {
  /** The address of the server; null for a lent one. */
  readonly address: Promise<AddressInfo | null>;
  /** Drains, then ends. */
  readonly shutDown: () => Promise<void>;
  /** Skips the drain, whether it has begun or begins later: all connections are closed at once. */
  readonly hurry: () => void;
  /** Ends at once. A second call returns the same end. */
  readonly end: () => Promise<void>;
  readonly publish: ProgramPublish;
  readonly readiness: () => Readiness;
  readonly metrics: Metrics['text'];
  readonly metricsJson: Metrics['json'];
}

export const composition = ({
  config,
  hooks,
  clock,
  broker: untraced,
  sqlOutbox,
  lent,
  counts,
  whole,
  tracing,
  onEvent,
}: CompositionOptions): Composition => {
  const broker = tracing?.broker(untraced) ?? untraced;
  // no Subject: it would cost 1 µs a message
  const events = multicastSet<HubEvent>({ slice: Number.POSITIVE_INFINITY, turn: clock.turn });
  const shutdown$ = new Subject<void>();
  const deadline$ = new Subject<void>();
  /** Replayed, as the drain may begin after the hurry. */
  const hurry$ = new ReplaySubject<void>(1);
  const connections = new Set<Connection>();
  const backlog = new OutboxBudget(config.limits.outboxTotalBytes);
  const emit = (event: HubEvent): void => void events.deliver(event);
  const moderate = hookModeration({ hooks, clock, emit });
  const { archive, unstored = () => 0 } = broker;
  const publish = moderatedPublish(broker, moderate);
  const publishRow = rowPublish(publish);
  const sql =
    sqlOutbox && sqlPublisher({ outbox: sqlOutbox, clock, publish: publishRow, archive, unstored });
  const measures = metrics(backlog, broker, sql);
  const draining$ = new BehaviorSubject(false);
  const pod = podStreams({
    broker,
    clock,
    config,
    connections,
    globalPosition$: new BehaviorSubject<Position>({ tag: NO_EPOCH, offset: 0, ms: 0 }),
    shutdown$,
    deadline$,
  });
  let ending: Promise<void> | undefined;

  const access = authOf({
    config,
    clock,
    emit,
    keepClaims: hasHooks(hooks),
    ended$: deadline$,
  });

  const readiness = (): Readiness => {
    if (draining$.value) return 'draining';
    const { _tag } = pod.status();
    return _tag === 'Up' ? 'ready' : _tag === 'Degraded' ? 'degraded' : 'starting';
  };

  const own =
    lent === undefined
      ? ownServer({
          config,
          clock,
          access,
          broker,
          moderate,
          emit,
          readiness,
          stats: counts,
          whole,
          inSpan: tracing?.publishing(untraced),
          metrics: measures,
        })
      : undefined;
  const server = lent ?? own?.server;
  const connection$ =
    server === undefined
      ? EMPTY
      : accept({
          clock,
          config,
          hooks,
          access,
          expiries: new ExpiryTimer(clock),
          outboxes: {
            bound: {
              messages: config.limits.sendBufferMessages,
              bytes: config.limits.sendBufferBytes,
            },
            now: () => clock.scheduler.now(),
            backlog,
          },
          emit,
          catchUps: pod.catchUps,
          newId: randomUUID,
          handshakes: tracing?.handshakes,
          server,
          isLent: lent !== undefined,
          connections,
          draining: () => draining$.value,
          ended$: deadline$,
        });

  const counted$ = new Observable<never>(() => {
    const folds = guarded([
      { name: 'metrics', take: measures.fold },
      { name: 'stats', take: counts.fold },
      ...(tracing === undefined ? [] : [{ name: 'spans', take: tracing.fold } as const]),
      ...(onEvent === undefined ? [] : [{ name: 'onEvent', take: onEvent } as const]),
    ]);
    const subscriptions = folds.map((take) => events.subscribe({ take }));
    return () => subscriptions.forEach((subscription) => subscription.unsubscribe());
  });

  const reported = [counted$, broker.event$, sql?.event$ ?? EMPTY];
  const running = from([...reported, ...pod.streams(connection$)])
    .pipe(
      mergeMapSet((event$: Observable<HubEvent>) => event$),
      consume(emit),
    )
    .subscribe();
  const address = own?.listen() ?? Promise.resolve(null);

  let handedOver: Promise<void> | undefined;
  /** Another pod publishes the messages of `chat_publish`. */
  const handOver = (): Promise<void> =>
    (handedOver ??= lastValueFrom(sql?.close() ?? EMPTY, { defaultValue: undefined }));

  const finish = async (): Promise<void> => {
    deadline$.next();
    for (const connection of connections) connection.terminate();
    await handOver();
    await lastValueFrom(broker.close(), { defaultValue: undefined });
    running.unsubscribe();
    if (own === undefined) return;
    // a server that is about to listen cannot be closed yet
    await address.catch(() => undefined);
    await own.close();
  };
  const end = (): Promise<void> => (ending ??= finish());

  return {
    address,
    shutDown: async () => {
      draining$.next(true);
      own?.leave();
      shutdown$.next();
      void handOver();
      await firstValueFrom(
        shutdown({
          clock,
          drainMs: config.server.drainMs,
          connections,
          http: own,
          hurry$,
        }),
      );
      await end();
    },
    hurry: () => hurry$.next(),
    end,
    publish: programPublish(publish, deadline$),
    readiness,
    metrics: measures.text,
    metricsJson: measures.json,
  };
};
