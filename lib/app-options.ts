/** The options of an app, and why options are invalid. */
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Broker } from './broker/index.js';
import type { Clock } from './clock.js';
import type { Config } from './config/index.js';
import { SCHEMA } from './config/schema.js';
import type { Hooks } from './hooks.js';
import type { HubEvent } from './hub-event.js';
import { kindOf, named } from './protocol/json.js';

/** The options of an app. Only `config` is required. */
export interface AppOptions {
  /** From `configOrThrow`, `configOf` or `readConfig`. */
  readonly config: Config;
  /** The hooks of the application. */
  readonly hooks?: Hooks;
  /** Time and chance; by default those of the process. */
  readonly clock?: Clock;
  /**
   * An HTTP or HTTPS server of the embedding program. The app takes only its WebSocket upgrades below
   * `basePath`; other requests and upgrades stay the program's. The program calls `listen` and closes the
   * server. Without this option the app has its own server. HTTP/2 has no upgrades: an `http2` server must
   * allow HTTP/1.1 (`allowHTTP1`).
   */
  readonly server?: Server;
  /**
   * Makes a broker of the program's own, in place of the one of `config.broker`. Called once for each start.
   * The app closes the broker when it ends.
   */
  readonly broker?: (deps: BrokerDeps) => Broker;
  /**
   * Receives every event of the hub, to log or count it. An exception or a rejection does no harm: it is
   * counted in `realtime_event_failures`.
   */
  readonly onEvent?: (event: HubEvent) => void;
}

/** What a broker is made with. */
export interface BrokerDeps {
  readonly config: Config;
  readonly clock: Clock;
}

/** Why the options are invalid: programs without types can pass anything. */
export const optionsFlaw = (options: unknown): string | undefined => {
  if (!isObject(options))
    return `options: expected an object with \`config\`, got ${kindOf(options)}`;
  const unknown = Object.keys(options).find((name) => !OPTIONS.has(name));
  if (unknown !== undefined)
    return `${named(unknown)}: no option of an app; there are ${[...OPTIONS].join(', ')}`;
  const { config, hooks, server, onEvent } = options;
  if (!isObject(config) || CONFIG_PARTS.some((part) => !isObject(config[part]))) return NO_CONFIG;
  if (hooks !== undefined && !isObject(hooks))
    return `hooks: expected an object of functions, got ${kindOf(hooks)}`;
  const noHook = Object.keys(hooks ?? {}).find((name) => !HOOKS.some((hook) => hook === name));
  if (noHook !== undefined)
    return `hooks: ${named(noHook)} is no hook; there are ${HOOKS.join(', ')}`;
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

const OPTIONS: ReadonlySet<string> = new Set<keyof AppOptions>([
  'config',
  'hooks',
  'clock',
  'server',
  'broker',
  'onEvent',
]);
const HOOKS: readonly (keyof Hooks)[] = ['onConnect', 'onMessage', 'onDisconnect'];
/** In a configuration that was made by hand, one of these may be missing. */
const CONFIG_PARTS = Object.keys(SCHEMA);

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Not `instanceof http.Server`: HTTPS and HTTP/2 have classes of their own. */
const isServer = (given: unknown): boolean => given instanceof NetServer;

const NO_CONFIG =
  'config: expected a configuration from configOrThrow(), or the `right` of configOf() or readConfig()';
const NO_SERVER =
  'server: expected an HTTP server: createServer(app) with Express, app.server with Fastify, ' +
  'app.getHttpServer() with Nest';
