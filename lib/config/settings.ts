/**
 * Every variable of contract section 7: its name, its default, its form and what it means. `config.ts` reads them.
 */
import { hostname } from 'node:os';
import { pid } from 'node:process';
import * as E from 'fp-ts/lib/Either.js';
import {
  boolean,
  duration,
  type Format,
  host,
  list,
  matching,
  network,
  oneOf,
  optional,
  origins,
  port,
  publicKeys,
  redisPrefix,
  redisUrls,
  sentinels,
  sharedSecret,
  text,
  unavailable,
  url,
  whole,
  workers,
} from './formats.js';
import type { Endpoint } from './hosts.js';

/** A checked configuration, frozen: groups of values, each with a variable in `.env.example`. */
export interface Config {
  readonly server: {
    readonly port: number;
    readonly host: string;
    readonly serverId: string;
    readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
    readonly logFormat: 'json' | 'pretty';
    readonly workers: number | 'auto';
    readonly maxConnections: number;
    readonly httpKeepAliveMs: number;
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
    /** Before every channel and key. */
    readonly redisPrefix: string;
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

export interface Setting<A> {
  readonly doc: string;
  /** As text or JSON would give it: the format reads defaults too. */
  readonly default: string | number | boolean;
  readonly env: string;
  readonly format: typeof OURS;
  readonly read: Format<A>;
  readonly sensitive: boolean;
}

export type Group<G> = { readonly [K in keyof G]: Setting<G[K]> };
export type Schema = { readonly [G in keyof Config]: Group<Config[G]> };

/** The one format that convict knows of; `config.ts` says why. */
export const OURS = 'chat-api';

const setting = <A>(
  env: string,
  fallback: string | number | boolean,
  read: Format<A>,
  doc: string,
): Setting<A> => ({
  doc,
  default: fallback,
  env,
  format: OURS,
  read,
  sensitive: false,
});

/** Never shown, whatever is in it: a private key may be pasted where a public one belongs. */
const secret = <A>(env: string, read: Format<A>, doc: string): Setting<A> => ({
  ...setting(env, '', read, doc),
  sensitive: true,
});

const SERVER_ID = /^[A-Za-z0-9_.:-]{1,128}$/;

/**
 * Unique on one machine. Two containers that share the host's name and both run as process 1 need a `SERVER_ID` each.
 * The one place besides `main.ts` that asks the process anything, so that programs that embed the library get it too.
 */
const ownServerId = (): string => {
  const end = `-${pid}`;
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9_.:-]/g, '-')
      .slice(0, 128 - end.length) + end
  );
};

const serverId: Format<string> = (raw) =>
  raw === ''
    ? E.right(ownServerId())
    : matching(SERVER_ID, '1 to 128 characters of A-Z a-z 0-9 _ . : -')(raw);

const MANY = 1_000_000_000;
const count = (min: number): Format<number> => whole(min, MANY);
const bytes = whole(1, Number.MAX_SAFE_INTEGER);
const BASE_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

export const SCHEMA: Schema = {
  server: {
    port: setting('PORT', 8000, port, 'Where to listen; 0 takes any free port.'),
    host: setting(
      'HOST',
      '127.0.0.1',
      host,
      'The address to listen on; 0.0.0.0 with NODE_ENV=production (config/production.json).',
    ),
    serverId: setting(
      'SERVER_ID',
      '',
      serverId,
      'The name of this pod among the others; empty: host name and process id.',
    ),
    logLevel: setting(
      'LOG_LEVEL',
      'info',
      oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
      'fatal, error, warn, info, debug, trace or silent.',
    ),
    logFormat: setting(
      'LOG_FORMAT',
      'json',
      oneOf('json', 'pretty'),
      'json for programs, pretty for people.',
    ),
    workers: setting(
      'WORKERS',
      1,
      workers,
      'Workers of a process, or auto. Without effect in this version, which runs one: run more pods.',
    ),
    maxConnections: setting(
      'MAX_CONNECTIONS',
      10_000,
      count(1),
      'Connections of this pod; one more gets 503.',
    ),
    httpKeepAliveMs: setting(
      'HTTP_KEEP_ALIVE_MS',
      75_000,
      duration(1),
      'How long an HTTP connection without a request stays open. Longer than the load balancer keeps it (often 60 s).',
    ),
    drainMs: setting(
      'DRAIN_MS',
      10_000,
      duration(0),
      'How long connections are given to go when the pod stops.',
    ),
    readyRequiresBroker: setting(
      'READY_REQUIRES_BROKER',
      false,
      boolean,
      'Whether /ready is 503 while the broker is down. All pods share it, so true takes all of them out.',
    ),
    allowedOrigins: setting(
      'ALLOWED_ORIGINS',
      '',
      origins,
      'Origins of pages that may connect, comma separated; empty: the own one; *: all. https://*.example.com: one label.',
    ),
    basePath: setting(
      'BASE_PATH',
      '/api/chat-api',
      matching(
        BASE_PATH,
        'a path such as /chat: it starts with /, does not end with /, and is not / alone',
      ),
      'What stands before /ws, /messages, /rooms.',
    ),
    trustedProxies: setting(
      'TRUSTED_PROXIES',
      '',
      list(
        network,
        'addresses or blocks such as 10.0.0.0/8, not wider than /8 (IPv6: /16): strangers would be in it',
      ),
      'Proxies whose X-Forwarded-For is believed: addresses or blocks up to /8 (IPv6: /16), comma separated.',
    ),
  },
  access: {
    authEnabled: setting(
      'AUTH_ENABLED',
      false,
      boolean,
      'Whether a token or a key is needed. With false everybody who reaches the pod may do everything.',
    ),
    jwtSecret: secret(
      'JWT_SECRET',
      sharedSecret,
      'The secret of HS256 tokens: 32 random bytes or more.',
    ),
    jwtPublicKey: secret(
      'JWT_PUBLIC_KEY',
      optional(publicKeys),
      'The public key of RS256, ES256 or EdDSA tokens: PEM (\\n for line ends), JWK or JWKS.',
    ),
    jwtJwksUrl: setting(
      'JWT_JWKS_URL',
      '',
      optional(url('https:', 'http:')),
      'Where the public keys of tokens are published, as JWKS.',
    ),
    jwtIssuer: setting('JWT_ISSUER', '', text, 'The iss that a token must have; empty: any.'),
    jwtAudience: setting('JWT_AUDIENCE', '', text, 'The aud that a token must have; empty: any.'),
    apiKeys: secret(
      'API_KEYS',
      list(matching(/^[\x21-\x7e]+$/, ''), 'keys without spaces'),
      'Keys of other programs (X-API-Key), comma separated; 8 characters or more, better 32 random ones.',
    ),
    globalPublish: setting(
      'GLOBAL_PUBLISH',
      'any',
      oneOf('any', 'users', 'server'),
      'Who may send to everyone: any client, users with a token, or the server alone.',
    ),
  },
  limits: {
    maxMessageBytes: setting(
      'MAX_MESSAGE_BYTES',
      65_536,
      bytes,
      'A message as received; one byte more closes with 1009.',
    ),
    sendBufferMessages: setting(
      'SEND_BUFFER_MESSAGES',
      256,
      count(1),
      'Messages that may wait for a connection; one more closes it with 1013.',
    ),
    sendBufferBytes: setting('SEND_BUFFER_BYTES', 1_048_576, bytes, 'The same in bytes.'),
    pingIntervalMs: setting(
      'PING_INTERVAL_MS',
      54_000,
      duration(1),
      'A ping at least so often. Less than PONG_TIMEOUT_MS.',
    ),
    pongTimeoutMs: setting(
      'PONG_TIMEOUT_MS',
      60_000,
      duration(1),
      'A connection that is silent for so long is cut.',
    ),
    maxRoomsPerConnection: setting(
      'MAX_ROOMS_PER_CONNECTION',
      100,
      count(1),
      "Rooms of one connection, the URL's included.",
    ),
    rateLimitPerSecond: setting(
      'RATE_LIMIT_PER_SECOND',
      100,
      count(1),
      'Messages a second from one connection.',
    ),
    rateLimitBurst: setting(
      'RATE_LIMIT_BURST',
      200,
      count(1),
      'Messages that may come at once after a pause.',
    ),
    rateLimitBytes: setting(
      'RATE_LIMIT_BYTES',
      1_048_576,
      bytes,
      'Bytes a second from one connection.',
    ),
    handshakeTimeoutMs: setting(
      'HANDSHAKE_TIMEOUT_MS',
      10_000,
      duration(1),
      'How long a client may take to send its request, and the pod then to judge its token.',
    ),
    maxConnectionsPerUser: setting(
      'MAX_CONNECTIONS_PER_USER',
      0,
      count(0),
      'Connections of one user on this pod; 0: no limit.',
    ),
    maxConnectionsPerAddress: setting(
      'MAX_CONNECTIONS_PER_ADDRESS',
      0,
      count(0),
      'Connections of one address on this pod, IPv6 by /64; 0: no limit.',
    ),
    outboxTotalBytes: setting(
      'OUTBOX_TOTAL_BYTES',
      268_435_456,
      bytes,
      'What may wait for all connections together.',
    ),
    roomLingerMs: setting(
      'ROOM_LINGER_MS',
      5000,
      duration(0),
      'How long a room stays subscribed after its last leave.',
    ),
  },
  broker: {
    redisUrl: setting(
      'REDIS_URL',
      '',
      redisUrls,
      'redis://, rediss:// or host:port; empty: this pod alone. Several, comma separated, with REDIS_CLUSTER.',
    ),
    redisSentinels: setting(
      'REDIS_SENTINELS',
      '',
      sentinels,
      'Sentinels as host:port, comma separated. Need REDIS_SENTINEL_NAME.',
    ),
    redisSentinelName: setting(
      'REDIS_SENTINEL_NAME',
      '',
      optional(matching(/^[A-Za-z0-9._-]+$/, 'a name of A-Z a-z 0-9 . _ -')),
      'The name of the master that the Sentinels watch.',
    ),
    redisCluster: setting(
      'REDIS_CLUSTER',
      false,
      boolean,
      'Whether REDIS_URL names nodes of a Redis Cluster.',
    ),
    redisPrefix: setting(
      'REDIS_PREFIX',
      '',
      optional(redisPrefix),
      'Stands before every channel and key: two services on one Redis need a different one each, such as chat-a:',
    ),
    brokerTimeoutMs: setting(
      'BROKER_TIMEOUT_MS',
      2000,
      duration(1),
      "A publish that takes longer reaches this pod's members only.",
    ),
    kafkaBrokers: setting(
      'KAFKA_BROKERS',
      '',
      unavailable(
        list(text, ''),
        (brokers) => brokers.length === 0,
        'nothing: Kafka comes with a later version',
      ),
      'Brokers as host:port, comma separated. Not in this version: a value stops the start.',
    ),
    kafkaTopic: setting(
      'KAFKA_TOPIC',
      'realtime.messages',
      matching(TOPIC, '1 to 249 characters of A-Z a-z 0-9 . _ -'),
      'The topic of log and archive.',
    ),
  },
  log: {
    logMessages: setting(
      'LOG_MESSAGES',
      1000,
      whole(0, 1_000_000),
      "A room's last messages that are kept; 0: no log.",
    ),
    logTtlMs: setting('LOG_TTL_MS', 600_000, duration(1), 'How long they are kept.'),
    logPositionTtlMs: setting(
      'LOG_POSITION_TTL_MS',
      86_400_000,
      duration(1),
      'How long a quiet room keeps its place. Not less than LOG_TTL_MS.',
    ),
    databaseUrl: setting(
      'DATABASE_URL',
      '',
      unavailable(
        text,
        (address) => address === '',
        'nothing: the archive in PostgreSQL comes with a later version',
      ),
      'PostgreSQL for the archive. Not in this version: a value stops the start.',
    ),
  },
  presence: {
    presenceEvents: setting(
      'PRESENCE_EVENTS',
      true,
      boolean,
      'Whether members hear of joins and leaves.',
    ),
    presenceMaxRoom: setting('PRESENCE_MAX_ROOM', 256, count(0), 'Larger rooms hear of none.'),
  },
};

export type Settings = Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>>;
