/** Subscriptions and questions, also many at once. */
import { type Test } from 'tap';
import { channelOf } from '../../../lib/broker/redis/port.js';
import { until } from '../../support/redis.js';
import { draft, HOUR, later, left, right, publishAll, texts } from '../../support/watched-bus.js';
import { type TwoPods } from './two-pods.js';

export const channels = async (test: Test, { a, at, b, kind }: TwoPods): Promise<void> => {
  await test.test(
    'when channels are unsubscribed, then nothing comes on them; thousands may be subscribed at once',
    async (t) => {
      const rooms = texts(1_500, 'many');
      await right(a.bus.subscribe([]));
      await right(a.bus.unsubscribe([]));
      await right(a.bus.subscribe(rooms.map(channelOf)));
      await right(a.bus.unsubscribe(rooms.slice(1).map(channelOf)));
      await right(a.bus.unsubscribe(rooms.slice(1, 2).map(channelOf)));
      await publishAll(b.bus, 'many1', ['unheard']);
      await publishAll(b.bus, 'many0', ['heard']);
      await until(
        'the one still subscribed is heard',
        () => a.received(channelOf('many0')).length === 1,
      );
      t.strictSame(a.received(channelOf('many1')), []);
      await publishAll(b.bus, 'order', ['still']);
      await until('the others go on', () => a.received(channelOf('order')).length === 401);
    },
  );

  await test.test(
    'when Redis forgot its scripts, then they are sent again, and nothing is lost or reordered',
    async (t) => {
      const channel = channelOf('forgot');
      await right(a.bus.subscribe([channel]));
      const publishing = publishAll(a.bus, 'forgot', texts(300, 'f'));
      for (let i = 0; i < 20; i += 1)
        await Promise.all(kind.nodes.map((node) => node.command('SCRIPT', 'FLUSH')));
      await publishing;
      await until('all are heard', () => a.received(channel).length === 300);
      t.strictSame(
        a.received(channel).map((payload) => payload.slice(53, -2)),
        texts(300, 'f'),
      );
    },
  );

  await test.test(
    'when an answer is subscribed, then the call is sent, and it may be unsubscribed',
    async (t) => {
      const asked$ = a.bus.publish('lazy', [draft('lazy', '"x":1}')], [0], 77, later());
      t.match(await right(a.bus.top('lazy', 5)), { offset: 0 });
      asked$.subscribe().unsubscribe();
      await until(
        'it was done all the same',
        async () => (await right(a.bus.top('lazy', 5))).offset === 1,
      );
    },
  );

  await test.test(
    'when positions are asked for in one turn, then one call answers them and makes no epoch',
    async (t) => {
      const rooms = Array.from({ length: 300 }, (_, i) => `stand${i}`);
      for (const room of [rooms[0], rooms[299]] as const)
        await right(a.bus.publish(room ?? '', [draft(room ?? '', '"x":1}')], [0], 77, later()));
      await at(`{${channelOf('stand7')}}:pos`, 'SET', 'text');
      const tops = await Promise.all(
        rooms.map((room) => (room === 'stand7' ? left : right<unknown>)(a.bus.position(room))),
      );
      t.strictSame(tops[0], await right(a.bus.top('stand0', 1)));
      t.strictSame(tops[299], await right(a.bus.top('stand299', 1)));
      t.equal(tops[7], 'WrongType', 'and one that is not to be read spoils no other');
      t.equal(tops.filter((top) => top === undefined).length, 297);
      t.equal(await at(`{${channelOf('stand1')}}:pos`, 'EXISTS'), 0, 'nothing was written');
      t.strictSame(await right(a.bus.position('stand0')), tops[0], 'a room that asks alone');
      t.equal(await right(a.bus.position('stand1')), undefined);
      t.equal(await left(a.bus.position('stand7')), 'WrongType');
    },
  );

  await test.test('when a room had no message, then it is kept for minutes', async (t) => {
    const pos = `{${channelOf('silent')}}:pos`;
    await right(a.bus.page('silent', 1, 10, 5));
    const quiet = Number(await at(pos, 'PTTL'));
    t.ok(quiet > 590_000 && quiet <= 600_000, `${quiet} ms`);
    await right(
      a.bus.publish('silent', [draft('silent', '"x":1}', { logged: false })], [0], 5, later()),
    );
    t.ok(Number(await at(pos, 'PTTL')) <= 600_000, 'what is outside the log is nothing');
    await right(a.bus.publish('silent', [draft('silent', '"x":1}')], [0], 5, later()));
    t.ok(Number(await at(pos, 'PTTL')) > 23 * HOUR);
    await right(a.bus.members('silent', 1));
    const members = Number(await at(`{${channelOf('silent')}}:members`, 'PTTL'));
    t.ok(members > 0 && members <= 600_000, 'and so are counts of pods that have died');
  });
};
