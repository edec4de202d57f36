/**
 * The configuration: every variable of contract section 7, its default, its form and what it means. Read once, before
 * anything else runs, into a frozen plain object. Layers, the later the stronger: the schema here, `default.json`,
 * `{NODE_ENV}.json`, the environment. Whatever is wrong is found in one go, relations between values included, so that
 * a pod is configured in one try. No secret stands in a fault.
 */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import convict from 'convict';
import { sequenceS } from 'fp-ts/lib/Apply.js';
import * as E from 'fp-ts/lib/Either.js';
import * as RA from 'fp-ts/lib/ReadonlyArray.js';
import {
  boolean,
  duration,
  type Endpoint,
  endpoint,
  type Format,
  host,
  list,
  matching,
  network,
  oneOf,
  optional,
  origins,
  port,
  redisUrls,
  text,
  unavailable,
  url,
  whole,
} from './formats.js';

export interface Config {
  readonly server: {
    readonly port: number;
    readonly host: string;
    readonly serverId: string;
    readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
    readonly maxConnections: number;
    readonly drainMs: number;
    readonly readyRequiresBroker: boolean;
    readonly allowedOrigins: readonly string[];
    readonly basePath: string;
    readonly trustedProxies: readonly string[];
  };
  readonly access: {
    readonly authEnabled: boolean;
    readonly jwtSecret: string;
    readonly jwtPublicKey: string;
    readonly jwtJwksUrl: string;
    readonly jwtIssuer: string;
    readonly jwtAudience: string;
    readonly apiKeys: readonly string[];
    readonly globalPublish: 'any' | 'users' | 'server';
  };
  readonly limits: {
    readonly maxMessageBytes: number;
    readonly sendBufferMessages: number;
    readonly sendBufferBytes: number;
    readonly pingIntervalMs: number;
    readonly pongTimeoutMs: number;
    readonly maxRoomsPerConnection: number;
    readonly rateLimitPerSecond: number;
    readonly rateLimitBurst: number;
    readonly rateLimitBytes: number;
    readonly handshakeTimeoutMs: number;
    readonly maxConnectionsPerUser: number;
    readonly maxConnectionsPerAddress: number;
    readonly outboxTotalBytes: number;
    readonly roomLingerMs: number;
  };
  readonly broker: {
    /** Empty: this pod alone. A Cluster's may be several, comma separated. */
    readonly redisUrl: string;
    readonly redisSentinels: readonly Endpoint[];
    readonly redisSentinelName: string;
    readonly redisCluster: boolean;
    readonly brokerTimeoutMs: number;
    readonly kafkaBrokers: readonly string[];
    readonly kafkaTopic: string;
  };
  readonly log: {
    readonly logMessages: number;
    readonly logTtlMs: number;
    readonly logPositionTtlMs: number;
    readonly databaseUrl: string;
  };
  readonly presence: { readonly presenceEvents: boolean; readonly presenceMaxRoom: number };
}

/** One thing that is wrong: `key` is the variable, or the path in a file when the value came from there. */
export interface Fault {
  readonly key: string;
  /** On one line; secrets masked. */
  readonly value: string;
  readonly expected: string;
}

/** Some values of some groups. */
export type DeepPartial<T> = {
  readonly [K in keyof T]?: (T[K] extends string | number | boolean | readonly unknown[] ? T[K] : DeepPartial<T[K]>) | undefined;
};

type Environment = Readonly<Record<string, string | undefined>>;

// the schema

interface Setting<A> {
  readonly doc: string;
  /** As text or JSON would give it: the format reads defaults too. */
  readonly default: string | number | boolean;
  readonly env: string;
  readonly format: typeof OURS;
  readonly read: Format<A>;
  readonly sensitive: boolean;
}

type Group<G> = { readonly [K in keyof G]: Setting<G[K]> };
type Schema = { readonly [G in keyof Config]: Group<Config[G]> };

/**
 * convict merges the layers and names the variables. It would coerce a value by the type of its default unless the
 * format is a registered one, and its `validate` puts all faults into one text, secrets too: so the one format that is
 * registered leaves values as they are, and `Setting.read` judges them.
 */
const OURS = 'chat-api';
convict.addFormat({ name: OURS, coerce: (raw: unknown) => raw, validate: () => undefined });

const setting = <A>(env: string, fallback: string | number | boolean, read: Format<A>, doc: string): Setting<A> => ({
  doc,
  default: fallback,
  env,
  format: OURS,
  read,
  sensitive: false,
});

/** Never shown, whatever is in it: a private key may be pasted where a public one belongs. */
const secret = <A>(env: string, read: Format<A>, doc: string): Setting<A> => ({ ...setting(env, '', read, doc), sensitive: true });

const SERVER_ID = /^[A-Za-z0-9_.:-]{1,128}$/;

/**
 * Unique on one machine. Two containers that share the host's name and both run as process 1 need a `SERVER_ID` each.
 * The one place besides `main.ts` that asks the process something, so that programs that embed the library get it too.
 */
const ownServerId = (): string => {
  const end = `-${pid}`;
  return hostname().replaceAll(/[^A-Za-z0-9_.:-]/g, '-').slice(0, 128 - end.length) + end;
};

const serverId: Format<string> = (raw) =>
  raw === '' ? E.right(ownServerId()) : matching(SERVER_ID, '1 to 128 characters of A-Z a-z 0-9 _ . : -')(raw);

const MANY = 1_000_000_000;
const count = (min: number): Format<number> => whole(min, MANY);
const bytes = whole(1, Number.MAX_SAFE_INTEGER);
const BASE_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

const SCHEMA: Schema = {
  server: {
    port: setting('PORT', 8000, port, 'Where to listen; 0 takes any free port.'),
    host: setting('HOST', '127.0.0.1', host, 'The address to listen on; 0.0.0.0 with NODE_ENV=production (config/production.json).'),
    serverId: setting('SERVER_ID', '', serverId, 'The name of this pod among the others; empty: host name and process id.'),
    logLevel: setting('LOG_LEVEL', 'info', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'fatal, error, warn, info, debug, trace or silent.'),
    maxConnections: setting('MAX_CONNECTIONS', 10_000, count(1), 'Connections of this pod; one more gets 503.'),
    drainMs: setting('DRAIN_MS', 10_000, duration(0), 'How long connections are given to go when the pod stops.'),
    readyRequiresBroker: setting('READY_REQUIRES_BROKER', false, boolean, 'Whether /ready is 503 while the broker is down. All pods share it, so true takes all of them out.'),
    allowedOrigins: setting('ALLOWED_ORIGINS', '', origins, 'Origins of pages that may connect, comma separated; empty: the own one; *: all.'),
    basePath: setting('BASE_PATH', '/api/chat-api', matching(BASE_PATH, 'a path that starts with / and does not end with /'), 'What stands before /ws, /messages, /rooms.'),
    trustedProxies: setting('TRUSTED_PROXIES', '', list(network, 'addresses or blocks such as 10.0.0.0/8'), "Proxies whose X-Forwarded-For is believed: addresses or blocks, comma separated."),
  },
  access: {
    authEnabled: setting(
      'AUTH_ENABLED',
      false,
      unavailable(boolean, (on) => !on, 'false: this version knows no tokens yet, and would start open to everyone'),
      'Whether a token is needed. Not in this version: true stops the start.',
    ),
    jwtSecret: secret('JWT_SECRET', text, 'The secret of HS256 tokens.'),
    jwtPublicKey: secret('JWT_PUBLIC_KEY', text, 'The public key (PEM) of RS256, ES256 or EdDSA tokens.'),
    jwtJwksUrl: setting('JWT_JWKS_URL', '', optional(url('https:', 'http:')), 'Where the public keys of tokens are published.'),
    jwtIssuer: setting('JWT_ISSUER', '', text, 'The iss that a token must have; empty: any.'),
    jwtAudience: setting('JWT_AUDIENCE', '', text, 'The aud that a token must have; empty: any.'),
    apiKeys: secret('API_KEYS', list(matching(/^[\x21-\x7e]+$/, ''), 'keys without spaces'), 'Keys of other programs (X-API-Key), comma separated.'),
    globalPublish: setting('GLOBAL_PUBLISH', 'any', oneOf('any', 'users', 'server'), 'Who may send to everyone: any client, users with a token, or the server alone.'),
  },
  limits: {
    maxMessageBytes: setting('MAX_MESSAGE_BYTES', 65_536, bytes, 'A message as received; one byte more closes with 1009.'),
    sendBufferMessages: setting('SEND_BUFFER_MESSAGES', 256, count(1), 'Messages that may wait for a connection; one more closes it with 1013.'),
    sendBufferBytes: setting('SEND_BUFFER_BYTES', 1_048_576, bytes, 'The same in bytes.'),
    pingIntervalMs: setting('PING_INTERVAL_MS', 54_000, duration(1), 'A ping at least so often. Less than PONG_TIMEOUT_MS.'),
    pongTimeoutMs: setting('PONG_TIMEOUT_MS', 60_000, duration(1), 'A connection that is silent for so long is cut.'),
    maxRoomsPerConnection: setting('MAX_ROOMS_PER_CONNECTION', 100, count(1), "Rooms of one connection, the URL's included."),
    rateLimitPerSecond: setting('RATE_LIMIT_PER_SECOND', 100, count(1), 'Messages a second from one connection.'),
    rateLimitBurst: setting('RATE_LIMIT_BURST', 200, count(1), 'Messages that may come at once after a pause.'),
    rateLimitBytes: setting('RATE_LIMIT_BYTES', 1_048_576, bytes, 'Bytes a second from one connection.'),
    handshakeTimeoutMs: setting('HANDSHAKE_TIMEOUT_MS', 10_000, duration(1), 'How long a client may take to send its request.'),
    maxConnectionsPerUser: setting('MAX_CONNECTIONS_PER_USER', 0, count(0), 'Connections of one user; 0: no limit.'),
    maxConnectionsPerAddress: setting('MAX_CONNECTIONS_PER_ADDRESS', 0, count(0), 'Connections of one address; 0: no limit.'),
    outboxTotalBytes: setting('OUTBOX_TOTAL_BYTES', 268_435_456, bytes, 'What may wait for all connections together.'),
    roomLingerMs: setting('ROOM_LINGER_MS', 5000, duration(0), 'How long a room stays subscribed after its last leave.'),
  },
  broker: {
    redisUrl: setting('REDIS_URL', '', redisUrls, 'redis://, rediss:// or host:port; empty: this pod alone. Several, comma separated, with REDIS_CLUSTER.'),
    redisSentinels: setting('REDIS_SENTINELS', '', list(endpoint, 'host:port'), 'Sentinels as host:port, comma separated. Need REDIS_SENTINEL_NAME.'),
    redisSentinelName: setting('REDIS_SENTINEL_NAME', '', optional(matching(/^[A-Za-z0-9._-]+$/, 'a name of A-Z a-z 0-9 . _ -')), 'The name of the master that the Sentinels watch.'),
    redisCluster: setting('REDIS_CLUSTER', false, boolean, 'Whether REDIS_URL names nodes of a Redis Cluster.'),
    brokerTimeoutMs: setting('BROKER_TIMEOUT_MS', 2000, duration(1), "A publish that takes longer reaches this pod's members only."),
    kafkaBrokers: setting(
      'KAFKA_BROKERS',
      '',
      unavailable(list(text, ''), (brokers) => brokers.length === 0, 'nothing: Kafka comes with a later version'),
      'Brokers as host:port, comma separated. Not in this version: a value stops the start.',
    ),
    kafkaTopic: setting('KAFKA_TOPIC', 'realtime.messages', matching(TOPIC, '1 to 249 characters of A-Z a-z 0-9 . _ -'), 'The topic of log and archive.'),
  },
  log: {
    logMessages: setting('LOG_MESSAGES', 1000, whole(0, 1_000_000), "A room's last messages that are kept; 0: no log."),
    logTtlMs: setting('LOG_TTL_MS', 600_000, duration(1), 'How long they are kept.'),
    logPositionTtlMs: setting('LOG_POSITION_TTL_MS', 86_400_000, duration(1), 'How long a quiet room keeps its place. Not less than LOG_TTL_MS.'),
    databaseUrl: setting(
      'DATABASE_URL',
      '',
      unavailable(text, (address) => address === '', 'nothing: the archive in PostgreSQL comes with a later version'),
      'PostgreSQL for the archive. Not in this version: a value stops the start.',
    ),
  },
  presence: {
    presenceEvents: setting('PRESENCE_EVENTS', true, boolean, 'Whether members hear of joins and leaves.'),
    presenceMaxRoom: setting('PRESENCE_MAX_ROOM', 256, count(0), 'Larger rooms hear of none.'),
  },
};

type Settings = Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>>;
const GROUPS: Settings = SCHEMA;

// reading

/**
 * Reads the configuration of a pod: files in `directory`, if one is given, and the environment above them.
 * An empty variable is as if it were not set.
 */
export const readConfig = (env: Environment, directory: string | undefined): E.Either<readonly Fault[], Config> => {
  const { files, faults } = filesOf(env['NODE_ENV'] ?? '', directory);
  return check([...files.map(known)], env, faults);
};

/** The configuration of a program that embeds the library: the defaults with `overrides`, checked the same way. */
export const configOf = (overrides: DeepPartial<Config> = {}): E.Either<readonly Fault[], Config> => check([known(overrides)], {}, []);

/** A fault as one line of a log. */
export const faultLine = ({ key, value, expected }: Fault): string => `${key}=${value}: expected ${expected}`;

type Validated<A> = E.Either<readonly Fault[], A>;

/** Applies to a record of results: all of them, or the faults of all. */
const every = sequenceS(E.getApplicativeValidation(RA.getSemigroup<Fault>()));

const check = (layers: readonly Known[], env: Environment, early: readonly Fault[]): Validated<Config> => {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const merged = convict<Record<string, Record<string, unknown>>>(GROUPS, { env: set, args: [] });
  for (const { values } of layers) merged.load(values);
  const raw = merged.getProperties();

  const fault = <G extends keyof Config, K extends keyof Config[G] & string>(group: G, key: K, expected: string): Fault => {
    const { env: variable, sensitive }: Setting<unknown> = SCHEMA[group][key];
    const value = raw[group]?.[key];
    const filed = !(variable in set) && layers.some(({ values }) => values[group]?.[key] !== undefined);
    return { key: filed ? `${group}.${key}` : variable, value: sensitive ? MASK : shown(value), expected };
  };
  const of = <G extends keyof Config, K extends keyof Config[G] & string>(group: G, key: K): Validated<Config[G][K]> => {
    const settings: Group<Config[G]> = SCHEMA[group];
    const { read } = settings[key];
    return E.mapLeft((expected: string) => [fault(group, key, expected)])(read(raw[group]?.[key]));
  };

  const config: Validated<Config> = every({
    server: every({
      port: of('server', 'port'),
      host: of('server', 'host'),
      serverId: of('server', 'serverId'),
      logLevel: of('server', 'logLevel'),
      maxConnections: of('server', 'maxConnections'),
      drainMs: of('server', 'drainMs'),
      readyRequiresBroker: of('server', 'readyRequiresBroker'),
      allowedOrigins: of('server', 'allowedOrigins'),
      basePath: of('server', 'basePath'),
      trustedProxies: of('server', 'trustedProxies'),
    }),
    access: every({
      authEnabled: of('access', 'authEnabled'),
      jwtSecret: of('access', 'jwtSecret'),
      jwtPublicKey: of('access', 'jwtPublicKey'),
      jwtJwksUrl: of('access', 'jwtJwksUrl'),
      jwtIssuer: of('access', 'jwtIssuer'),
      jwtAudience: of('access', 'jwtAudience'),
      apiKeys: of('access', 'apiKeys'),
      globalPublish: of('access', 'globalPublish'),
    }),
    limits: every({
      maxMessageBytes: of('limits', 'maxMessageBytes'),
      sendBufferMessages: of('limits', 'sendBufferMessages'),
      sendBufferBytes: of('limits', 'sendBufferBytes'),
      pingIntervalMs: of('limits', 'pingIntervalMs'),
      pongTimeoutMs: of('limits', 'pongTimeoutMs'),
      maxRoomsPerConnection: of('limits', 'maxRoomsPerConnection'),
      rateLimitPerSecond: of('limits', 'rateLimitPerSecond'),
      rateLimitBurst: of('limits', 'rateLimitBurst'),
      rateLimitBytes: of('limits', 'rateLimitBytes'),
      handshakeTimeoutMs: of('limits', 'handshakeTimeoutMs'),
      maxConnectionsPerUser: of('limits', 'maxConnectionsPerUser'),
      maxConnectionsPerAddress: of('limits', 'maxConnectionsPerAddress'),
      outboxTotalBytes: of('limits', 'outboxTotalBytes'),
      roomLingerMs: of('limits', 'roomLingerMs'),
    }),
    broker: every({
      redisUrl: of('broker', 'redisUrl'),
      redisSentinels: of('broker', 'redisSentinels'),
      redisSentinelName: of('broker', 'redisSentinelName'),
      redisCluster: of('broker', 'redisCluster'),
      brokerTimeoutMs: of('broker', 'brokerTimeoutMs'),
      kafkaBrokers: of('broker', 'kafkaBrokers'),
      kafkaTopic: of('broker', 'kafkaTopic'),
    }),
    log: every({
      logMessages: of('log', 'logMessages'),
      logTtlMs: of('log', 'logTtlMs'),
      logPositionTtlMs: of('log', 'logPositionTtlMs'),
      databaseUrl: of('log', 'databaseUrl'),
    }),
    presence: every({
      presenceEvents: of('presence', 'presenceEvents'),
      presenceMaxRoom: of('presence', 'presenceMaxRoom'),
    }),
  });

  const relation = <A, B>(a: Validated<A>, b: Validated<B>, holds: (a: A, b: B) => boolean, otherwise: (a: A, b: B) => Fault): readonly Fault[] =>
    E.isLeft(a) || E.isLeft(b) || holds(a.right, b.right) ? [] : [otherwise(a.right, b.right)];

  const redisUrl = of('broker', 'redisUrl');
  const sentinels = of('broker', 'redisSentinels');
  const sentinelName = of('broker', 'redisSentinelName');
  const cluster = of('broker', 'redisCluster');
  const faults = [
    ...early,
    ...layers.flatMap((layer) => layer.faults),
    ...(E.isLeft(config) ? config.left : []),
    ...relation(
      of('limits', 'pingIntervalMs'),
      of('limits', 'pongTimeoutMs'),
      (ping, pong) => ping < pong,
      (_, pong) => fault('limits', 'pingIntervalMs', `less than PONG_TIMEOUT_MS, which is ${pong}`),
    ),
    ...relation(
      of('log', 'logTtlMs'),
      of('log', 'logPositionTtlMs'),
      (messages, position) => messages <= position,
      (messages) => fault('log', 'logPositionTtlMs', `not less than LOG_TTL_MS, which is ${messages}`),
    ),
    ...relation(
      sentinels,
      sentinelName,
      (list, name) => list.length === 0 || name !== '',
      () => fault('broker', 'redisSentinelName', 'the name of the master, as REDIS_SENTINELS is set'),
    ),
    ...relation(
      sentinels,
      sentinelName,
      (list, name) => list.length > 0 || name === '',
      () => fault('broker', 'redisSentinels', 'host:port of the Sentinels, as REDIS_SENTINEL_NAME is set'),
    ),
    ...relation(
      cluster,
      redisUrl,
      (on, address) => !on || address !== '',
      () => fault('broker', 'redisUrl', 'a node or more, as REDIS_CLUSTER is true'),
    ),
    ...relation(
      cluster,
      redisUrl,
      (on, address) => on || !address.includes(','),
      () => fault('broker', 'redisUrl', 'one address, as REDIS_CLUSTER is false'),
    ),
    ...relation(
      cluster,
      sentinels,
      (on, list) => !on || list.length === 0,
      () => fault('broker', 'redisCluster', 'false, as REDIS_SENTINELS is set: a Cluster has none'),
    ),
  ];
  if (faults.length > 0 || E.isLeft(config)) return E.left(faults);
  return E.right(frozen(config.right));
};

// files

interface Known {
  /** What the schema has. Only that is given to convict, which throws at an object where a value belongs. */
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly faults: readonly Fault[];
}

interface Files {
  readonly files: readonly unknown[];
  readonly faults: readonly Fault[];
}

const ENVIRONMENT = /^[A-Za-z0-9_-]*$/;

const filesOf = (nodeEnv: string, directory: string | undefined): Files => {
  if (directory === undefined) return { files: [], faults: [] };
  // it becomes a file's name
  if (!ENVIRONMENT.test(nodeEnv)) return { files: [], faults: [{ key: 'NODE_ENV', value: shown(nodeEnv), expected: 'a name of A-Z a-z 0-9 _ -' }] };
  const names = new Set(['default.json', ...(nodeEnv === '' ? [] : [`${nodeEnv}.json`])]);
  const results = [...names].flatMap((name) => (existsSync(join(directory, name)) ? [fileOf(directory, name)] : []));
  return { files: results.flatMap((result) => (E.isRight(result) ? [result.right] : [])), faults: results.flatMap((result) => (E.isLeft(result) ? [result.left] : [])) };
};

const fileOf = (directory: string, name: string): E.Either<Fault, unknown> =>
  // the parser's own words quote the file, secrets and all
  E.tryCatch((): unknown => JSON.parse(readFileSync(join(directory, name), 'utf8')), () => ({ key: name, value: 'the file', expected: 'a file with one JSON object' }));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const known = (file: unknown): Known => {
  if (!isObject(file)) return { values: {}, faults: [strange('configuration', file, 'an object of groups')] };
  const groups = Object.entries(file).map(([name, group]) => knownGroup(name, group));
  return { values: Object.fromEntries(groups.map(({ name, values }) => [name, values])), faults: groups.flatMap(({ faults }) => faults) };
};

const knownGroup = (name: string, group: unknown): { readonly name: string; readonly values: Readonly<Record<string, unknown>>; readonly faults: readonly Fault[] } => {
  const settings = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (group === undefined) return { name, values: {}, faults: [] };
  if (settings === undefined) return { name, values: {}, faults: [strange(name, group, `a known group: ${Object.keys(GROUPS).join(', ')}`)] };
  if (!isObject(group)) return { name, values: {}, faults: [strange(name, group, `an object with ${Object.keys(settings).join(', ')}`)] };
  const given = Object.entries(group).filter(([, value]) => value !== undefined);
  return {
    name,
    values: Object.fromEntries(given.filter(([key, value]) => Object.hasOwn(settings, key) && !isObject(value))),
    faults: given.flatMap(([key, value]) => {
      if (!Object.hasOwn(settings, key)) return [strange(`${name}.${key}`, value, `a known key: ${Object.keys(settings).join(', ')}`)];
      return isObject(value) ? [strange(`${name}.${key}`, value, 'a value')] : [];
    }),
  };
};

/** What stands where nothing is known: a secret under a mistyped key, perhaps, so its kind is all that is shown. */
const strange = (key: string, value: unknown, expected: string): Fault => ({
  key: printable(key),
  value: value === null ? 'null' : Array.isArray(value) ? '(an array)' : `(${typeof value})`,
  expected,
});

// showing

const MASK = '***';
const SHOWN = 120;

/** The value on one line, without what stands before an `@` or behind a `?`: passwords do, in any URL. */
const shown = (value: unknown): string => {
  const said = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  return printable(said.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${MASK}@`).replace(/\?.*/s, `?${MASK}`));
};

const printable = (said: string): string => {
  const line = JSON.stringify(said).slice(1, -1);
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
};

const frozen = <A>(value: A): A => {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
};

// .env.example

/** The text of `.env.example`: every variable, what it is, its default. */
export const envExample = (): string => {
  const groups = Object.entries(GROUPS).map(([name, settings]) => {
    const lines = Object.values(settings).map(({ doc, env, default: fallback }) => `# ${doc}\n${env}=${String(fallback)}\n`);
    return `# --- ${name} ---\n\n${lines.join('\n')}`;
  });
  return `${HEADER}\n${groups.join('\n')}`;
};

const HEADER = `# Every variable with its default; an empty one is as if not set. Times are in milliseconds.
# Written by \`npm run env-example\` from lib/config.ts. NODE_ENV=production reads config/production.json too.
`;
