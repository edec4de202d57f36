/** The options of ioredis for a Redis: its address, the user, and limits of a connection. */
import { isRight } from 'fp-ts/lib/Either.js';
import type { RedisOptions } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../../clock.js';
import type { Endpoint } from '../../config/hosts.js';
import { type RedisAddress, readRedisUrl } from '../../config/redis-url.js';
import { MasterConnector, namedMaster, NodeConnector } from './connector.js';

export interface RedisClientOptions {
  /**
   * In the form of `config/redis-url.ts`. With Sentinels its host and port are not used: only user, password,
   * database and TLS.
   */
  readonly url: string;
  /** Empty: no Sentinel. */
  readonly sentinels: readonly Endpoint[];
  readonly sentinelName: string;
  /** The prefix of every channel and key. */
  readonly prefix: string;
  readonly serverId: string;
  readonly timeoutMs: number;
  readonly positionTtlMs: number;
  readonly logMessages: number;
  readonly logTtlMs: number;
  readonly clock: Clock;
  /** For `rediss://` with a private certificate authority. With NODE_EXTRA_CA_CERTS it is not needed. */
  readonly tls?: ConnectionOptions | undefined;
}

/** Without `replyMapping`, whose type would decide the types of all answers. */
export type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>;

const CONNECT_MS = 1_000;
/**
 * The timeout for each Sentinel: three may have to be asked before a session must be ready (`connection.ts`).
 */
const SENTINEL_MS = 500;
/** How long a closed connection waits for the peer to close its side, before it is destroyed. */
const GOODBYE_MS = 100;

const NOBODY: RedisAddress = {
  host: '127.0.0.1',
  port: 6_379,
  tls: false,
  username: '',
  password: '',
  database: 0,
};

/** A Cluster may have several. With Sentinels the URL may be empty: then the user is Redis's default user. */
export const redisAddresses = (url: string): readonly [RedisAddress, ...RedisAddress[]] => {
  const read = readRedisUrl(url);
  if (isRight(read)) return read.right;
  if (url === '') return [NOBODY];
  // the configuration has checked the URL before, with the same function
  throw new TypeError(`REDIS_URL: expected ${read.left}`);
};

/** A node of a Cluster as other nodes name it: `host:port`, IPv6 without brackets. */
export const nodeOf = (text: string): Endpoint => {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};

/**
 * The options of every connection. RESP3 separates pushes from answers: an unsolicited `sunsubscribe` of a
 * Cluster cannot be taken for the answer to a command, and a subscriber can send other commands. ioredis
 * falls back to RESP2 by itself. Payloads are Buffers in both.
 */
export const connectionOptions = ({
  url,
  serverId,
  timeoutMs,
  tls,
}: RedisClientOptions): ConnectionSettings => {
  const [{ username, password, database, tls: isTls }] = redisAddresses(url);
  return {
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(database === 0 ? {} : { db: database }),
    ...(isTls ? { tls: tls ?? {} } : {}),
    Connector: NodeConnector,
    // Redis accepts only visible ASCII characters in a client name
    connectionName: `chat-api:${serverId.replace(/[^!-~]/g, '_')}`,
    protocol: 3,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    commandTimeout: timeoutMs,
    connectTimeout: CONNECT_MS,
    disconnectTimeout: GOODBYE_MS,
    maxLoadingRetryTime: 200,
  };
};

/**
 * Where to connect. Each attempt begins with another Sentinel: one that hangs delays one attempt, not every
 * one.
 */
export const whereOf = (
  { sentinels, sentinelName, url, tls }: RedisClientOptions,
  attempt: number,
): ConnectionSettings => {
  const [{ host, port, tls: isTls }] = redisAddresses(url);
  // `standalone.ts` checks INFO in place of ioredis, which waits without a message while Redis loads its data
  if (sentinels.length === 0) return { host, port, enableReadyCheck: false };
  const from = attempt % sentinels.length;
  return {
    sentinels: [...sentinels.slice(from), ...sentinels.slice(0, from)],
    name: sentinelName,
    enableReadyCheck: false,
    Connector: MasterConnector,
    sentinelCommandTimeout: SENTINEL_MS,
    sentinelRetryStrategy: () => null,
    ...(isTls
      ? { enableTLSForSentinelMode: true, sentinelTLS: tls ?? {}, natMap: namedMaster }
      : {}),
  };
};
