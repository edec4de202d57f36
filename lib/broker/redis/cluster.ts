/**
 * The Redis port on a Cluster with sharded pub/sub. Scripts go through ioredis's `Cluster`, which finds the
 * node and follows MOVED and ASK. Subscriptions have their own connections (`sharded-subscriber.ts`). The
 * session is ready when the Cluster is. It is lost when no node is left; when one node fails, only the
 * channels of that node are dropped.
 */
import { Cluster, Redis } from 'ioredis';
import type { Endpoint } from '../../config/hosts.js';
import type { RedisPort } from './port.js';
import { corked, drop } from './standalone.js';
import { redisClient } from './client.js';
import { redisAddresses, type RedisClientOptions, connectionOptions, nodeOf } from './options.js';
import { withName } from './connector.js';
import { reasons } from './reasons.js';
import { shardedSubscriber } from './sharded-subscriber.js';

/** How often ioredis reads the slots, to find changes of which no MOVED and no failure informed it. */
const REFRESH_MS = 5_000;
const NO_NODE =
  'no node of the Cluster can be reached: check REDIS_URL, and the addresses in CLUSTER SLOTS (cluster-announce-ip)';

export const clusterRedis = (options: RedisClientOptions): RedisPort => {
  const { url, clock } = options;
  const { retryStrategy: _, enableOfflineQueue: __, ...redisOptions } = connectionOptions(options);
  /** The masters that were seen last: the node in the URL may be gone one day. */
  let seen: readonly Endpoint[] = [];

  return redisClient(options, true, (_attempt, { ready, lost, dropped, message }) => {
    const seeds = redisAddresses(url).map(({ host, port }) => ({ host, port }));
    const cluster = new Cluster([...seeds, ...seen], {
      redisOptions,
      // the first commands to a node wait for its connection, at most `timeoutMs`; the script refuses
      // commands that are late
      enableOfflineQueue: true,
      clusterRetryStrategy: () => null,
      // a publish whose connection broke may have run: ioredis does not send it again
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      slotsRefreshInterval: REFRESH_MS,
      // certificates have names, so names must not be replaced by addresses
      ...(redisOptions.tls === undefined
        ? {}
        : { dnsLookup: (address, callback) => callback(null, address) }),
    });
    cluster.on('+node', (node: Redis) => {
      heedAsking(node);
      const { host = '', tls } = node.options;
      // for connections that ioredis opens itself
      if (tls !== undefined) node.options.tls = withName(host, tls);
    });
    const refresh = (): void => cluster.refreshSlotsCache();
    const subscribed = shardedSubscriber({
      connect: (node) => new Redis({ ...connectionOptions(options), ...nodeOf(node) }),
      drop,
      ownerOf: (slot) => cluster.slots[slot]?.[0],
      refresh,
      dropped,
      message,
      clock,
    });
    const masters = (): readonly Redis[] =>
      cluster.nodes('master').filter(({ status }) => status === 'ready');
    const hold = corked(masters, clock);

    const isTls = redisOptions.tls !== undefined;
    let reason = reasons(NO_NODE, isTls);
    cluster.on('error', (error: Error) => reason.add(error));
    cluster.on('node error', (error: Error) => reason.add(error));
    cluster.once('close', () => lost(reason.why()));
    cluster.once('end', () => lost(reason.why()));
    cluster.once('ready', () => {
      reason = reasons(NO_NODE, isTls);
      reason.answered();
      const { subscribe, unsubscribe } = subscribed;
      ready({ redis: cluster, hold, unanswered: refresh, subscribe, unsubscribe });
    });
    cluster.on('refresh', () => {
      seen = cluster
        .nodes('master')
        .map(({ options: { host = '', port = 6379 } }) => ({ host, port }));
    });

    return () => {
      subscribed.end();
      const nodes = cluster.nodes();
      cluster.disconnect();
      for (const node of nodes) drop(node);
    };
  });
};

/**
 * ioredis sends ASKING before a command that follows a moving slot, and ignores its result: when Redis
 * refuses it, or the connection breaks, the unhandled rejection would end the process. The command after it
 * fails and reports the reason.
 */
const heedAsking = (node: Redis): void => {
  const asking = node.asking.bind(node);
  Reflect.set(node, 'asking', () => {
    const reply = asking();
    reply.catch(() => undefined);
    return reply;
  });
};
