/** The faults of a broker that `npm run faults` measures, each with its times and its end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { channelOf } from '../../lib/broker/redis/port.js';
import { slotOf } from '../../lib/broker/redis/slots.js';
import { startCluster } from './redis-cluster.js';
import { startSentinels } from './redis-sentinels.js';
import { freePort, startRedis, until, urlOf } from './redis.js';

interface Broker {
  readonly env: Readonly<Record<string, string>>;
  /**
   * Causes the fault. Resolves with the times at which it began and at which the broker was back, as
   * `performance.now()`.
   */
  readonly fault: (
    connectedAt: number,
  ) => Promise<{ readonly hitAt: number; readonly backAt: number }>;
  readonly stop: () => Promise<void>;
}

export interface FaultCase {
  readonly name: string;
  /** Whether the fault lasts so long that clients get `degraded`. */
  readonly isOutage: boolean;
  readonly degradedBarMs?: number;
  /** Messages that are sent in each 50 ms. */
  readonly sentPerTick?: number;
  readonly start: () => Promise<Broker>;
}

export const ROOMS = Array.from({ length: 10 }, (_, i) => `room-${i}`);

export const now = (): number => performance.now();

const durable = { appendonly: true, appendfsync: 'always' } as const;

export const FAULTS: readonly FaultCase[] = [
  {
    name: 'Redis killed, back with its data after 3 s',
    isOutage: true,
    start: async () => {
      const redis = await startRedis(durable);
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          await redis.kill();
          await sleep(3_000);
          await redis.restart();
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'Redis frozen for 10 s',
    isOutage: true,
    start: async () => {
      const redis = await startRedis();
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          redis.freeze();
          await sleep(10_000);
          redis.thaw();
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'Redis started 6 s after the clients',
    isOutage: true,
    // the pod is `starting` for 3 s; the status after that is read at the next check
    degradedBarMs: 3_500,
    start: async () => {
      const port = await freePort();
      let stop = async (): Promise<void> => undefined;
      return {
        env: { REDIS_URL: urlOf(port) },
        fault: async (connectedAt) => {
          await sleep(6_000 - (now() - connectedAt));
          ({ stop } = await startRedis({ port }));
          return { hitAt: connectedAt, backAt: now() };
        },
        stop: () => stop(),
      };
    },
  },
  {
    name: 'Redis restarted empty',
    isOutage: false,
    start: async () => {
      const redis = await startRedis();
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          await redis.restart(true);
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'subscribers’ connections killed, three times',
    isOutage: false,
    start: async () => {
      const redis = await startRedis(durable);
      return {
        env: { REDIS_URL: redis.url },
        fault: async () => {
          const hitAt = now();
          for (const pause of [700, 700, 0]) {
            await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
            await sleep(pause);
          }
          return { hitAt, backAt: now() };
        },
        stop: redis.stop,
      };
    },
  },
  {
    name: 'Sentinel failover, master killed',
    isOutage: true,
    start: async () => {
      const trio = await startSentinels();
      return {
        env: {
          REDIS_URL: trio.url,
          REDIS_SENTINELS: trio.addresses.join(','),
          REDIS_SENTINEL_NAME: trio.name,
        },
        fault: async () => {
          const hitAt = now();
          await trio.nodes[0].kill();
          await until(
            'the Sentinels name a new master, and it is one',
            async () => {
              if ((await trio.master()) !== trio.nodes[1]) return false;
              const role = await trio.nodes[1].command('ROLE');
              return Array.isArray(role) && role[0] === 'master';
            },
            20_000,
          );
          return { hitAt, backAt: now() };
        },
        stop: trio.stop,
      };
    },
  },
  {
    name: 'Cluster: the slot of an occupied room moved',
    isOutage: false,
    start: async () => {
      const cluster = await startCluster();
      return {
        env: { REDIS_URL: cluster.url, REDIS_CLUSTER: 'true' },
        fault: async () => {
          const hitAt = now();
          for (const room of ROOMS.slice(0, 3)) {
            const slot = slotOf(channelOf(room));
            const owner = await cluster.ownerOf(slot);
            const next = cluster.nodes.find((node) => node !== owner);
            if (next !== undefined) await cluster.moveSlot(slot, next);
          }
          return { hitAt, backAt: now() };
        },
        stop: cluster.stop,
      };
    },
  },
];
