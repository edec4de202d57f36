/**
 * With `REDIS_PREFIX`: the contract of all Redis clients, as the user of docs/security.md with the rights for
 * that prefix only; and two services on one Redis.
 */
import t from 'tap';
import { channelOf, CONTROL_CHANNEL } from '../../../lib/broker/redis/port.js';
import { namesIn } from '../../../lib/broker/redis/names.js';
import { standaloneRedis } from '../../../lib/broker/redis/standalone.js';
import { clusterRedis } from '../../../lib/broker/redis/cluster.js';
import { slotOf } from '../../../lib/broker/redis/slots.js';
import { aclOf, asUser } from '../../support/docs.js';
import type { Client } from '../../support/client.js';
import { type Pod, startPod } from '../../support/pod.js';
import { OTHERS, startRedis, until } from '../../support/redis.js';
import { startCluster } from '../../support/redis-cluster.js';
import { options, ready, right, publishAll } from '../../support/watched-bus.js';
import { behaves } from '../redis-contract.js';

const PREFIX = 'chat-a:';

const acl = (kind: 'standalone' | 'Cluster'): readonly string[] => [
  OTHERS,
  aclOf(kind).replace('~{realtime:*', `~${PREFIX}*`).replace('&realtime:*', `&${PREFIX}*`),
];

t.test(
  'when there is a prefix, then a key begins with it and has the slot of its channel',
  async (t) => {
    for (const prefix of ['', PREFIX, 'x'.repeat(64)]) {
      const { channelAt, channelIn, keyAt } = namesIn(prefix);
      for (const channel of [channelOf(''), channelOf('general'), CONTROL_CHANNEL]) {
        const [name, key] = [channelAt(channel), keyAt(channel, 'log')];
        t.equal(name, prefix + channel);
        t.ok(key.startsWith(`${prefix}{`), key);
        t.equal(slotOf(key), slotOf(name), key);
        t.equal(channelIn(Buffer.from(name)), channel);
      }
    }
    t.equal(namesIn('').keyAt(channelOf('general'), 'log'), '{realtime:room:general}:log');
  },
);

t.test('standalone, with a prefix', async (t) => {
  const server = await startRedis({ acl: acl('standalone') });
  await behaves(t, {
    name: 'standalone',
    prefix: PREFIX,
    open: (over) => standaloneRedis(options({ url: asUser(server.url), ...over })),
    nodes: [server],
    nodeOf: async () => server,
    stop: server.stop,
  });
  const keys = await server.command('KEYS', '*');
  t.ok(Array.isArray(keys) && keys.length > 10);
  t.strictSame(
    Array.isArray(keys) ? keys.filter((key) => !String(key).startsWith(PREFIX)) : keys,
    [],
    'every key begins with the prefix',
  );
  await server.stop();
});

t.test('a Cluster, with a prefix', async (t) => {
  const cluster = await startCluster({ acl: acl('Cluster') });
  await behaves(t, {
    name: 'Cluster',
    prefix: PREFIX,
    open: (over) => clusterRedis(options({ url: asUser(cluster.url), ...over })),
    nodes: cluster.nodes,
    nodeOf: (key) => cluster.ownerOf(slotOf(key)),
    stop: cluster.stop,
  });
  await cluster.stop();
});

t.test(
  'when two services on one Redis have a prefix each, then neither receives messages of the other',
  async (t) => {
    const server = await startRedis();
    const open = (prefix: string) => ready(standaloneRedis(options({ url: server.url, prefix })));
    const [a, b, plain] = await Promise.all([open('a:'), open('b:'), open('')]);
    const channels = [channelOf(''), channelOf('general'), CONTROL_CHANNEL];
    const services = [a, b, plain];
    await Promise.all(services.map(({ bus }) => right(bus.subscribe(channels))));
    for (const [i, { bus }] of services.entries()) {
      await publishAll(bus, '', [`all ${i}`]);
      await publishAll(bus, 'general', [`room ${i}`]);
      await right(bus.control(`word ${i}`));
      t.equal(await right(bus.members('general', i + 1)), 0, 'members are their own');
      t.match(await right(bus.top('general', 5)), { offset: 1 }, 'so are positions');
    }
    await until('each heard its own', () =>
      services.every(({ received }) => channels.every((channel) => received(channel).length > 0)),
    );
    for (const { received } of services)
      for (const channel of channels) t.equal(received(channel).length, 1);
    await Promise.all(services.map((one) => one.close()));
    await server.stop();
  },
);

const chats = (client: Client): readonly unknown[] =>
  client.all({ type: 'chat' }).map(({ data }) => data);

t.test(
  'when pods of two services share a Redis, then no pod receives messages or commands of the other service',
  async (t) => {
    const server = await startRedis();
    const pod = (serverId: string, redisPrefix: string): Promise<Pod> =>
      startPod(t, { server: { serverId }, broker: { redisUrl: server.url, redisPrefix } });
    const [first, second, other] = await Promise.all([
      pod('a1', 'a:'),
      pod('a2', 'a:'),
      pod('b1', 'b:'),
    ]);
    const [a1, a2, b1] = await Promise.all([
      first.connect('/ws/general'),
      second.connect('/ws/general'),
      other.connect('/ws/general'),
    ]);
    for (const client of [a1, a2, b1]) await client.caughtUp();
    b1.send({ type: 'chat', room: 'general', data: 'of b' });
    b1.send({ type: 'chat', room: '', data: 'to all of b' });
    a1.send({ type: 'chat', room: 'general', data: 'of a' });
    await other.get(`/api/chat-api/connections/${a2.id}`, 'DELETE');
    await until('both pods of its service hear it', () =>
      [a1, a2].every((client) => chats(client).includes('of a')),
    );
    await until('its own service hears it', () => chats(b1).length === 2);
    // of two logs either may come first
    t.strictSame(
      [a1, a2, b1].map((client) => chats(client).toSorted()),
      [['of a'], ['of a'], ['of b', 'to all of b']],
    );
    await first.get(`/api/chat-api/connections/${a2.id}`, 'DELETE');
    t.equal(await a2.closed(), 4503, 'by its own service alone');
    await server.stop();
  },
);
