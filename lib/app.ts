/**
 * An app: what a program starts, stops and speaks through. Nothing connects, listens or waits before `start()`; from there to the
 * end of `stop()` the work is the service's (`service.ts`).
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Server } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { brokerNameOf } from './broker/choice.js';
import type { Receipt } from './broker/index.js';
import { type Clock, systemClock } from './clock.js';
import {
  type Json,
  kindOf,
  type MessageType,
  named,
  programDraftOf,
  sameKey,
  SERVER,
} from './codec.js';
import type { Config } from './config.js';
import type { HubEvent } from './events.js';
import { HOOK_FAILED, type Hooks } from './hooks.js';
import type { Readiness } from './http/routes.js';
import { type Stats, stats } from './http/stats.js';
import { GLOBAL, type Room } from './position.js';
import { type Service, service } from './service.js';
import { isTaken } from './upgrades.js';

/** What an app is made of. Only `config` is needed. */
export interface AppOptions {
  /** From `configOrThrow`, `configOf` or `readConfig`. */
  readonly config: Config;
  /** Where the program has a say. */
  readonly hooks?: Hooks;
  /** Time and chance; the process' own by default. */
  readonly clock?: Clock;
  /**
   * An HTTP or HTTPS server of the embedding program. The app takes its WebSocket upgrades below `basePath` and nothing else: other
   * requests and upgrades stay the program's. Who listens, and who closes the server, is the program. Without it the app has a server of its own.
   * HTTP/2 carries no upgrades: an `http2` server has to allow HTTP/1.1 (`allowHTTP1`).
   */
  readonly server?: Server;
  /**
   * Sees every event of the hub, to log or count it. What it throws, or rejects with, harms nothing: it is counted in
   * `realtime_event_failures`.
   */
  readonly onEvent?: (event: HubEvent) => void;
}

/** What a program says to a room. */
export interface Notice {
  /** Null, or the empty name: everybody. It must be said: a typo must not speak to everybody. */
  readonly room: Room | null;
  /** `chat`, `notification` (default), or `system` with an application's own `data.event`. */
  readonly type?: Exclude<MessageType, 'presence'>;
  /** The `from` that members see; `server` by default. */
  readonly from?: string;
  /**
   * Any JSON value. What JSON has no form for (a Map, an instance of a class without `toJSON`, a function) is a TypeError that says where
   * it stands.
   */
  readonly data: Json;
  /** Idempotency key: the same one within 5 minutes is stored once. */
  readonly key?: string;
}

/** What the hook `onMessage` is not asked about. */
export type Announcement = Notice & { readonly type?: 'notification' | 'system' };

/** What became of a message. `id` is null where the hook `onMessage` took a chat away. */
export type Published = Omit<Receipt, 'id'> & { readonly id: string | null };

/** A chat service inside a program. */
export interface App {
  /**
   * Connects to the broker and takes connections. With a server of its own it listens on the configured address, and answers that; with
   * a lent one it answers null. Asked again, it is the same start. When it rejects nothing is left running, and it may be tried again.
   */
  readonly start: () => Promise<AddressInfo | null>;
  /**
   * Drains within `drainMs` and ends: resolves when nothing is left. `hurry` skips the drain: everybody is closed at once, also
   * when the drain has begun. Called again, it is the same end. A lent server is given back; the program closes it.
   */
  readonly stop: (options?: { readonly hurry?: boolean }) => Promise<void>;
  /**
   * Sends a message to a room's members on every pod, or to everybody. Rejects with a TypeError when it is no message, and with an Error
   * before `start()`, after `stop()`, or when nothing took it. The receipt is a plain object.
   */
  readonly publish: {
    (notice: Announcement): Promise<Receipt>;
    (notice: Notice): Promise<Published>;
  };
  /** Connections, rooms and messages of this pod; with a room, its connections here. */
  readonly stats: (room?: Room) => Stats;
  /** What `GET /ready` says. `starting` before `start()`. */
  readonly readiness: () => Readiness;
  /**
   * The metrics in Prometheus' text format, as they are now: each call costs half a millisecond, see `docs/security.md`. Empty before
   * `start()`.
   */
  readonly metrics: () => Promise<string>;
}

/**
 * Makes an app. It does nothing before `start()`: no connection, no timer, nothing that keeps the process alive.
 *
 *   const chat = app({ config: configOrThrow({ server: { port: 8000 } }) });
 *   await chat.start();
 *   process.once('SIGTERM', () => void chat.stop());
 */
export const app = (options: AppOptions): App => {
  const flaw = optionsFlaw(options);
  if (flaw !== undefined) throw new TypeError(flaw);
  const { config, hooks = {}, clock = systemClock, server: lent, onEvent } = options;
  let startedAt: number | undefined;
  let running: Service | undefined;
  let started: Promise<AddressInfo | null> | undefined;
  let stopped: Promise<void> | undefined;
  let ended = false;
  const counts = stats(config.server.serverId, brokerNameOf(config), () =>
    startedAt === undefined ? 0 : (clock.scheduler.now() - startedAt) / 1000,
  );

  const begin = async (): Promise<AddressInfo | null> => {
    const { basePath } = config.server;
    if (lent !== undefined && isTaken(lent, basePath))
      throw new Error(
        `another app has ${basePath || 'the root'} of this server: give one of them another BASE_PATH, or stop it`,
      );
    startedAt = clock.scheduler.now();
    const begun = service({ config, hooks, clock, lent, counts, onEvent });
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
    if (ended) throw new Error(ENDED);
    const flaw = noticeFlaw(notice);
    if (flaw !== undefined) throw new TypeError(flaw);
    const { type = 'notification', from = SERVER, data } = notice;
    const key = typeof notice.key === 'string' ? sameKey(notice.key) : notice.key;
    const room = notice.room ?? GLOBAL;
    const fields = { room, type, from, data, at: clock.wall(), key };
    const draft = programDraftOf(fields);
    if (isLeft(draft)) throw new TypeError(draft.left.text);
    if (running === undefined) throw new Error(stopped === undefined ? UNSTARTED : ENDED);
    const placed = await running.publish(draft.right, fields);
    if (isLeft(placed)) {
      switch (placed.left._tag) {
        case 'Ended':
          throw new Error(ENDED);
        case 'KeyReused':
          throw new Error('key: already used for other data; use a new key');
        case 'Unavailable':
          throw new Error(placed.left.detail);
        case 'Rejected':
          throw new Error(placed.left.text);
        case 'Failed':
          throw new Error(HOOK_FAILED[placed.left.how], { cause: placed.left.error });
      }
    }
    if (placed.right === undefined) return { id: null, duplicate: false, scope: 'cluster' };
    // the broker's own may be an instance whose fields are not all its own
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
      // null, whatever the types say, is none: an end must not fail for it
      const hurry = options?.hurry ?? false;
      if (hurry) running?.hurry();
      stopped ??= finish();
      if (hurry) running?.hurry();
      return stopped;
    },
    publish,
    stats: counts.now,
    readiness: () => running?.readiness() ?? (stopped === undefined ? 'starting' : 'draining'),
    metrics: async () => running?.metrics() ?? '',
  };
};

/** What is no app, whatever the types say. */
const optionsFlaw = (options: unknown): string | undefined => {
  if (!isObject(options))
    return `options: expected an object with \`config\`, got ${kindOf(options)}`;
  const { config, hooks, server, onEvent } = options;
  if (!isObject(config) || !isObject(config['server'])) return NO_CONFIG;
  if (hooks !== undefined && !isObject(hooks))
    return `hooks: expected an object of functions, got ${kindOf(hooks)}`;
  for (const name of HOOKS) {
    const hook = hooks?.[name];
    if (hook !== undefined && typeof hook !== 'function')
      return `hooks.${name}: expected a function, got ${kindOf(hook)}`;
  }
  if (server !== undefined && !isServer(server)) return NO_SERVER;
  return onEvent === undefined || typeof onEvent === 'function'
    ? undefined
    : `onEvent: expected a function, got ${kindOf(onEvent)}`;
};

const HOOKS: readonly (keyof Hooks)[] = ['onConnect', 'onMessage', 'onDisconnect'];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Not `instanceof http.Server`: HTTPS and HTTP/2 have classes of their own. */
const isServer = (given: unknown): boolean => given instanceof NetServer;

const FIELDS: ReadonlySet<string> = new Set<keyof Notice>(['room', 'type', 'from', 'data', 'key']);

/** What a program did not mean, whatever the types say: a room that is undefined, a field with a typo. */
const noticeFlaw = (notice: unknown): string | undefined => {
  if (!isObject(notice) || Array.isArray(notice))
    return `expected a message, such as { room: 'general', data: 'hello' }, got ${kindOf(notice)}`;
  const unknown = Object.keys(notice).find((name) => !FIELDS.has(name));
  if (unknown !== undefined)
    return `${named(unknown)}: no field of a message; there are ${[...FIELDS].join(', ')}`;
  return notice['room'] === undefined ? 'room: name the room, or null for everybody' : undefined;
};

const ENDED = 'the app has ended: make a new one with app()';
const UNSTARTED = 'the app has not started: await start() before publishing';
const NO_CONFIG =
  'config: expected a configuration, as configOrThrow() makes it; of configOf() and readConfig() it is the `right`';
const NO_SERVER =
  'server: expected an HTTP server; of Express it is createServer(express), of Fastify its `server`, of Nest its getHttpServer()';
