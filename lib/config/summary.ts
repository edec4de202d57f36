/** A summary of the configuration for the log, without secrets. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { readDatabaseUrl } from './database-url.js';
import { type RedisAddress, readRedisUrl } from './redis-url.js';
import type { Config } from './schema.js';

/**
 * `local`, `redis://host:port/db`, the nodes of a Cluster, or the Sentinels and the name of the master.
 */
export const brokerText = ({ broker }: Pick<Config, 'broker'>): string => {
  const { redisUrl, redisSentinels, redisSentinelName, redisCluster } = broker;
  const sentinels = redisSentinels.map(({ host, port }) => `${host}:${port}`).join(',');
  if (sentinels !== '') return `redis sentinel ${redisSentinelName} at ${sentinels}`;
  if (redisUrl === '') return 'local';
  const addresses = readRedisUrl(redisUrl);
  if (isLeft(addresses)) return 'redis';
  const texts = addresses.right.map(addressText);
  return redisCluster ? `redis cluster ${texts.join(',')}` : texts.join(',');
};

/** Scheme, host, port and database; user and password are left out. */
const addressText = ({ tls, host, port, database }: RedisAddress): string =>
  `${tls ? 'rediss' : 'redis'}://${bracketed(host)}:${port}/${database}`;

/** `postgres://host:port/database`, without user, password and parameters; undefined without an archive. */
export const archiveText = ({ log }: Pick<Config, 'log'>): string | undefined => {
  if (log.databaseUrl === '') return undefined;
  const address = readDatabaseUrl(log.databaseUrl);
  return isRight(address)
    ? `postgres://${bracketed(address.right.host)}:${address.right.port}/${address.right.database}`
    : 'postgres';
};

const bracketed = (host: string): string =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;

/** The address that a person on this machine opens. */
export const urlText = (host: string, port: number): string => {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${bracketed(near)}:${port}`;
};
