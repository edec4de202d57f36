/** What the publish script does: one order, one id, one message for a key, one epoch. */
import * as O from 'fp-ts/lib/Option.js';
import { type Test } from 'tap';
import { channelOf, type RedisPort } from '../../../lib/broker/redis/port.js';
import { payloadOf } from '../../../lib/protocol/payload.js';
import { formatId, parseId } from '../../../lib/protocol/position.js';
import { type Draft } from '../../../lib/protocol/publication.js';
import { keyIn } from '../../support/keys.js';
import { until } from '../../support/redis.js';
import {
  draft,
  HOUR,
  later,
  left,
  offsetOf,
  right,
  publishAll,
  texts,
} from '../../support/watched-bus.js';
import { type TwoPods } from './two-pods.js';

export const placing = async (test: Test, { at, a, b }: TwoPods): Promise<void> => {
  await test.test(
    'when two pods publish at once, then both receive one order without holes',
    async (t) => {
      const channel = channelOf('order');
      await Promise.all([right(a.bus.subscribe([channel])), right(b.bus.subscribe([channel]))]);
      await Promise.all([
        publishAll(a.bus, 'order', texts(200, 'a')),
        publishAll(b.bus, 'order', texts(200, 'b')),
      ]);
      await until(
        'all are heard by both',
        () => a.received(channel).length === 400 && b.received(channel).length === 400,
      );
      t.strictSame(
        a.received(channel).map(offsetOf),
        Array.from({ length: 400 }, (_, i) => i + 1),
      );
      t.strictSame(b.received(channel), a.received(channel));
      const ids = a.received(channel).map((payload) => payload.slice(7, 43));
      t.strictSame([...ids].sort(), ids, 'ids sort in the order of delivery');
    },
  );

  await test.test(
    'when a call has several drafts, then they are delivered in order, and unlogged ones take no offset',
    async (t) => {
      const channel = channelOf('several');
      await right(a.bus.subscribe([channel, channelOf('other')]));
      const drafts = [
        draft('several', '"n":1}'),
        draft('several', '"n":2}', { logged: false }),
        draft('several', '"n":3}'),
      ];
      const outcomes = await right(
        a.bus.publish('several', drafts, [1, 2, 0xfffff], 4094, later()),
      );
      const ids = outcomes
        .map((outcome) => (outcome._tag === 'Placed' ? parseId(outcome.id) : O.none))
        .map((id) => (O.isSome(id) ? id.value : undefined));
      t.match(ids, [
        { tag: 4094, offset: 1, outside: false, nonce: 1, global: false },
        { tag: 4094, offset: 1, outside: true, nonce: 2 },
        { tag: 4094, offset: 2, outside: false, nonce: 0xfffff },
      ]);
      t.ok(Math.abs((ids[0]?.ms ?? 0) - Date.now()) < 5_000);
      await until('all are heard', () => a.received(channel).length === 3);
      t.strictSame(
        a.received(channel),
        outcomes.map((outcome, i) =>
          outcome._tag === 'Placed' ? payloadOf(outcome.id, drafts[i]?.rest ?? '') : '',
        ),
      );
      t.strictSame(b.received(channel), [], 'who is not subscribed hears nothing');
      const top = await right(a.bus.top('several', 1));
      t.equal(
        top.id,
        outcomes[2]?._tag === 'Placed' ? outcomes[2].id : '',
        'the top is the last one in the log',
      );
      await right(
        a.bus.publish('several', [draft('several', '"n":4}', { logged: false })], [0], 1, later()),
      );
      t.equal(
        (await right(a.bus.top('several', 1))).id,
        top.id,
        'what is outside the log is no top',
      );
    },
  );

  await test.test(
    'when an id is made in Redis, then it is that of formatId, at every size of offset',
    async (t) => {
      const pos = `{${channelOf('bytes')}}:pos`;
      for (const offset of [
        1,
        2,
        2 ** 22,
        2 ** 26 - 1,
        2 ** 26,
        2 ** 26 + 1,
        2 ** 32 - 1,
        2 ** 32,
        2 ** 32 + 1,
        2 ** 39,
        2 ** 40 - 1,
      ]) {
        for (const [tag, logged, nonce] of [
          [1, true, 0],
          [4094, false, 0xfffff],
          [0x0a5, true, 0x12345],
        ] as const) {
          await at(pos, 'HSET', 'e', tag, 'o', logged ? offset - 1 : offset);
          const [outcome] = await right(
            a.bus.publish('bytes', [draft('bytes', '"x":1}', { logged })], [nonce], 9, later()),
          );
          const ms = Number(await at(pos, 'HGET', 't'));
          const id = formatId({ ms, tag, offset, global: false, outside: !logged, nonce });
          t.strictSame(outcome, { _tag: 'Placed', id });
          if (logged) t.strictSame(await right(a.bus.top('bytes', 9)), { tag, offset, ms, id });
        }
      }
      const [outcome] = await right(a.bus.publish('', [draft('', '"x":1}')], [3], 8, later()));
      const { ms } = await right(a.bus.top('', 9));
      t.strictSame(
        outcome,
        {
          _tag: 'Placed',
          id: formatId({ ms, tag: 8, offset: 1, global: true, outside: false, nonce: 3 }),
        },
        'of the global log',
      );
    },
  );

  await test.test(
    'when the clock of Redis goes back, then milliseconds within an epoch do not',
    async (t) => {
      const ahead = Date.now() + HOUR;
      const pos = `{${channelOf('ahead')}}:pos`;
      await at(pos, 'HSET', 'e', 7, 'o', 0, 't', ahead);
      await right(a.bus.publish('ahead', [draft('ahead', '"x":1}')], [0], 1, later()));
      t.match(await right(a.bus.top('ahead', 1)), { tag: 7, offset: 1, ms: ahead });
      const lives = Number(await at(pos, 'PTTL'));
      t.ok(
        lives > 23 * HOUR && lives <= 24 * HOUR,
        'the position has the time to live of the options',
      );
    },
  );

  await test.test(
    'when a key comes again, then it is a duplicate, or refused with other data',
    async (t) => {
      const channel = channelOf('keys');
      await right(a.bus.subscribe([channel]));
      const keyed = (key: string, digest: string): Draft =>
        draft('keys', `"k":"${key}"}`, { key: keyIn(key), digest });
      const publish = (bus: RedisPort, ...drafts: readonly Draft[]) =>
        right(
          bus.publish(
            'keys',
            drafts,
            drafts.map(() => 5),
            77,
            later(),
          ),
        );
      const [first] = await publish(a.bus, keyed('k 1{}*:é', 'D'));
      const id = first?._tag === 'Placed' ? first.id : '';
      t.match(id, /^[0-9a-f-]{36}$/);
      t.strictSame(
        await publish(b.bus, keyed('k 1{}*:é', 'D')),
        [{ _tag: 'Duplicate', id }],
        'on another pod too',
      );
      t.strictSame(await publish(a.bus, keyed('k 1{}*:é', 'E')), [{ _tag: 'KeyReused' }]);
      const mixed = await publish(
        a.bus,
        keyed('2', 'D'),
        draft('keys', '"plain":1}'),
        keyed('2', 'D'),
        keyed('2', 'E'),
        keyed('k 1{}*:é', 'D'),
        keyed('3', ''),
      );
      t.strictSame(
        mixed.map(({ _tag }) => _tag),
        ['Placed', 'Placed', 'Duplicate', 'KeyReused', 'Duplicate', 'Placed'],
        'within a call too',
      );
      t.equal(
        mixed[2]?._tag === 'Duplicate' ? mixed[2].id : '',
        mixed[0]?._tag === 'Placed' ? mixed[0].id : '-',
      );
      await until('what was placed is heard', () => a.received(channel).length === 4);
      t.strictSame(a.received(channel).map(offsetOf), [1, 2, 3, 4], 'duplicates leave no hole');
      const lives = Number(await at(`{${channel}}:key:2`, 'PTTL'));
      t.ok(lives > 290_000 && lives <= 300_000);
    },
  );

  await test.test('when a call comes after its deadline, then it does nothing', async (t) => {
    const drafts = [draft('late', '"x":1}', { key: keyIn('k'), digest: 'D' })];
    t.equal(await left(a.bus.publish('late', drafts, [0], 77, Date.now() - 1_000)), 'Late');
    t.equal(await at(`{${channelOf('late')}}:pos`, 'EXISTS'), 0);
    t.equal(await at(`{${channelOf('late')}}:key:k`, 'EXISTS'), 0);
    t.strictSame(
      (await right(a.bus.publish('late', drafts, [0], 77, later()))).map(({ _tag }) => _tag),
      ['Placed'],
    );
  });

  await test.test(
    'when a pod has had another epoch, then all pods read when the new one was found',
    async (t) => {
      await publishAll(a.bus, 'other-epoch', texts(1, 'o'));
      const { tag } = await right(a.bus.top('other-epoch', 21));
      t.equal(
        (await right(a.bus.page('other-epoch', 1, 1, 22))).renewedMs,
        undefined,
        'it had none',
      );
      t.equal(
        (await right(a.bus.page('other-epoch', 1, 1, 22, tag))).renewedMs,
        undefined,
        'the same',
      );
      const found = await right(a.bus.page('other-epoch', 1, 1, 22, tag === 23 ? 24 : 23));
      t.ok(Math.abs((found.renewedMs ?? 0) - Date.now()) < 60_000);
      t.match(found.top, { tag, offset: 1 }, 'the epoch is as it was');
      t.equal((await right(b.bus.peek('other-epoch', 1, 1))).renewedMs, found.renewedMs);
    },
  );

  await test.test(
    'when pods make an epoch, then it is made once, and replaced only by a call that names it',
    async (t) => {
      const made = await right(a.bus.top('epoch', 11));
      const begunMs = async () => (await right(b.bus.peek('epoch', 1, 1))).begunMs ?? 0;
      t.equal(await begunMs(), made.ms);
      t.match(made, { tag: 11, offset: 0, id: null });
      t.strictSame(await right(b.bus.top('epoch', 12)), made, 'the second finds the first');
      await publishAll(a.bus, 'epoch', texts(3, 'e'));
      t.equal(await begunMs(), made.ms, 'messages do not change when it began');
      t.match(
        await right(b.bus.renew('epoch', 12, 13)),
        { tag: 11, offset: 3 },
        'not the one it took it for',
      );
      t.match(await right(b.bus.renew('epoch', 11, 13)), { tag: 13, offset: 0, id: null });
      t.match(
        await right(a.bus.renew('epoch', 11, 14)),
        { tag: 13, offset: 0, id: null },
        'too late: the other was first',
      );
      const renewed = (await right(a.bus.page('epoch', 1, 0, 1))).renewedMs ?? 0;
      t.ok(Math.abs(renewed - Date.now()) < 60_000, 'when it was renewed is kept');
      const next = await right(a.bus.top('epoch', 1));
      t.equal(await begunMs(), next.ms);
      await publishAll(a.bus, 'by-publish', texts(1, 'p'));
      const first = await right(a.bus.peek('by-publish', 1, 1));
      t.equal(first.begunMs, first.top.ms, 'a publish began it');
      await publishAll(a.bus, 'epoch', texts(1, 'f'));
      t.match(await right(b.bus.top('epoch', 1)), { tag: 13, offset: 1 });
    },
  );
};
