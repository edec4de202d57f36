/** What an app is made of, and what is no app whatever the types say. */
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Broker } from './broker/index.js';
import type { Clock } from './clock.js';
import type { Config } from './config/index.js';
import type { Hooks } from './hooks.js';
import type { HubEvent } from './hub-event.js';
import { kindOf } from './protocol/json.js';

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
   * Makes a broker of the program's own, which carries messages between pods in place of the one that `config.broker` asks for. Called
   * once a start; the app closes the broker when it ends.
   */
  readonly broker?: (deps: BrokerDeps) => Broker;
  /**
   * Sees every event of the hub, to log or count it. What it throws, or rejects with, harms nothing: it is counted in
   * `realtime_event_failures`.
   */
  readonly onEvent?: (event: HubEvent) => void;
}

/** What a broker is made with. */
export interface BrokerDeps {
  readonly config: Config;
  readonly clock: Clock;
}

/** What is no app, whatever the types say. */
export const optionsFlaw = (options: unknown): string | undefined => {
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

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Not `instanceof http.Server`: HTTPS and HTTP/2 have classes of their own. */
const isServer = (given: unknown): boolean => given instanceof NetServer;

const NO_CONFIG =
  'config: expected a configuration, as configOrThrow() makes it; of configOf() and readConfig() it is the `right`';
const NO_SERVER =
  'server: expected an HTTP server; of Express it is createServer(express), of Fastify its `server`, of Nest its getHttpServer()';
