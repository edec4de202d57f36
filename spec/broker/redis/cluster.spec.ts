/** A Redis Cluster: its slots, its masters, its sharded subscriptions. */
import t from 'tap';
import { clusterRedis } from '../../../lib/broker/redis/cluster.js';
import { type RedisClientOptions } from '../../../lib/broker/redis/options.js';
import { channelOf, type RedisPort } from '../../../lib/broker/redis/port.js';
import { slotOf } from '../../../lib/broker/redis/slots.js';
import { aclOf, asUser } from '../../support/docs.js';
import { OTHERS, type RedisServer, until } from '../../support/redis.js';
import { startCluster } from '../../support/redis-cluster.js';
import {
  draft,
  later,
  left,
  options,
  ready,
  right,
  publishAll,
  texts,
} from '../../support/watched-bus.js';
import { behaves } from '../redis-contract.js';

t.test('Cluster', async (t) => {
  const cluster = await startCluster({ acl: [OTHERS, aclOf('Cluster')] });
  const open = (over: Partial<RedisClientOptions> = {}): RedisPort =>
    clusterRedis(options({ url: asUser(cluster.url), ...over }));
  const nodeOf = (key: string): Promise<RedisServer> => cluster.ownerOf(slotOf(key));
  await behaves(t, { name: 'Cluster', open, nodes: cluster.nodes, nodeOf, stop: cluster.stop });
  await cluster.whole();

  await t.test('when the slot of a key is computed, then it is that of Redis', async (t) => {
    for (const key of [
      '',
      'a',
      '123456789',
      'realtime:global',
      '{realtime:room:x}:pos',
      'x{}y',
      'a{b}{c}',
      'a{b',
      'é{ü}',
      '}{a}',
    ]) {
      t.equal(slotOf(key), await cluster.nodes[0]?.command('CLUSTER', 'KEYSLOT', key), key);
    }
  });

  await t.test(
    'when a slot moves under load, then its channels are subscribed at the new owner and no offset is lost',
    async (t) => {
      const a = await ready(open({ serverId: 'pod-a' }));
      const b = await ready(open({ serverId: 'pod-b' }));
      const channel = channelOf('moving');
      const stays = channelOf('{moving}'.slice(1, -1) + '-not');
      await right(a.bus.subscribe([channel, stays]));
      await publishAll(b.bus, 'moving', texts(10, 'm'));
      const source = await nodeOf(channel);
      const target = cluster.nodes.find((node) => node !== source);
      if (target === undefined) throw new Error('no target');
      const from = a.events.length;
      const publishing = publishAll(b.bus, 'moving', texts(300, 'n'));
      await cluster.moveSlot(slotOf(channel), target);
      t.strictSame(await a.next('Dropped', from), { _tag: 'Dropped', channels: [channel] });
      await right(a.bus.subscribe([channel]));
      await publishing;
      t.equal(await nodeOf(channel), target);
      const receivedBefore = a.received(channel).length;
      await publishAll(b.bus, 'moving', ['at last']);
      await until(
        'it is heard',
        () =>
          a.received(channel).length > receivedBefore &&
          (a.received(channel).at(-1) ?? '').includes('at last'),
      );
      t.match(await right(a.bus.top('moving', 1)), { tag: 77, offset: 311 });
      await publishAll(b.bus, 'moving-not', ['here']);
      await until('the others go on', () => a.received(stays).length === 1);
      t.strictSame(a.tags(), ['Ready', 'Dropped'], 'told once, of that one');
      await Promise.all([a.close(), b.close()]);
    },
  );

  await t.test(
    'when the subscribed connections are killed, then their channels are subscribed again',
    async (t) => {
      const a = await ready(open());
      const rooms = texts(6, 'killed');
      await right(a.bus.subscribe(rooms.map(channelOf)));
      const from = a.events.length;
      for (const node of cluster.nodes) await node.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      const dropped = (): readonly string[] =>
        a.events.slice(from).flatMap((event) => (event._tag === 'Dropped' ? event.channels : []));
      await until('all are dropped', () => dropped().length === rooms.length);
      t.strictSame([...dropped()].sort(), rooms.map(channelOf));
      await right(a.bus.subscribe(rooms.map(channelOf)));
      for (const room of rooms) await publishAll(a.bus, room, ['again']);
      await until('all are heard', () =>
        rooms.every((room) => a.received(channelOf(room)).length === 1),
      );
      await a.close();
    },
  );

  await t.test(
    'when one node freezes, then its channels are dropped until it answers again, and the others go on',
    async (t) => {
      const a = await ready(open());
      const rooms = texts(12, 'ice');
      const owners = new Map<string, RedisServer>();
      for (const room of rooms) owners.set(channelOf(room), await nodeOf(channelOf(room)));
      const [frozen] = owners.values();
      await right(a.bus.subscribe(rooms.map(channelOf)));
      for (const room of rooms) await publishAll(a.bus, room, ['before']);
      const from = a.events.length;
      const start = performance.now();
      frozen?.freeze();
      const event = await a.next('Dropped', from, 4_000);
      t.comment(`dropped after ${Math.round(performance.now() - start)} ms`);
      t.strictSame(
        event._tag === 'Dropped' ? [...event.channels].sort() : [],
        [...owners]
          .filter(([, node]) => node === frozen)
          .map(([channel]) => channel)
          .sort(),
      );
      const warm = rooms.filter((room) => owners.get(channelOf(room)) !== frozen);
      for (const room of warm) await publishAll(a.bus, room, ['during']);
      await until('the others are heard', () =>
        warm.every((room) => a.received(channelOf(room)).length === 2),
      );
      frozen?.thaw();
      await cluster.whole();
      await until(
        'all are subscribed again',
        async () => (await left(a.bus.subscribe(rooms.map(channelOf)))) === 'no error',
      );
      for (const room of rooms)
        await until(
          'it takes messages',
          async () =>
            (await left(a.bus.publish(room, [draft(room, '"x":1}')], [0], 77, later()))) ===
            'no error',
        );
      await until('all are heard', () =>
        rooms.every((room) => a.received(channelOf(room)).length >= 2),
      );
      t.strictSame(
        a.tags().filter((tag) => tag !== 'Dropped'),
        ['Ready'],
      );
      await a.close();
    },
  );

  await t.test(
    'when one node dies, then its calls fail at once until it is back, and the others go on',
    async (t) => {
      const a = await ready(open());
      const victim = await nodeOf(channelOf('dies'));
      const rooms = texts(20, 'lives');
      const owners = await Promise.all(rooms.map((room) => nodeOf(channelOf(room))));
      const lives = rooms.find((_, i) => owners[i] !== victim) ?? '';
      await right(a.bus.subscribe([channelOf('dies')]));
      await right(a.bus.top('dies', 1));
      const from = a.events.length;
      await victim.kill();
      await a.next('Dropped', from);
      const start = performance.now();
      t.equal(await left(a.bus.top('dies', 1)), 'Unreachable');
      t.ok(performance.now() - start < 900, 'well before the timeout');
      t.match(await right(a.bus.top(lives, 7)), { tag: 7 }, 'the rest goes on');
      await victim.restart();
      await cluster.whole();
      await until(
        'it takes commands',
        async () => (await left(a.bus.top('dies', 1))) === 'no error',
      );
      await right(a.bus.subscribe([channelOf('dies')]));
      await publishAll(a.bus, 'dies', ['again']);
      await until('it is heard', () => a.received(channelOf('dies')).length === 1);
      await a.close();
    },
  );
  await cluster.stop();
});
