/**
 * Many pods are one service on one Redis, behind Sentinel and on a Cluster: one order, and no client gets
 * messages of other rooms.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { channelOf } from '../../lib/broker/redis/port.js';
import { slotOf } from '../../lib/broker/redis/slots.js';
import { startProcess } from '../support/pod.js';
import { type RedisServer, startRedis, until } from '../support/redis.js';
import { startCluster } from '../support/redis-cluster.js';
import { startSentinels } from '../support/redis-sentinels.js';
import { witness } from '../support/witness.js';
import {
  crowd,
  expectWell,
  LINGER_MS,
  occupied,
  roomsOf,
  sendInWaves,
  startPods,
  type Where,
} from '../support/pods.js';

interface Kind {
  readonly name: string;
  readonly sharded: boolean;
  readonly pods: number;
  readonly perPod: number;
  readonly rooms: number;
  readonly messages: number;
  readonly start: () => Promise<{
    readonly broker: Where;
    readonly nodes: () => Promise<readonly RedisServer[]>;
    readonly stop: () => Promise<void>;
  }>;
}

const KINDS: readonly Kind[] = [
  {
    name: 'one Redis',
    sharded: false,
    pods: 3,
    perPod: 200,
    rooms: 50,
    messages: 20_000,
    start: async () => {
      const redis = await startRedis();
      return { broker: { redisUrl: redis.url }, nodes: async () => [redis], stop: redis.stop };
    },
  },
  {
    name: 'a Cluster',
    sharded: true,
    pods: 3,
    perPod: 30,
    rooms: 20,
    messages: 3_000,
    start: async () => {
      const cluster = await startCluster();
      return {
        broker: { redisUrl: cluster.url, redisCluster: true },
        nodes: async () => cluster.nodes,
        stop: cluster.stop,
      };
    },
  },
  {
    name: 'Sentinel',
    sharded: false,
    pods: 3,
    perPod: 30,
    rooms: 20,
    messages: 3_000,
    start: async () => {
      const trio = await startSentinels();
      const redisSentinels = trio.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
      return {
        broker: { redisUrl: trio.url, redisSentinels, redisSentinelName: trio.name },
        nodes: async () => [await trio.master()],
        stop: trio.stop,
      };
    },
  },
];

for (const { name, sharded, pods: count, perPod, rooms: size, messages, start } of KINDS) {
  t.test(
    `when ${count * perPod} clients of ${count} pods on ${name} get ${messages} messages, then in one order`,
    async (t) => {
      const { broker, nodes, stop } = await start();
      t.teardown(stop);
      const pods = await startPods(t, count, broker);
      const clients = witness();
      const rooms = roomsOf(size);
      await crowd(clients, pods, rooms, perPod);
      await clients.quiet(200);
      t.strictSame(
        await occupied(await nodes(), sharded),
        rooms.map(channelOf).sort(),
        'subscribed are the rooms that have somebody',
      );
      if (sharded)
        t.ok(
          (await Promise.all((await nodes()).map((node) => occupied([node], true)))).every(
            (some) => some.length > 0,
          ),
          'spread over all nodes',
        );
      await sendInWaves(clients, messages, 5);
      await clients.quiet(500, 40_000);
      expectWell(t, clients);

      const [stays] = clients.watchers;
      const others = clients.watchers.filter((watcher) => watcher !== stays);
      await Promise.all(others.map((watcher) => watcher.close()));
      const kept = (stays?.ears ?? []).flatMap(({ room }) => (room === '' ? [] : channelOf(room)));
      const left = performance.now();
      await until(
        'only the last one’s rooms are left',
        async () => {
          const now = await occupied(await nodes(), sharded);
          return now.join() === [...kept].sort().join();
        },
        LINGER_MS + 1_000,
      );
      t.ok(performance.now() - left < LINGER_MS + 1_000);
      await stays?.close();
      await sleep(LINGER_MS + 1_000);
      t.strictSame(
        await occupied(await nodes(), sharded),
        [],
        'none after the last leave and the linger',
      );
      for (const { app } of pods) t.match(app.stats(), { connections: 0, rooms: 0 });
    },
  );
}

t.test(
  'when three pods run as processes on a Cluster, then all clients get one order',
  async (t) => {
    const cluster = await startCluster();
    t.teardown(cluster.stop);
    const pods = await Promise.all(
      [1, 2, 3].map((n) =>
        startProcess(t, {
          SERVER_ID: `process-${n}`,
          REDIS_URL: cluster.url,
          REDIS_CLUSTER: 'true',
          ROOM_LINGER_MS: `${LINGER_MS}`,
        }),
      ),
    );
    const clients = witness();
    const rooms = roomsOf(6);
    await Promise.all(
      pods.flatMap(({ doors }, pod) =>
        rooms.map((room) => clients.watch(`process-${pod}`, doors.port, [room])),
      ),
    );
    const owners = await Promise.all(rooms.map((room) => cluster.ownerOf(slotOf(channelOf(room)))));
    t.ok(new Set(owners).size > 1, 'the rooms are on several nodes');
    await sendInWaves(clients, 600, 5);
    await clients.quiet();
    expectWell(t, clients);
    await clients.close();
  },
);
