/**
 * The broker that a configuration asks for: the local one, or the one of many pods (`cluster/`). The latter
 * runs on one Redis, Sentinel, a Redis Cluster, or the exchange of the workers (`WORKERS`).
 */
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { Archive } from '../history/archive/port.js';
import { archivedBroker } from './archived/archived-broker.js';
import type { Broker } from './index.js';
import { localBroker } from './local.js';
import { clusterBroker } from './cluster/cluster-broker.js';
import { type Exchange, exchange } from './exchange/exchange.js';
import { exchangePort } from './exchange/exchange-port.js';
import type { Link } from './exchange/link.js';
import { standaloneRedis } from './redis/standalone.js';
import { clusterRedis } from './redis/cluster.js';
import type { RedisClientOptions } from './redis/options.js';
import type { RedisPort } from './redis/port.js';

/** The name of the broker in `stats`, before there is a broker. */
export const brokerNameOf = ({ broker }: Config): 'local' | 'redis' =>
  broker.redisUrl === '' && broker.redisSentinels.length === 0 ? 'local' : 'redis';

/** How much of the logs is kept, and for how long. */
const logOptionsOf = ({ log }: Config) => ({
  positionTtlMs: log.logPositionTtlMs,
  logMessages: log.logMessages,
  logTtlMs: log.logTtlMs,
});

/** The options with which a pod of this configuration connects to Redis. */
export const redisOptionsOf = (config: Config, clock: Clock): RedisClientOptions => ({
  url: config.broker.redisUrl,
  sentinels: config.broker.redisSentinels,
  sentinelName: config.broker.redisSentinelName,
  prefix: config.broker.redisPrefix,
  serverId: config.server.serverId,
  timeoutMs: config.broker.brokerTimeoutMs,
  ...logOptionsOf(config),
  clock,
});

const clusterOver = (redis: RedisPort, config: Config, clock: Clock, name: string): Broker =>
  clusterBroker({
    redis,
    name,
    clock,
    serverId: config.server.serverId,
    timeoutMs: config.broker.brokerTimeoutMs,
    ...logOptionsOf(config),
  });

export const brokerOf = (config: Config, clock: Clock): Broker => {
  if (brokerNameOf(config) === 'local') return localBroker({ clock, ...logOptionsOf(config) });
  const options = redisOptionsOf(config, clock);
  const redis = config.broker.redisCluster ? clusterRedis(options) : standaloneRedis(options);
  return clusterOver(redis, config, clock, 'redis');
};

/** A broker that stores in the archive what `broker` publishes. Without an archive: `broker` itself. */
export const archivedOf = (
  broker: Broker,
  archive: Archive | undefined,
  config: Config,
  clock: Clock,
): Broker =>
  archive === undefined
    ? broker
    : archivedBroker({ broker, archive, clock, timeoutMs: config.broker.brokerTimeoutMs });

/** The exchange of the workers of this configuration. Undefined: the workers use Redis. */
export const exchangeOf = (config: Config, clock: Clock): Exchange | undefined =>
  brokerNameOf(config) === 'local' ? exchange({ clock, ...logOptionsOf(config) }) : undefined;

/** The broker of a worker. `link`: the way to the exchange. */
export const workerBrokerOf = (config: Config, clock: Clock, link: Link): Broker => {
  if (brokerNameOf(config) !== 'local') return brokerOf(config, clock);
  const port = exchangePort({ link, clock, serverId: config.server.serverId });
  return { ...clusterOver(port, config, clock, 'workers'), unsentBytes: port.unsentBytes };
};
