/** What ioredis is told of a Redis: where it is, who we are there, and what a connection may take. */
import { isRight } from 'fp-ts/lib/Either.js';
import type { RedisOptions } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../../clock.js';
import type { Endpoint } from '../../config/hosts.js';
import { type RedisAddress, readRedisUrl } from '../../config/redis-url.js';
import { MasterConnector, namedMaster, NodeConnector } from './connector.js';

export interface RedisClientOptions {
  /** As `config/redis-url.ts` reads it. With Sentinels, only who we are is read from it. */
  readonly url: string;
  /** None: no Sentinel. */
  readonly sentinels: readonly Endpoint[];
  readonly sentinelName: string;
  /** Before every channel and key. */
  readonly prefix: string;
  readonly serverId: string;
  readonly timeoutMs: number;
  readonly positionTtlMs: number;
  readonly logMessages: number;
  readonly logTtlMs: number;
  readonly clock: Clock;
  /** For `rediss://` with an authority of one's own; NODE_EXTRA_CA_CERTS does without it. */
  readonly tls?: ConnectionOptions | undefined;
}

/** Without the one of ioredis's options whose type decides that of every answer. */
export type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>;

const CONNECT_MS = 1_000;
/** For each Sentinel: three may have to be asked within the 3 s that a session has to be ready. */
const SENTINEL_MS = 500;
/** What a closed connection gets to say goodbye. */
const GOODBYE_MS = 100;

const NOBODY: RedisAddress = {
  host: '127.0.0.1',
  port: 6_379,
  tls: false,
  username: '',
  password: '',
  database: 0,
};

/** Of a Cluster there may be several. With Sentinels there may be none: then we are the default user. */
export const redisAddresses = (url: string): readonly [RedisAddress, ...RedisAddress[]] => {
  const read = readRedisUrl(url);
  if (isRight(read)) return read.right;
  if (url === '') return [NOBODY];
  // the configuration reads it first, by the same function
  throw new TypeError(`REDIS_URL: expected ${read.left}`);
};

/** A node of a Cluster as it is named by the others: `host:port`, IPv6 without brackets. */
export const nodeOf = (text: string): Endpoint => {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};

/**
 * What every connection has. RESP3, as it keeps pushes apart from answers: a Cluster's unasked `sunsubscribe` cannot be
 * taken for the answer to a command, and a subscriber can be asked other things; ioredis falls back to RESP2 by itself.
 * Payloads are Buffers in both.
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
    // of a client's name Redis takes visible characters only
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

/** Where to connect. The Sentinels' order turns with each attempt: one that hangs costs one attempt, not each. */
export const whereOf = (
  { sentinels, sentinelName, url, tls }: RedisClientOptions,
  attempt: number,
): ConnectionSettings => {
  const [{ host, port, tls: isTls }] = redisAddresses(url);
  // INFO is judged by us: ioredis waits for a Redis that loads, and says nothing
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
