/**
 * The bus on a Cluster with sharded pub/sub. Scripts go through ioredis's `Cluster`, which finds the node and follows
 * MOVED and ASK; subscriptions have connections of our own (`redis-shards.ts`). Ready when the Cluster is; it is lost
 * when none of its nodes is left, while one node's going only drops that node's channels.
 */
import { Cluster, Redis } from 'ioredis';
import type { Bus } from './bus.js';
import { corked, drop } from './redis.js';
import { isReply } from './redis-answers.js';
import { busOver } from './redis-bus.js';
import { type Run, runOn } from './redis-calls.js';
import {
  type Address,
  addressOf,
  type BusOptions,
  connectionOptions,
  seedsOf,
} from './redis-session.js';
import { shards } from './redis-shards.js';

/** Between ioredis's own looks at the slots, for what neither a MOVED nor a failure has told. */
const REFRESH_MS = 5_000;

export const redisClusterBus = (options: BusOptions): Bus => {
  const { url, clock } = options;
  const { retryStrategy: _, enableOfflineQueue: __, ...redisOptions } = connectionOptions(options);
  /** The masters last seen: the node that the URL names need not live for ever. */
  let seen: readonly Address[] = [];

  return busOver(options, true, (_attempt, { ready, lost, dropped, message }) => {
    const cluster = new Cluster([...seedsOf(url), ...seen], {
      redisOptions,
      // a node's first commands wait for its connection, at most `timeoutMs`; the script refuses what comes late
      enableOfflineQueue: true,
      clusterRetryStrategy: () => null,
      // a publish that broke off may have been done: only what Redis refused is sent again
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      slotsRefreshInterval: REFRESH_MS,
      // certificates bear names, so names must not become addresses
      ...(redisOptions.tls === undefined
        ? {}
        : { dnsLookup: (address, callback) => callback(null, address) }),
    });
    cluster.on('+node', heedAsking);
    const refresh = (): void => cluster.refreshSlotsCache();
    const subscribed = shards({
      connect: (node) => new Redis({ ...connectionOptions(options), ...addressOf(node, 6379) }),
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
    const runThere = runOn(cluster);
    const run: Run = async (script, keys, args) => {
      hold();
      try {
        return await runThere(script, keys, args);
      } catch (thrown) {
        if (!isReply(thrown)) refresh();
        throw thrown;
      }
    };

    let detail = 'no node of the Cluster is left';
    cluster.on('error', (error: Error) => {
      detail = error.message;
    });
    cluster.on('node error', (error: Error) => {
      detail = error.message;
    });
    cluster.once('close', () => lost(detail));
    cluster.once('end', () => lost(detail));
    cluster.once('ready', () =>
      ready({ run, subscribe: subscribed.subscribe, unsubscribe: subscribed.unsubscribe }),
    );
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
 * ioredis says ASKING before a command that follows a moving slot, and nobody looks at what becomes of it: refused, or its
 * connection broken, it would end the process. The command behind it tells.
 */
const heedAsking = (node: Redis): void => {
  const asking = node.asking.bind(node);
  Reflect.set(node, 'asking', () => {
    const said = asking();
    said.catch(() => undefined);
    return said;
  });
};
