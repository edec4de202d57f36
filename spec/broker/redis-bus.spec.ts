/**
 * What every bus on a real Redis must do, on each of the three kinds; then what each kind has alone. Nothing here waits
 * for a fixed time: only for what must happen, with a bound.
 */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { firstValueFrom, type Subscription } from 'rxjs';
import t, { type Test } from 'tap';
import {
  type Answer,
  type Bus,
  type BusError,
  type BusEvent,
  CONTROL_CHANNEL,
  channelOf,
  podChannel,
} from '../../lib/broker/bus.js';
import { redisBus } from '../../lib/broker/redis.js';
import { redisClusterBus } from '../../lib/broker/redis-cluster.js';
import type { BusOptions } from '../../lib/broker/redis-session.js';
import { slotOf } from '../../lib/broker/redis-slots.js';
import { systemClock } from '../../lib/clock.js';
import { type Draft, payloadOf } from '../../lib/codec.js';
import { formatId, parseId, type Room } from '../../lib/position.js';
import {
  type RedisServer,
  startCluster,
  startRedis,
  startSentinels,
  until,
} from '../support/redis.js';

const TIMEOUT_MS = 1_000;
const HOUR = 3_600_000;

// the cast of every test

interface Watched {
  readonly bus: Bus;
  readonly events: BusEvent[];
  /** What a channel brought, as text. */
  readonly said: (channel: string) => readonly string[];
  readonly tags: () => readonly string[];
  /** Waits for the next event of a kind, from now on or from the beginning. */
  readonly next: (tag: BusEvent['_tag'], from?: number, ms?: number) => Promise<BusEvent>;
  readonly close: () => Promise<void>;
}

const options = (over: Partial<BusOptions>): BusOptions => ({
  url: '',
  sentinels: [],
  sentinelName: '',
  serverId: 'pod-1',
  timeoutMs: TIMEOUT_MS,
  positionTtlMs: 24 * HOUR,
  clock: systemClock,
  ...over,
});

const watch = (bus: Bus): Watched => {
  const events: BusEvent[] = [];
  const subscription: Subscription = bus.event$.subscribe((event) => events.push(event));
  return {
    bus,
    events,
    said: (channel) =>
      events.flatMap((event) =>
        event._tag === 'Message' && event.channel === channel ? [event.payload.toString()] : [],
      ),
    tags: () => events.map(({ _tag }) => _tag).filter((tag) => tag !== 'Message'),
    next: async (tag, from = events.length, ms = 10_000) => {
      await until(
        `the bus says ${tag}`,
        () => events.slice(from).some(({ _tag }) => _tag === tag),
        ms,
      );
      const found = events.slice(from).find(({ _tag }) => _tag === tag);
      if (found === undefined) throw new Error(tag);
      return found;
    },
    close: async () => {
      await new Promise<void>((resolve) => bus.close().subscribe({ complete: resolve }));
      if (!subscription.closed) throw new Error('the events go on after close');
    },
  };
};

const ready = async (bus: Bus): Promise<Watched> => {
  const watched = watch(bus);
  await watched.next('Ready', 0);
  return watched;
};

const right = async <A>(answer$: Answer<A>): Promise<A> => {
  const either = await firstValueFrom(answer$);
  if (E.isLeft(either)) throw new Error(`${either.left._tag}: ${either.left.detail}`);
  return either.right;
};

const left = async (answer$: Answer<unknown>): Promise<BusError['_tag'] | 'no error'> => {
  const either = await firstValueFrom(answer$);
  return E.isLeft(either) ? either.left._tag : 'no error';
};

const draft = (room: Room, rest: string, over: Partial<Draft> = {}): Draft => ({
  room,
  type: 'chat',
  rest,
  logged: true,
  key: undefined,
  digest: '',
  except: undefined,
  ...over,
});
const later = (): number => Date.now() + HOUR;

/** Publishes each text in a call of its own, one after the other, as a pod does in a room. */
const sayAll = async (bus: Bus, room: Room, texts: readonly string[], nonce = 0): Promise<void> => {
  for (const text of texts)
    await right(bus.publish(room, [draft(room, `"text":"${text}"}`)], [nonce], 77, later()));
};

const offsetOf = (payload: string): number => {
  const id = parseId(payload.slice(7, 43));
  return O.isSome(id) ? id.value.offset : Number.NaN;
};

/** Texts of a room, numbered: no two tests share one. */
const texts = (count: number, name: string): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${name}${i}`);

// the kinds

interface Kind {
  readonly name: string;
  readonly open: (over?: Partial<BusOptions>) => Bus;
  /** Those that take commands. */
  readonly nodes: readonly RedisServer[];
  /** The node that has a key now. */
  readonly nodeOf: (key: string) => Promise<RedisServer>;
  readonly stop: () => Promise<void>;
}

const standalone = async (): Promise<Kind> => {
  const server = await startRedis();
  return {
    name: 'standalone',
    open: (over) => redisBus(options({ url: server.url, ...over })),
    nodes: [server],
    nodeOf: async () => server,
    stop: server.stop,
  };
};

/** The table: what holds on every kind. */
const behaves = async (test: Test, kind: Kind): Promise<void> => {
  const { open, nodeOf, nodes } = kind;
  const a = await ready(open({ serverId: 'pod-a' }));
  const b = await ready(open({ serverId: 'pod-b' }));
  const at = async (
    key: string,
    name: string,
    ...args: readonly (string | number)[]
  ): Promise<unknown> => (await nodeOf(key)).command(name, key, ...args);

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
        a.bus.publish('several', drafts, [1, 2, 0xfffff], 4095, later()),
      );
      const ids = outcomes
        .map((outcome) => (outcome._tag === 'Placed' ? parseId(outcome.id) : O.none))
        .map((id) => (O.isSome(id) ? id.value : undefined));
      t.match(ids, [
        { tag: 4095, offset: 1, outside: false, nonce: 1, global: false },
        { tag: 4095, offset: 1, outside: true, nonce: 2 },
        { tag: 4095, offset: 2, outside: false, nonce: 0xfffff },
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
          [4095, false, 0xfffff],
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
        draft('keys', `"k":"${key}"}`, { key, digest });
      const say = (bus: Bus, ...drafts: readonly Draft[]) =>
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
    const drafts = [draft('late', '"x":1}', { key: 'k', digest: 'D' })];
    t.equal(await left(a.bus.publish('late', drafts, [0], 77, Date.now() - 1_000)), 'Late');
    t.equal(await at(`{${channelOf('late')}}:pos`, 'EXISTS'), 0);
    t.equal(await at(`{${channelOf('late')}}:key:k`, 'EXISTS'), 0);
    t.strictSame(
      (await right(a.bus.publish('late', drafts, [0], 77, later()))).map(({ _tag }) => _tag),
      ['Placed'],
    );
  });

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
    await sayAll(a.bus, 'epoch', texts(1, 'f'));
    t.match(await right(b.bus.top('epoch', 1)), { tag: 13, offset: 1 });
  });

  await test.test('members are those of living pods', async (t) => {
    const hash = `{${channelOf('counted')}}:members`;
    const pods = `{${CONTROL_CHANNEL}}:pods`;
    t.equal(await right(a.bus.members('counted', 3)), 0);
    t.equal(await right(b.bus.members('counted', 4)), 3, 'a pod that came just now counts');
    t.equal(await right(a.bus.members('counted', 3)), 4);
    t.strictSame([...(await right(a.bus.lease()))].filter((pod) => /^pod-[ab]$/.test(pod)).sort(), [
      'pod-a',
      'pod-b',
    ]);
    const now = Date.now();
    await at(pods, 'ZADD', now - 5_000, 'lately', now - 100_000, 'long-ago');
    await at(hash, 'HSET', 'lately', 10, 'long-ago', 20);
    const c = await ready(open({ serverId: 'pod-c' }));
    t.equal(await right(c.bus.members('counted', 0)), 7, 'whose lease has ended does not');
    t.strictSame(
      await at(hash, 'HKEYS'),
      ['pod-a', 'pod-b', 'lately'],
      'who has long gone is forgotten, who may come back is not',
    );
    await c.close();
    t.notOk(
      JSON.stringify(await at(pods, 'ZRANGE', 0, -1)).includes('pod-c'),
      'close gives the lease back',
    );
    t.equal(await right(b.bus.members('counted', 0)), 3);
    t.strictSame(await at(hash, 'HKEYS'), ['pod-a', 'lately'], 'no members, no field');
    t.ok(Number(await at(hash, 'PTTL')) > 3_500_000);
  });

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
          [draft('full', '"x":1}', { key: 'k', digest: 'D' })],
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
      'Other',
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

t.test('standalone', async (t) => {
  const kind = await standalone();
  await behaves(t, kind);
  await kind.stop();
});

t.test('Sentinel', async (t) => {
  const trio = await startSentinels();
  const open = (over: Partial<BusOptions> = {}): Bus =>
    redisBus(
      options({ url: 'redis://', sentinels: trio.addresses, sentinelName: trio.name, ...over }),
    );
  await behaves(t, {
    name: 'Sentinel',
    open,
    nodes: [trio.nodes[0]],
    nodeOf: trio.master,
    stop: trio.stop,
  });

  await t.test(
    'the master is frozen: after the failover a reconnect finds the new one',
    async (t) => {
      const [first, second] = trio.nodes;
      const a = await ready(open());
      const channel = channelOf('failover');
      await sayAll(a.bus, 'failover', ['before']);
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
          a.bus.reconnect();
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
      await sayAll(a.bus, 'failover', ['after']);
      await until('it is heard', () => a.said(channel).length === 1);
      t.strictSame(a.said(channel).map(offsetOf), [2], 'the epoch goes on');
      first.thaw();
      await a.close();
    },
  );

  await t.test('no Sentinel answers: it says Lost once, and goes on trying', async (t) => {
    for (const sentinel of trio.sentinels) sentinel.freeze();
    const a = watch(open());
    await a.next('Lost', 0);
    trio.sentinels[2]?.thaw();
    await a.next('Ready', 0, 20_000);
    t.strictSame(a.tags(), ['Lost', 'Ready']);
    await a.close();
  });
  await trio.stop();
});

t.test('Cluster', async (t) => {
  const cluster = await startCluster();
  const open = (over: Partial<BusOptions> = {}): Bus =>
    redisClusterBus(options({ url: cluster.url, ...over }));
  const nodeOf = (key: string): Promise<RedisServer> => cluster.ownerOf(slotOf(key));
  await behaves(t, { name: 'Cluster', open, nodes: cluster.nodes, nodeOf, stop: cluster.stop });
  await cluster.whole();

  await t.test('slots are those that Redis computes', async (t) => {
    for (const key of [
      '',
      'a',
      '123456789',
      'realtime:global',
      '{realtime:room:x}:pos',
      'x{}y',
      '{}{a}',
      'a{b}{c}',
      'a{b',
      'é{ü}',
      '}{a}',
    ]) {
      t.equal(slotOf(key), await cluster.nodes[0]?.command('CLUSTER', 'KEYSLOT', key), key);
    }
  });

  await t.test(
    'a slot moves under load: its channels are dropped, heard again at the new owner, and no offset is lost',
    async (t) => {
      const a = await ready(open({ serverId: 'pod-a' }));
      const b = await ready(open({ serverId: 'pod-b' }));
      const channel = channelOf('moving');
      const stays = channelOf('{moving}'.slice(1, -1) + '-not');
      await right(a.bus.subscribe([channel, stays]));
      await sayAll(b.bus, 'moving', texts(10, 'm'));
      const source = await nodeOf(channel);
      const target = cluster.nodes.find((node) => node !== source);
      if (target === undefined) throw new Error('no target');
      const from = a.events.length;
      const saying = sayAll(b.bus, 'moving', texts(300, 'n'));
      await cluster.moveSlot(slotOf(channel), target);
      t.strictSame(await a.next('Dropped', from), { _tag: 'Dropped', channels: [channel] });
      await right(a.bus.subscribe([channel]));
      await saying;
      t.equal(await nodeOf(channel), target);
      const heard = a.said(channel).length;
      await sayAll(b.bus, 'moving', ['at last']);
      await until(
        'it is heard',
        () => a.said(channel).length > heard && (a.said(channel).at(-1) ?? '').includes('at last'),
      );
      t.match(await right(a.bus.top('moving', 1)), { tag: 77, offset: 311 });
      await sayAll(b.bus, 'moving-not', ['here']);
      await until('the others go on', () => a.said(stays).length === 1);
      t.strictSame(a.tags(), ['Ready', 'Dropped'], 'told once, of that one');
      await Promise.all([a.close(), b.close()]);
    },
  );

  await t.test('the subscribed connections are killed: dropped, and subscribed anew', async (t) => {
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
    for (const room of rooms) await sayAll(a.bus, room, ['again']);
    await until('all are heard', () => rooms.every((room) => a.said(channelOf(room)).length === 1));
    await a.close();
  });

  await t.test(
    'one node freezes: its channels are dropped, the others go on; thawed, it is found again',
    async (t) => {
      const a = await ready(open());
      const rooms = texts(12, 'ice');
      const owners = new Map<string, RedisServer>();
      for (const room of rooms) owners.set(channelOf(room), await nodeOf(channelOf(room)));
      const [frozen] = owners.values();
      await right(a.bus.subscribe(rooms.map(channelOf)));
      for (const room of rooms) await sayAll(a.bus, room, ['before']);
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
      for (const room of warm) await sayAll(a.bus, room, ['during']);
      await until('the others are heard', () =>
        warm.every((room) => a.said(channelOf(room)).length === 2),
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
        rooms.every((room) => a.said(channelOf(room)).length >= 2),
      );
      t.strictSame(
        a.tags().filter((tag) => tag !== 'Dropped'),
        ['Ready'],
      );
      await a.close();
    },
  );

  await t.test(
    'one node dies: what it has fails at once, the rest goes on; back, it is found',
    async (t) => {
      const a = await ready(open());
      const victim = await nodeOf(channelOf('dies'));
      const lives =
        texts(50, 'lives').find((room) => slotOf(channelOf(room)) < 100) ?? 'lives-elsewhere';
      await right(a.bus.subscribe([channelOf('dies')]));
      await right(a.bus.top('dies', 1));
      const from = a.events.length;
      await victim.kill();
      await a.next('Dropped', from);
      const start = performance.now();
      t.equal(await left(a.bus.top('dies', 1)), 'Unreachable');
      t.ok(performance.now() - start < 900, 'well before the timeout');
      t.ok(lives);
      await victim.restart();
      await cluster.whole();
      await until(
        'it takes commands',
        async () => (await left(a.bus.top('dies', 1))) === 'no error',
      );
      await right(a.bus.subscribe([channelOf('dies')]));
      await sayAll(a.bus, 'dies', ['again']);
      await until('it is heard', () => a.said(channelOf('dies')).length === 1);
      await a.close();
    },
  );
  await cluster.stop();
});

t.test('one Redis alone', async (t) => {
  await t.test('TLS and a password in the URL', async (t) => {
    const server = await startRedis({ tls: true, password: 'p@ss/word' });
    const url = `rediss://:${encodeURIComponent('p@ss/word')}@127.0.0.1:${server.port}`;
    const a = await ready(redisBus(options({ url, tls: { ca: server.ca } })));
    await right(a.bus.subscribe([channelOf('tls')]));
    await sayAll(a.bus, 'tls', texts(20, 's'));
    await until('all are heard', () => a.said(channelOf('tls')).length === 20);
    await a.close();

    const stranger = watch(redisBus(options({ url })));
    t.match(
      await stranger.next('Lost', 0),
      { detail: /certificate/ },
      'who does not know the authority is not let in',
    );
    await stranger.close();
    await server.stop();
  });

  await t.test('an ACL user who may do what the service does and no more', async (t) => {
    const acl = [
      'user default off',
      'user pod on >s:ecret resetkeys ~{realtime:* resetchannels &realtime:* -@all +hello +auth +ping +client|setname +info +subscribe +unsubscribe +publish +eval +evalsha +time +hset +hdel +hgetall +hmget +mget +set +pexpire +zadd +zrem +zrangebyscore +zremrangebyscore',
      'user mute on >secret allkeys &* +@all -publish',
      'user reader on >secret %R~* &* +@all',
      'user deaf on >secret allkeys resetchannels +@all',
    ];
    const server = await startRedis({ acl });
    const of = (user: string, password: string): Bus =>
      redisBus(
        options({
          url: `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${server.port}`,
        }),
      );
    const a = await ready(of('pod', 's:ecret'));
    await right(a.bus.subscribe([channelOf('acl')]));
    await right(
      a.bus.publish('acl', [draft('acl', '"x":1}', { key: 'k', digest: 'D' })], [0], 77, later()),
    );
    for (const answer$ of [
      a.bus.top('acl', 1),
      a.bus.renew('acl', 77, 78),
      a.bus.members('acl', 2),
      a.bus.probe('x'),
      a.bus.control('x'),
    ])
      await right<unknown>(answer$);
    await until('it is heard', () => a.said(channelOf('acl')).length === 1);
    t.equal(await left(a.bus.subscribe(['elsewhere'])), 'NoPermission');

    const mute = await ready(of('mute', 'secret'));
    t.equal(
      await left(mute.bus.publish('acl', [draft('acl', '"x":1}')], [0], 77, later())),
      'NoPermission',
    );
    const reader = await ready(of('reader', 'secret'));
    t.equal(
      await left(reader.bus.publish('acl', [draft('acl', '"x":1}')], [0], 77, later())),
      'NoPermission',
    );
    const deaf = await ready(of('deaf', 'secret'));
    t.equal(await left(deaf.bus.subscribe([channelOf('acl')])), 'NoPermission');
    const wrong = watch(of('pod', 'wrong'));
    const lost = await wrong.next('Lost', 0);
    t.match(lost, { detail: /WRONGPASS/ });
    t.notMatch(lost, { detail: /wrong(?!PASS)\b/ }, 'no password in what is told');
    await Promise.all([a, mute, reader, deaf, wrong].map((one) => one.close()));
    await server.stop();
  });

  await t.test('a master that became a replica is a typed error', async (t) => {
    const master = await startRedis();
    const server = await startRedis();
    const a = await ready(redisBus(options({ url: server.url })));
    await right(a.bus.subscribe([channelOf('demoted')]));
    await server.command('REPLICAOF', '127.0.0.1', master.port);
    t.equal(
      await left(a.bus.publish('demoted', [draft('demoted', '"x":1}')], [0], 77, later())),
      'ReadOnly',
    );
    t.equal(await left(a.bus.probe('x')), 'ReadOnly', 'the probe notices');
    t.equal(await left(a.bus.lease()), 'ReadOnly');
    t.strictSame(a.said(channelOf('demoted')), [], 'nobody heard what was not done');
    await a.close();
    await Promise.all([master.stop(), server.stop()]);
  });

  await t.test('Redis is not there at the start: Lost once, and Ready when it comes', async (t) => {
    const server = await startRedis();
    await server.kill();
    const a = watch(redisBus(options({ url: `127.0.0.1:${server.port}` })));
    await a.next('Lost', 0);
    t.equal(await left(a.bus.subscribe(['x'])), 'Unreachable');
    await server.restart();
    const start = performance.now();
    await a.next('Ready', 0);
    t.ok(performance.now() - start < 2_000);
    t.strictSame(a.tags(), ['Lost', 'Ready']);

    await t.test(
      'killed under load: what is under way fails at once, and it comes back',
      async (t) => {
        const from = a.events.length;
        const publishing = Promise.all(
          texts(50, 'load').map((room) =>
            firstValueFrom(a.bus.publish(room, [draft(room, '"x":1}')], [0], 77, later())),
          ),
        );
        server.freeze();
        const stuck = firstValueFrom(
          a.bus.publish('stuck', [draft('stuck', '"x":1}')], [0], 77, later()),
        );
        const before = performance.now();
        await server.kill();
        t.match(await stuck, { _tag: 'Left', left: { _tag: 'Unreachable' } });
        await publishing;
        t.ok(performance.now() - before < 900, 'well before the timeout');
        t.match(await a.next('Lost', from), { _tag: 'Lost' });
        await server.restart(true);
        await a.next('Ready', from);
        t.match(
          await right(a.bus.publish('load0', [draft('load0', '"x":1}')], [0], 99, later())),
          [{ _tag: 'Placed' }],
          'although Redis forgot the scripts',
        );
        t.match(await right(a.bus.top('load0', 1)), { tag: 99, offset: 1 }, 'a new epoch');
      },
    );

    await t.test(
      'its subscriptions are killed: Lost, Ready, and they can be made again',
      async (t) => {
        const from = a.events.length;
        await right(a.bus.subscribe([channelOf('killed')]));
        await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await a.next('Ready', from);
        await right(a.bus.subscribe([channelOf('killed')]));
        await sayAll(a.bus, 'killed', ['again']);
        await until('it is heard', () => a.said(channelOf('killed')).length === 1);
        t.strictSame(
          a.events.slice(from).map(({ _tag }) => _tag),
          ['Lost', 'Ready', 'Message'],
        );
      },
    );
    await a.close();
    await server.stop();
  });

  await t.test('with its append-only file Redis goes on where it was', async (t) => {
    const server = await startRedis({ appendonly: true, appendfsync: 'always' });
    const a = await ready(redisBus(options({ url: server.url })));
    await sayAll(a.bus, 'kept', texts(5, 'k'));
    const top = await right(a.bus.top('kept', 1));
    const from = a.events.length;
    await server.restart();
    await a.next('Ready', from);
    t.strictSame(await right(a.bus.top('kept', 1)), top);
    await a.close();
    await server.stop();
  });

  await t.test('closed before it was ever ready, nothing is left', async (t) => {
    const a = watch(redisBus(options({ url: '127.0.0.1:1' })));
    await a.next('Lost', 0);
    await a.close();
    await until(
      'no socket and no timer is left',
      () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length === 0,
    );
    t.strictSame(a.tags(), ['Lost']);
  });
});
