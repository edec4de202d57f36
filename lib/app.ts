/**
 * An app: what a program starts, stops and publishes through. Nothing connects, listens or waits before
 * `start()`. From `start()` to the end of `stop()`, the service (`composition.ts`) does the work.
 */
import { ENDED, NotPublished, notPublished } from './not-published.js';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { AddressInfo } from 'node:net';
import { type AppOptions, optionsFlaw } from './app-options.js';
import { archivedOf, brokerNameOf, brokerOf } from './broker/from-config.js';
import type { Receipt } from './broker/index.js';
import { systemClock } from './clock.js';
import { type Composition, composition } from './composition.js';
import { archiveOf, sqlOutboxOf } from './history/archive/from-config.js';
import { isTaken } from './connection/upgrade-router.js';
import type { Readiness, Whole } from './http/routes.js';
import { type Announcement, type Notice, noticeDraft, type Published } from './notice.js';
import type { Room } from './protocol/position.js';
import { type Stats, stats } from './telemetry/stats.js';
import type { Tracing } from './telemetry/tracing.js';

/** A chat service inside a program. */
export interface App {
  /**
   * Connects to the broker and accepts connections. With its own server the app listens on the configured
   * address and resolves with it; with a lent server it resolves with null. A second call returns the same
   * start. When it rejects, nothing is left running, and it may be called again. After `stop()` it rejects.
   */
  readonly start: () => Promise<AddressInfo | null>;
  /**
   * Drains within `drainMs` and ends; resolves when nothing is left. `hurry` skips the drain and closes all
   * connections at once, also when the drain has begun. A second call returns the same end. A lent server is
   * given back; the program closes it.
   */
  readonly stop: (options?: { readonly hurry?: boolean }) => Promise<void>;
  /**
   * Sends a message to the members of a room on every pod, or to everyone. Rejects with a TypeError when the
   * message is invalid. Any other rejection is a `NotPublished`: its `code` says why the message was not
   * accepted. With the code `ended` it may have been sent. With `unavailable` it may have been sent too, when
   * there is an archive. The receipt is a plain object.
   */
  readonly publish: {
    (notice: Announcement): Promise<Receipt>;
    (notice: Notice): Promise<Published>;
  };
  /** Connections, rooms and messages of this pod; with a room, its connections on this pod. */
  readonly stats: (room?: Room) => Stats;
  /** The status of `GET /ready`. `starting` before `start()`. */
  readonly readiness: () => Readiness;
  /**
   * The metrics in Prometheus' text format. Each call renders them: 0.5 ms, with 10,000 connections 5 ms.
   * Only `GET /metrics` has a cache. Empty before `start()`.
   */
  readonly metrics: () => Promise<string>;
}

/** A service, and what it reports when it is a worker of a larger one. */
export interface WorkerApp extends App {
  /** The stats of this pod, with the names of its rooms. */
  readonly statsPart: (room?: Room) => Stats & { readonly room_names: readonly Room[] };
  /** The metrics as data. Empty before `start()`. */
  readonly metricsPart: () => Promise<readonly object[]>;
}

/**
 * Makes an app. It does nothing before `start()`: no connection, no timer, nothing that keeps the process
 * alive.
 *
 *   const chat = app({ config: configOrThrow({ server: { port: 8000 } }) });
 *   await chat.start();
 *   process.once('SIGTERM', () => void chat.stop());
 */
export const app = (options: AppOptions): App => {
  const { start, stop, publish, stats: now, readiness, metrics } = workerApp(options, {});
  return { start, stop, publish, stats: now, readiness, metrics };
};

/** What the service's own process adds to an app. */
export interface ProcessParts {
  /** The reports of all workers, when this process is one of them. */
  readonly whole?: Whole | undefined;
  /** Absent unless spans are made. */
  readonly tracing?: Tracing | undefined;
}

/** `app` for the service's own process. */
export const workerApp = (options: AppOptions, { whole, tracing }: ProcessParts): WorkerApp => {
  const flaw = optionsFlaw(options);
  if (flaw !== undefined) throw new TypeError(flaw);
  const {
    config,
    hooks = {},
    clock = systemClock,
    server: lent,
    broker: makeBroker,
    onEvent,
  } = options;
  let startedAt: number | undefined;
  let running: Composition | undefined;
  let started: Promise<AddressInfo | null> | undefined;
  let stopped: Promise<void> | undefined;
  let ended = false;
  let brokerName: string = makeBroker === undefined ? brokerNameOf(config) : 'own';
  const counts = stats({
    serverId: config.server.serverId,
    broker: () => brokerName,
    uptimeS: () => (startedAt === undefined ? 0 : (clock.scheduler.now() - startedAt) / 1000),
  });

  const begin = async (): Promise<AddressInfo | null> => {
    const { basePath } = config.server;
    if (lent !== undefined && isTaken(lent, basePath))
      throw new Error(
        `another app uses ${basePath || 'the root'} of this server: ` +
          'give one of the two another BASE_PATH, or stop that app',
      );
    startedAt = clock.scheduler.now();
    // without an archive all of this happens in the call of `start`
    const loading = archiveOf(config, clock);
    const archive = loading === undefined ? undefined : await loading;
    const sqlOutbox = archive === undefined ? undefined : await sqlOutboxOf(config, clock);
    if (stopped !== undefined) {
      archive?.close().subscribe();
      throw new Error(ENDED);
    }
    const unarchived = makeBroker?.({ config, clock }) ?? brokerOf(config, clock);
    const broker = archivedOf(unarchived, archive, config, clock);
    brokerName = broker.name;
    const begun = composition({
      config,
      hooks,
      clock,
      broker,
      sqlOutbox,
      lent,
      counts,
      whole,
      tracing,
      onEvent,
    });
    running = begun;
    try {
      return await begun.address;
    } catch (error) {
      await begun.end();
      running = undefined;
      throw error;
    }
  };

  const finish = async (): Promise<void> => {
    await running?.shutDown();
    ended = true;
  };

  function publish(notice: Announcement): Promise<Receipt>;
  function publish(notice: Notice): Promise<Published>;
  async function publish(notice: Notice): Promise<Published> {
    if (ended) throw new NotPublished('ended', ENDED);
    const made = noticeDraft(notice, clock.wall());
    if (isLeft(made)) throw new TypeError(made.left);
    if (running === undefined)
      throw stopped === undefined
        ? new NotPublished('not_started', UNSTARTED)
        : new NotPublished('ended', ENDED);
    const placed = await running.publish(made.right.draft, made.right.fields);
    if (isLeft(placed)) throw notPublished(placed.left);
    if (placed.right === undefined) return { id: null, duplicate: false, scope: 'cluster' };
    // a broker of the program's own may return an instance with inherited fields as the receipt
    const { id, duplicate, scope } = placed.right;
    return { id, duplicate, scope };
  }

  return {
    start: async () => {
      if (stopped !== undefined) throw new Error(ENDED);
      started ??= begin().catch((error: unknown) => {
        started = undefined;
        throw error;
      });
      return started;
    },
    stop: (options) => {
      // programs without types may pass null, which counts as absent: `stop` must not fail for it
      const hurry = options?.hurry ?? false;
      if (hurry) running?.hurry();
      stopped ??= finish();
      return stopped;
    },
    publish,
    stats: counts.now,
    readiness: () => running?.readiness() ?? (stopped === undefined ? 'starting' : 'draining'),
    metrics: async () => running?.metrics() ?? '',
    statsPart: (room) => ({ ...counts.now(room), room_names: counts.roomNames() }),
    metricsPart: async () => running?.metricsJson() ?? [],
  };
};

const UNSTARTED = 'the app has not started: await start() before publishing';
