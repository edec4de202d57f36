/** The client of each kind of Redis: the common contract, then what only one kind has. */
import t from 'tap';
import { type RedisClientOptions } from '../../../lib/broker/redis/options.js';
import { channelOf, type RedisPort } from '../../../lib/broker/redis/port.js';
import { standaloneRedis } from '../../../lib/broker/redis/standalone.js';
import { aclOf, asUser } from '../../support/docs.js';
import { OTHERS, startRedis, until } from '../../support/redis.js';
import { startSentinels } from '../../support/redis-sentinels.js';
import {
  draft,
  left,
  offsetOf,
  options,
  ready,
  right,
  publishAll,
  watch,
} from '../../support/watched-bus.js';
import { behaves } from '../redis-contract.js';
import { type Kind } from '../redis-contract/two-pods.js';

const standalone = async (): Promise<Kind> => {
  const server = await startRedis({ acl: [OTHERS, aclOf('standalone')] });
  return {
    name: 'standalone',
    open: (over) => standaloneRedis(options({ url: asUser(server.url), ...over })),
    nodes: [server],
    nodeOf: async () => server,
    stop: server.stop,
  };
};

t.test('standalone', async (t) => {
  const kind = await standalone();
  await behaves(t, kind);
  await kind.stop();
});

t.test('Sentinel', async (t) => {
  const trio = await startSentinels();
  const open = (over: Partial<RedisClientOptions> = {}): RedisPort =>
    standaloneRedis(
      options({
        url: trio.url,
        sentinels: trio.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
        sentinelName: trio.name,
        ...over,
      }),
    );
  await behaves(t, {
    name: 'Sentinel',
    open,
    nodes: [trio.nodes[0]],
    nodeOf: trio.master,
    stop: trio.stop,
  });

  await t.test(
    'when the master freezes, then a reconnect after the failover finds the new one',
    async (t) => {
      const [first, second] = trio.nodes;
      const a = await ready(open());
      const channel = channelOf('failover');
      await publishAll(a.bus, 'failover', ['before']);
      await until(
        'the replica has it',
        async () => Number(await second.command('EXISTS', `{${channel}}:pos`)) === 1,
      );
      first.freeze();
      const start = performance.now();
      t.equal(
        await left(
          a.bus.publish('failover', [draft('failover', '"x":1}')], [0], 77, Date.now() + 500),
        ),
        'Unreachable',
      );
      // as the outage's machine does: it reconnects while the probe does not come back
      await until(
        'the new master takes it',
        async () => {
          const from = a.events.length;
          a.bus.reconnect('no answer');
          try {
            await a.next('Ready', from, 1_000);
            return (await left(a.bus.probe('x'))) === 'no error';
          } catch {
            return false;
          }
        },
        15_000,
      );
      t.comment(`outage of ${Math.round(performance.now() - start)} ms with down-after 1000`);
      t.equal(await trio.master(), second);
      await right(a.bus.subscribe([channel]));
      await publishAll(a.bus, 'failover', ['after']);
      await until('it is heard', () => a.received(channel).length === 1);
      t.strictSame(a.received(channel).map(offsetOf), [2], 'the epoch goes on');
      first.thaw();
      await a.close();
    },
  );

  await t.test(
    'when no Sentinel answers, then Lost comes once and the client goes on trying',
    async (t) => {
      for (const sentinel of trio.sentinels) sentinel.freeze();
      const a = watch(open());
      await a.next('Lost', 0);
      trio.sentinels[2]?.thaw();
      await a.next('Ready', 0, 20_000);
      t.strictSame(a.tags(), ['Lost', 'Ready']);
      await a.close();
    },
  );
  await trio.stop();
});
