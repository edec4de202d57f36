/**
 * The table of what every bus on a real Redis must do, whatever kind of Redis it is. Nothing here waits for a fixed time:
 * only for what must happen, with a bound.
 */
import * as O from 'fp-ts/lib/Option.js';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import type { Test } from 'tap';
import {
  type RedisPort,
  CONTROL_CHANNEL,
  channelOf,
  podChannel,
} from '../../lib/broker/redis/port.js';
import { type RedisClientOptions } from '../../lib/broker/redis/options.js';
import type { Draft } from '../../lib/protocol/publication.js';
import { payloadOf } from '../../lib/protocol/payload.js';
import { formatId, parseId } from '../../lib/protocol/position.js';
import { type RedisServer, until } from '../support/redis.js';
import {
  HOUR,
  draft,
  later,
  left,
  offsetOf,
  ready,
  right,
  sayAll,
  texts,
} from '../support/watched-bus.js';
import { asksAgain } from './again-table.js';
import { keyIn } from '../support/keys.js';

export interface Kind {
  readonly name: string;
  /** Stands before every key and channel. */
  readonly prefix?: string;
  readonly open: (over?: Partial<RedisClientOptions>) => RedisPort;
  /** Those that take commands. */
  readonly nodes: readonly RedisServer[];
  /** The node that has a key now. */
  readonly nodeOf: (key: string) => Promise<RedisServer>;
  readonly stop: () => Promise<void>;
}

/** The table: what holds on every kind. */
export const behaves = async (test: Test, kind: Kind): Promise<void> => {
  const { nodes, prefix = '' } = kind;
  const open = (over: Partial<RedisClientOptions> = {}): RedisPort =>
    kind.open({ prefix, ...over });
  const named = (key: string): string =>
    key.replace(/^\{(.*?)\}/, (_, channel: string) => `${prefix}{${prefix}${channel}}`);
  const nodeOf = (key: string): Promise<RedisServer> => kind.nodeOf(named(key));
  const a = await ready(open({ serverId: 'pod-a' }));
  const b = await ready(open({ serverId: 'pod-b' }));
  const at = async (
    key: string,
    name: string,
    ...args: readonly (string | number)[]
  ): Promise<unknown> => (await nodeOf(key)).command(name, named(key), ...args);

  await test.test(
    'two pods that publish at once are heard in one order by both, without a hole',
    async (t) => {
      const channel = channelOf('order');
      await Promise.all([right(a.bus.subscribe([channel])), right(b.bus.subscribe([channel]))]);
      await Promise.all([
        sayAll(a.bus, 'order', texts(200, 'a')),
        sayAll(b.bus, 'order', texts(200, 'b')),
      ]);
      await until(
        'all are heard by both',
        () => a.said(channel).length === 400 && b.said(channel).length === 400,
      );
      t.strictSame(
        a.said(channel).map(offsetOf),
        Array.from({ length: 400 }, (_, i) => i + 1),
      );
      t.strictSame(b.said(channel), a.said(channel));
      const ids = a.said(channel).map((payload) => payload.slice(7, 43));
      t.strictSame([...ids].sort(), ids, 'ids sort in the order of delivery');
    },
  );

  await test.test(
    'several drafts of a call are placed and heard in order; what is outside the log takes no offset',
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
      await until('all are heard', () => a.said(channel).length === 3);
      t.strictSame(
        a.said(channel),
        outcomes.map((outcome, i) =>
          outcome._tag === 'Placed' ? payloadOf(outcome.id, drafts[i]?.rest ?? '') : '',
        ),
      );
      t.strictSame(b.said(channel), [], 'who is not subscribed hears nothing');
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
    'ids are those of formatId, byte for byte, at every size of offset',
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

  await test.test('milliseconds never go back within an epoch', async (t) => {
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
  });

  await test.test(
    'a key is taken once: again it is a duplicate, with other data it is refused',
    async (t) => {
      const channel = channelOf('keys');
      await right(a.bus.subscribe([channel]));
      const keyed = (key: string, digest: string): Draft =>
        draft('keys', `"k":"${key}"}`, { key: keyIn(key), digest });
      const say = (bus: RedisPort, ...drafts: readonly Draft[]) =>
        right(
          bus.publish(
            'keys',
            drafts,
            drafts.map(() => 5),
            77,
            later(),
          ),
        );
      const [first] = await say(a.bus, keyed('k 1{}*:é', 'D'));
      const id = first?._tag === 'Placed' ? first.id : '';
      t.match(id, /^[0-9a-f-]{36}$/);
      t.strictSame(
        await say(b.bus, keyed('k 1{}*:é', 'D')),
        [{ _tag: 'Duplicate', id }],
        'on another pod too',
      );
      t.strictSame(await say(a.bus, keyed('k 1{}*:é', 'E')), [{ _tag: 'KeyReused' }]);
      const mixed = await say(
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
      await until('what was placed is heard', () => a.said(channel).length === 4);
      t.strictSame(a.said(channel).map(offsetOf), [1, 2, 3, 4], 'duplicates leave no hole');
      const lives = Number(await at(`{${channel}}:key:2`, 'PTTL'));
      t.ok(lives > 290_000 && lives <= 300_000);
    },
  );

  await test.test('after its deadline it does nothing at all', async (t) => {
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
    'when a pod has had another epoch, then all are told when that was found',
    async (t) => {
      await sayAll(a.bus, 'other-epoch', texts(1, 'o'));
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

  await test.test('an epoch is made once, and replaced only by who knows it', async (t) => {
    const made = await right(a.bus.top('epoch', 11));
    t.match(made, { tag: 11, offset: 0, id: null });
    t.strictSame(await right(b.bus.top('epoch', 12)), made, 'the second finds the first');
    await sayAll(a.bus, 'epoch', texts(3, 'e'));
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
    await sayAll(a.bus, 'epoch', texts(1, 'f'));
    t.match(await right(b.bus.top('epoch', 1)), { tag: 13, offset: 1 });
  });

  await test.test('members are those of living pods', async (t) => {
    const hash = `{${channelOf('counted')}}:members`;
    const pods = `{${CONTROL_CHANNEL}}:pods`;
    t.equal(await right(a.bus.members('counted', 3)), 0);
    t.equal(await right(b.bus.members('counted', 4)), 3, 'a pod that came just now counts');
    t.equal(await right(a.bus.members('counted', 3)), 4);
    await at(hash, 'PEXPIRE', 1_000_000);
    t.equal(await right(a.bus.members('counted', 3)), 4);
    t.ok(Number(await at(hash, 'PTTL')) <= 1_000_000, 'what has not changed is not written');
    await at(hash, 'PEXPIRE', 3_600_000);
    const names = (pods: unknown): readonly string[] =>
      Array.isArray(pods) ? pods.map((pod) => String(pod).replace(/#[0-9a-z]+$/, '')) : [];
    t.strictSame(
      names(await right(a.bus.lease()))
        .filter((pod) => /^pod-[ab]$/.test(pod))
        .sort(),
      ['pod-a', 'pod-b'],
    );
    const now = Date.now();
    await at(pods, 'ZADD', now - 5_000, 'lately', now - 100_000, 'long-ago');
    await at(hash, 'HSET', 'lately', 10, 'long-ago', 20);
    const c = await ready(open({ serverId: 'pod-c' }));
    t.equal(await right(c.bus.members('counted', 0)), 7, 'whose lease has ended does not');
    t.strictSame(
      names(await at(hash, 'HKEYS')),
      ['pod-a', 'pod-b', 'lately'],
      'who has long gone is forgotten, who may come back is not',
    );
    await c.close();
    t.notOk(
      JSON.stringify(await at(pods, 'ZRANGE', 0, -1)).includes('pod-c'),
      'close gives the lease back',
    );
    t.equal(await right(b.bus.members('counted', 0)), 3);
    t.strictSame(names(await at(hash, 'HKEYS')), ['pod-a', 'lately'], 'no members, no field');
    t.ok(Number(await at(hash, 'PTTL')) > 590_000);
    const written = await at(hash, 'HGETALL');
    t.equal(await right(a.bus.members('counted', undefined)), 0, 'who only asks');
    t.equal(await right(b.bus.members('counted', undefined)), 3);
    t.strictSame(await at(hash, 'HGETALL'), written, 'changes nothing');
    await at(hash, 'DEL');
    t.equal(await right(b.bus.members('counted', 4)), 0);
    t.equal(await right(a.bus.members('counted', 3)), 4, 'what was lost is written again');
    t.ok(Number(await at(hash, 'PTTL')) > 590_000);
  });

  await test.test('two pods of one name, or one restarted, count as two', async (t) => {
    const twins = await Promise.all([
      ready(open({ serverId: 'twin' })),
      ready(open({ serverId: 'twin' })),
    ]);
    const [first, second] = twins;
    t.equal(await right(first.bus.members('twins', 3)), 0);
    t.equal(await right(second.bus.members('twins', 4)), 3);
    t.equal(await right(first.bus.members('twins', 3)), 4);
    await first.close();
    // who lives is asked with each renewal of the lease
    await right(second.bus.lease());
    t.equal(await right(second.bus.members('twins', 4)), 0, 'who goes takes its own alone');
    const third = await ready(open({ serverId: 'twin' }));
    t.equal(await right(third.bus.members('twins', 1)), 4);
    await Promise.all([second.close(), third.close()]);
  });

  await test.test(
    'when a word is kept, then a pod that did not hear it recalls it with its age',
    async (t) => {
      await right(a.bus.control('not kept'));
      await right(a.bus.control('first', 60_000));
      await right(b.bus.control('second', 60_000));
      const recalled = await right(b.bus.recall(60_000));
      t.strictSame(
        recalled.map(({ text }) => text),
        ['first', 'second'],
      );
      t.ok(recalled.every(({ ageMs }) => ageMs >= 0 && ageMs < 10_000));
      t.ok(Number(await at(`{${CONTROL_CHANNEL}}:words`, 'PTTL')) > 50_000);
    },
  );

  await test.test(
    'a probe comes back on the own channel and tells the time; control reaches all',
    async (t) => {
      await Promise.all([
        right(a.bus.subscribe([podChannel('pod-a'), CONTROL_CHANNEL])),
        right(b.bus.subscribe([podChannel('pod-b'), CONTROL_CHANNEL])),
      ]);
      t.ok(Math.abs((await right(a.bus.probe('ping 1'))) - Date.now()) < 5_000);
      await right(b.bus.control('hear'));
      await until(
        'both are heard',
        () =>
          a.said(podChannel('pod-a')).length +
            a.said(CONTROL_CHANNEL).length +
            b.said(CONTROL_CHANNEL).length ===
          3,
      );
      t.strictSame([a.said(podChannel('pod-a')), b.said(CONTROL_CHANNEL)], [['ping 1'], ['hear']]);
      t.strictSame(b.said(podChannel('pod-a')), []);
      t.ok(Number(await at(`{${podChannel('pod-a')}}:lease`, 'PTTL')) > 9_000, 'it writes');
    },
  );

  await test.test('unsubscribed it is quiet; many channels at once are taken', async (t) => {
    const rooms = texts(1_500, 'many');
    await right(a.bus.subscribe([]));
    await right(a.bus.unsubscribe([]));
    await right(a.bus.subscribe(rooms.map(channelOf)));
    await right(a.bus.unsubscribe(rooms.slice(1).map(channelOf)));
    await right(a.bus.unsubscribe(rooms.slice(1, 2).map(channelOf)));
    await sayAll(b.bus, 'many1', ['unheard']);
    await sayAll(b.bus, 'many0', ['heard']);
    await until('the one still subscribed is heard', () => a.said(channelOf('many0')).length === 1);
    t.strictSame(a.said(channelOf('many1')), []);
    await sayAll(b.bus, 'order', ['still']);
    await until('the others go on', () => a.said(channelOf('order')).length === 401);
  });

  await test.test(
    'scripts that Redis forgot are sent again: nothing fails, nothing is lost or reordered',
    async (t) => {
      const channel = channelOf('forgot');
      await right(a.bus.subscribe([channel]));
      const saying = sayAll(a.bus, 'forgot', texts(300, 'f'));
      for (let i = 0; i < 20; i += 1)
        await Promise.all(nodes.map((node) => node.command('SCRIPT', 'FLUSH')));
      await saying;
      await until('all are heard', () => a.said(channel).length === 300);
      t.strictSame(
        a.said(channel).map((payload) => payload.slice(53, -2)),
        texts(300, 'f'),
      );
    },
  );

  await test.test('an answer asks when it is subscribed, and may be left', async (t) => {
    const asked$ = a.bus.publish('lazy', [draft('lazy', '"x":1}')], [0], 77, later());
    t.match(await right(a.bus.top('lazy', 5)), { offset: 0 });
    asked$.subscribe().unsubscribe();
    await until(
      'it was done all the same',
      async () => (await right(a.bus.top('lazy', 5))).offset === 1,
    );
  });

  await test.test(
    'where logs stand is answered for all rooms of a turn, and makes no epoch',
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

  await test.test('a room in which nothing was said is kept for minutes', async (t) => {
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

  await test.test('a key of another kind is a typed error', async (t) => {
    await at(`{${channelOf('wrong')}}:pos`, 'SET', 'text');
    t.equal(
      await left(a.bus.publish('wrong', [draft('wrong', '"x":1}')], [0], 77, later())),
      'WrongType',
    );
    t.equal(await left(a.bus.top('wrong', 1)), 'WrongType');
  });

  await test.test('when Redis has no memory left nothing is half done', async (t) => {
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
    await sayAll(a.bus, 'full', ['fits']);
    await until('what fits is heard', () => a.said(channel).length === 1);
    t.strictSame(a.said(channel).map(offsetOf), [1]);
  });

  await test.test('without replicas that it wants, Redis refuses, and says so', async (t) => {
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
  });

  await test.test('reconnect drops all and comes back', async (t) => {
    const from = a.events.length;
    a.bus.reconnect();
    t.match(a.events.slice(from), [{ _tag: 'Lost' }], 'told at once');
    t.equal(
      await left(a.bus.probe('x')),
      'Unreachable',
      'and what is asked meanwhile fails at once',
    );
    await a.next('Ready', from);
    await right(a.bus.subscribe([channelOf('order')]));
    const before = a.said(channelOf('order')).length;
    await sayAll(b.bus, 'order', ['after']);
    await until('it is heard again', () => a.said(channelOf('order')).length === before + 1);
    t.strictSame(
      a.events.slice(from).map(({ _tag }) => _tag),
      ['Lost', 'Ready', 'Message'],
    );
  });

  await asksAgain(test, kind.name, {
    open: async (logMessages) => (await ready(open({ logMessages }))).bus,
    now: Date.now,
    close: async (bus) => {
      await lastValueFrom(bus.close(), { defaultValue: undefined });
    },
  });

  // Sentinel would put another in its place: it has a test of its own
  await test.test(
    'all nodes frozen: answers end by the timeout, reconnect works, and nothing is said late',
    { skip: kind.name === 'Sentinel' },
    async (t) => {
      const channel = channelOf('frozen');
      await right(a.bus.subscribe([channel]));
      await right(b.bus.subscribe([channel]));
      const from = a.events.length;
      for (const node of nodes) node.freeze();
      const start = performance.now();
      t.equal(
        await left(a.bus.publish('frozen', [draft('frozen', '"x":1}')], [0], 77, Date.now() + 500)),
        'Unreachable',
      );
      const took = performance.now() - start;
      t.ok(took > 900 && took < 1_900, `after ${took} ms`);
      a.bus.reconnect();
      await a.next('Lost', from);
      for (const node of nodes) node.thaw();
      await a.next('Ready', from);
      if (kind.name === 'Cluster')
        await until(
          'the Cluster takes it',
          async () => (await left(b.bus.top('frozen', 1))) === 'no error',
        );
      await right(a.bus.subscribe([channel]));
      await firstValueFrom(b.bus.subscribe([channel]));
      await sayAll(a.bus, 'frozen', ['alive']);
      await until('it is heard', () => a.said(channel).length === 1);
      t.strictSame(
        a.said(channel).map((payload) => payload.slice(53, -2)),
        ['alive'],
      );
    },
  );

  await Promise.all([a.close(), b.close()]);
  await test.test('closed, it leaves no socket open', async (t) => {
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length;
    await until('the sockets are gone', () => sockets() === 0, 3_000);
    t.equal(await left(a.bus.probe('x')), 'Unreachable');
  });
};
