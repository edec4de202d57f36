/** Refusals of Redis, and the effects of a broken connection and of a freeze. */
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { type Test } from 'tap';
import { channelOf } from '../../../lib/broker/redis/port.js';
import { keyIn } from '../../support/keys.js';
import { until } from '../../support/redis.js';
import {
  draft,
  later,
  left,
  offsetOf,
  ready,
  right,
  publishAll,
} from '../../support/watched-bus.js';
import { asksAgain } from './again.js';
import { type TwoPods } from './two-pods.js';

export const refusals = async (
  test: Test,
  { a, at, b, kind, nodeOf, open }: TwoPods,
): Promise<void> => {
  await test.test('when a key has another type, then the error is typed', async (t) => {
    await at(`{${channelOf('wrong')}}:pos`, 'SET', 'text');
    t.equal(
      await left(a.bus.publish('wrong', [draft('wrong', '"x":1}')], [0], 77, later())),
      'WrongType',
    );
    t.equal(await left(a.bus.top('wrong', 1)), 'WrongType');
  });

  await test.test('when Redis has no memory left, then nothing is half done', async (t) => {
    const node = await nodeOf(`{${channelOf('full')}}:pos`);
    const channel = channelOf('full');
    await right(a.bus.subscribe([channel]));
    await node.command('CONFIG', 'SET', 'maxmemory', 1);
    t.equal(
      await left(
        a.bus.publish(
          'full',
          [draft('full', '"x":1}', { key: keyIn('k'), digest: 'D' })],
          [0],
          77,
          later(),
        ),
      ),
      'OutOfMemory',
    );
    await node.command('CONFIG', 'SET', 'maxmemory', 0);
    await publishAll(a.bus, 'full', ['fits']);
    await until('what fits is heard', () => a.received(channel).length === 1);
    t.strictSame(a.received(channel).map(offsetOf), [1]);
  });

  await test.test(
    'when Redis lacks the replicas that it wants, then it refuses and the error says so',
    async (t) => {
      const node = await nodeOf(`{${channelOf('lonely')}}:pos`);
      await node.command('CONFIG', 'SET', 'min-replicas-to-write', 3);
      t.equal(
        await left(a.bus.publish('lonely', [draft('lonely', '"x":1}')], [0], 77, later())),
        'Refused',
      );
      await node.command('CONFIG', 'SET', 'min-replicas-to-write', 0);
      t.equal(
        await left(a.bus.publish('lonely', [draft('lonely', '"x":1}')], [0], 77, later())),
        'no error',
      );
    },
  );

  await test.test(
    'when reconnect is called, then all connections are dropped and made again',
    async (t) => {
      const from = a.events.length;
      a.bus.reconnect('no answer');
      t.match(a.events.slice(from), [{ _tag: 'Lost', detail: 'no answer' }], 'told at once');
      t.equal(
        await left(a.bus.probe('x')),
        'Unreachable',
        'and what is asked meanwhile fails at once',
      );
      await a.next('Ready', from);
      await right(a.bus.subscribe([channelOf('order')]));
      const before = a.received(channelOf('order')).length;
      await publishAll(b.bus, 'order', ['after']);
      await until('it is heard again', () => a.received(channelOf('order')).length === before + 1);
      t.strictSame(
        a.events.slice(from).map(({ _tag }) => _tag),
        ['Lost', 'Ready', 'Message'],
      );
    },
  );

  await asksAgain(test, kind.name, {
    open: async (logMessages) => (await ready(open({ logMessages }))).bus,
    now: Date.now,
    close: async (bus) => {
      await lastValueFrom(bus.close(), { defaultValue: undefined });
    },
  });

  // Sentinel would put another in its place: it has a test of its own
  await test.test(
    'when all nodes freeze, then answers time out, reconnect works, and nothing is published late',
    { skip: kind.name === 'Sentinel' },
    async (t) => {
      const channel = channelOf('frozen');
      await right(a.bus.subscribe([channel]));
      await right(b.bus.subscribe([channel]));
      const from = a.events.length;
      for (const node of kind.nodes) node.freeze();
      const start = performance.now();
      t.equal(
        await left(a.bus.publish('frozen', [draft('frozen', '"x":1}')], [0], 77, Date.now() + 500)),
        'Unreachable',
      );
      const took = performance.now() - start;
      t.ok(took > 900 && took < 1_900, `after ${took} ms`);
      a.bus.reconnect('no answer');
      await a.next('Lost', from);
      for (const node of kind.nodes) node.thaw();
      await a.next('Ready', from);
      if (kind.name === 'Cluster')
        await until(
          'the Cluster takes it',
          async () => (await left(b.bus.top('frozen', 1))) === 'no error',
        );
      await right(a.bus.subscribe([channel]));
      await firstValueFrom(b.bus.subscribe([channel]));
      await publishAll(a.bus, 'frozen', ['alive']);
      await until('it is heard', () => a.received(channel).length === 1);
      t.strictSame(
        a.received(channel).map((payload) => payload.slice(53, -2)),
        ['alive'],
      );
    },
  );
};
