/**
 * The broker that a configuration asks for: the local one, or a cluster over one Redis, Sentinel or a
 * Cluster.
 */
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import type { Broker } from './index.js';
import { localBroker } from './local.js';
import { clusterBroker } from './cluster/cluster-broker.js';
import { standaloneRedis } from './redis/standalone.js';
import { clusterRedis } from './redis/cluster.js';
import type { RedisClientOptions } from './redis/options.js';

/** The name of the broker in `stats`, before there is a broker. */
export const brokerNameOf = ({ broker }: Config): 'local' | 'redis' =>
  broker.redisUrl === '' && broker.redisSentinels.length === 0 ? 'local' : 'redis';

/** How the configuration reaches Redis. */
export const redisOptionsOf = (
  { broker, log, server }: Config,
  clock: Clock,
): RedisClientOptions => ({
  url: broker.redisUrl,
  sentinels: broker.redisSentinels,
  sentinelName: broker.redisSentinelName,
  prefix: broker.redisPrefix,
  serverId: server.serverId,
  timeoutMs: broker.brokerTimeoutMs,
  positionTtlMs: log.logPositionTtlMs,
  logMessages: log.logMessages,
  logTtlMs: log.logTtlMs,
  clock,
});

export const brokerOf = (config: Config, clock: Clock): Broker => {
  const { broker, log, server } = config;
  if (brokerNameOf(config) === 'local') {
    return localBroker({
      clock,
      positionTtlMs: log.logPositionTtlMs,
      logMessages: log.logMessages,
      logTtlMs: log.logTtlMs,
    });
  }
  const options = redisOptionsOf(config, clock);
  const redis = broker.redisCluster ? clusterRedis(options) : standaloneRedis(options);
  return clusterBroker({
    redis,
    clock,
    serverId: server.serverId,
    timeoutMs: broker.brokerTimeoutMs,
    logTtlMs: log.logTtlMs,
    positionTtlMs: log.logPositionTtlMs,
  });
};
