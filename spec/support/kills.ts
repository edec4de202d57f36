/**
 * Connections to Redis that break while Redis works: of one pod or of all, those for subscriptions, those for
 * commands, or both, ten times in two seconds, on each kind of Redis. This is no outage: no client may get
 * `degraded`, and each ack must be without `scope`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultCase } from './fault-cases.js';
import { type RedisServer, startRedis } from './redis.js';
import { startCluster } from './redis-cluster.js';
import { startSentinels } from './redis-sentinels.js';

interface Topology {
  readonly name: string;
  readonly start: () => Promise<{
    readonly env: Readonly<Record<string, string>>;
    /** The nodes that pods connect to. */
    readonly nodes: readonly RedisServer[];
    readonly stop: () => Promise<void>;
  }>;
}

const TOPOLOGIES: readonly Topology[] = [
  {
    name: 'one Redis',
    start: async () => {
      const redis = await startRedis();
      return { env: { REDIS_URL: redis.url }, nodes: [redis], stop: redis.stop };
    },
  },
  {
    name: 'Sentinel',
    start: async () => {
      const trio = await startSentinels();
      const env = {
        REDIS_URL: trio.url,
        REDIS_SENTINELS: trio.addresses.join(','),
        REDIS_SENTINEL_NAME: trio.name,
      };
      return { env, nodes: [trio.nodes[0]], stop: trio.stop };
    },
  },
  {
    name: 'Cluster',
    start: async () => {
      const cluster = await startCluster();
      const env = { REDIS_URL: cluster.url, REDIS_CLUSTER: 'true' };
      return { env, nodes: cluster.nodes, stop: cluster.stop };
    },
  },
];

type Which = 'subscriber' | 'publisher' | 'both';
const WHICH: readonly Which[] = ['subscriber', 'publisher', 'both'];
const APART_MS = 200;

const fieldOf = (line: string, name: string): string =>
  new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1] ?? '';

/** Kills the connections of the pods whose name begins with `pods`. */
const kill = async (node: RedisServer, which: Which, pods: string): Promise<void> => {
  const clients = String(await node.command('CLIENT', 'LIST')).split('\n');
  const chosen = clients.filter((line) => {
    if (!fieldOf(line, 'name').startsWith(`chat-api:${pods}`)) return false;
    const isSubscriber = fieldOf(line, 'flags').includes('P');
    return which === 'both' || isSubscriber === (which === 'subscriber');
  });
  for (const line of chosen) await node.command('CLIENT', 'KILL', 'ID', fieldOf(line, 'id'));
};

/** `times` kills, each time of other connections. */
export const kills = ({
  times,
  sentPerTick,
}: {
  readonly times: number;
  readonly sentPerTick?: number;
}): readonly FaultCase[] =>
  TOPOLOGIES.map(({ name, start }) => ({
    name: `${name}: connections killed, ${times} times`,
    isOutage: false,
    ...(sentPerTick === undefined ? {} : { sentPerTick }),
    start: async () => {
      const { env, nodes, stop } = await start();
      return {
        env,
        fault: async () => {
          const hitAt = performance.now();
          for (let i = 0; i < times; i++) {
            const which = WHICH[i % WHICH.length] ?? 'both';
            const pods = i % 2 === 0 ? 'pod-1' : 'pod-';
            await Promise.all(nodes.map((node) => kill(node, which, pods)));
            await sleep(Math.max(0, hitAt + (i + 1) * APART_MS - performance.now()));
          }
          return { hitAt, backAt: performance.now() };
        },
        stop,
      };
    },
  }));
