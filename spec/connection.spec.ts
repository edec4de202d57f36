/** One connection on a played socket, in virtual time: pace, rates, refusals, rooms, hooks and the end. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { isNone, isSome } from 'fp-ts/lib/Option.js';
import fc from 'fast-check';
import { map, NEVER, of, throwError, timer } from 'rxjs';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { ANYBODY, OPEN } from '../lib/access/choice.js';
import { Expiries } from '../lib/access/expiries.js';
import { catchUps } from '../lib/catch-ups.js';
import { Backlog } from '../lib/backlog.js';
import { localBroker } from '../lib/broker/local.js';
import type { Connection } from '../lib/command.js';
import type { Config, DeepPartial } from '../lib/config.js';
import { connection } from '../lib/connection.js';
import { type ConnectionInfo, type Hooks, type Outgoing, reject } from '../lib/hooks.js';
import { NO_EPOCH, parseId } from '../lib/position.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { configWith, type HubWorld, hubWorld } from './support/hub-world.js';
import type { Peer } from './support/peer.js';
import { until } from './support/redis.js';
import { type ScriptBroker, scriptBroker } from './support/script-broker.js';
import { virtualClock } from './support/virtual-clock.js';

type World = HubWorld & { readonly broker: ScriptBroker };

const RATES = {
  rateLimitPerSecond: 100,
  rateLimitBurst: 200,
  rateLimitBytes: 1_048_576,
} as const;

const world = (hooks: Hooks = {}, config: DeepPartial<Config> = {}): World =>
  hubWorld({ broker: scriptBroker, hooks, config });

/** A connection that is in the room `r`. */
const member = (w: World): Peer => {
  const peer = w.connect({ room: 'r', userId: 'alice' });
  w.clock.advance(1_000);
  return peer;
};

const frames = (count: number, from = 0): readonly Buffer[] =>
  Array.from({ length: count }, (_, i) =>
    Buffer.from(JSON.stringify({ type: 'chat', room: 'r', data: from + i, id: `k${from + i}` })),
  );

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** Nothing of it is left in the hub, and no timer. */
const isGone = (w: World): boolean =>
  w.connections.size === 0 && w.occupied().size === 0 && w.clock.pending() === 0;

// pace

t.test(
  '64 publishes under way: the socket is not read, then read again, and the order is kept',
  async (t) => {
    const w = world();
    const a = member(w);
    w.broker.publishMs = 50;
    a.webSocket.arriveTogether(frames(64));
    t.notOk(a.webSocket.isPaused, '64 are taken');
    t.equal(w.broker.underway(), 64);
    a.webSocket.arriveTogether(frames(100, 64));
    t.ok(a.webSocket.isPaused, 'the next waits');
    t.equal(w.broker.underway(), 64, 'and no more are under way');
    for (const frame of frames(30, 164)) a.webSocket.arrive(frame);
    w.clock.advance(51);
    t.ok(w.broker.underway() <= 64);
    w.clock.advance(1_000);
    t.notOk(a.webSocket.isPaused);
    t.equal(a.webSocket.pauses < 10, true);
    t.same(a.texts('r'), upTo(194), 'in order, none lost');
    t.same(
      a.told('ack').map(({ ref }) => ref),
      upTo(194).map((i) => `k${i}`),
    );
    a.go();
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);

t.test('what is under way is bounded, whatever comes in whatever pieces', async (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ count: fc.nat(150), together: fc.boolean(), ms: fc.constantFrom(0, 1, 30) }),
        { maxLength: 12 },
      ),
      fc.constantFrom(0, 1, 20),
      (bursts, publishMs) => {
        const w = world();
        const a = member(w);
        w.broker.publishMs = publishMs;
        let sent = 0;
        for (const { count, together, ms } of bursts) {
          const some = frames(count, sent);
          sent += count;
          if (together && !a.webSocket.isPaused) a.webSocket.arriveTogether(some);
          else for (const frame of some) a.webSocket.arrive(frame);
          if (w.broker.underway() > 64) throw new Error(`${w.broker.underway()} under way`);
          w.clock.advance(ms);
          if (w.broker.underway() > 64) throw new Error(`${w.broker.underway()} under way`);
        }
        w.clock.advance(10_000);
        return a.texts('r').join() === upTo(sent).join() && !a.webSocket.isPaused;
      },
    ),
    { numRuns: 60 },
  );
  t.pass('for any bursts');
});

t.test(
  'a read full of messages behind one slow hook is taken in order, and without a deep stack',
  async (t) => {
    // 64 kB of the shortest that a client can say
    const MANY = 1_600;
    const w: World = world({
      onMessage: (message) =>
        message.data === 0 ? timer(10, w.clock.scheduler).pipe(map(() => message)) : message,
    });
    const a = member(w);
    a.webSocket.arriveTogether(frames(MANY));
    t.ok(a.webSocket.isPaused);
    w.clock.advance(1_000);
    t.same(a.texts('r'), upTo(MANY));
    t.same(a.errors(), []);
    t.notOk(a.webSocket.isPaused);
  },
);

// rates

t.test('a burst of 200 passes, then rate_limited says when to come again', async (t) => {
  const w = world({}, { limits: RATES });
  const a = w.connect({ room: 'r' });
  w.clock.advance(10_000);
  for (const frame of frames(205)) a.webSocket.arrive(frame);
  w.clock.advance(1);
  t.same(a.texts('r'), upTo(200));
  t.match(
    a.errors(),
    upTo(5).map((i) => ({ code: 'rate_limited', ref: `k${200 + i}`, retry_in_ms: 10 })),
  );
  w.clock.advance(9);
  a.chat('r', 'in time', 'later');
  w.clock.advance(1);
  t.equal(a.texts('r').at(-1), 'in time', 'what was promised holds');
  t.equal(a.code(), undefined);
});

t.test('100 a second pass for ever', async (t) => {
  const w = world({}, { limits: RATES });
  const a = w.connect({ room: 'r' });
  for (let i = 0; i < 1_000; i++) {
    w.clock.advance(10);
    a.chat('r', i);
  }
  t.same(a.errors(), []);
});

t.test('bytes are limited too; what is said of the wait is true, exactly', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ bytes: fc.nat(70_000), ms: fc.nat(60) }), { maxLength: 60 }),
      (messages) => {
        const bucket = new TokenBucket({ ...RATES, rateLimitBytes: 100_000 }, 0);
        let now = 0;
        for (const { bytes, ms } of messages) {
          now += ms;
          const wait = bucket.take(bytes, now);
          if (wait === 0) continue;
          if (wait < 0 || !Number.isInteger(wait)) return false;
          // a hair: floating point
          now += wait + 0.001;
          if (bucket.take(bytes, now) !== 0) return false;
        }
        return true;
      },
    ),
    { numRuns: 500 },
  );
  const bucket = new TokenBucket({ ...RATES, rateLimitBytes: 100 }, 0);
  t.equal(bucket.take(5_000, 0), 0, 'larger than a second holds: passes when the bucket is full');
  t.equal(bucket.take(1, 0), 10);
});

t.test('20 refused within 10 s close with 1008, 19 do not, nor 20 in a longer time', async (t) => {
  const w = world();
  const [a, b, c] = [w.connect(), w.connect(), w.connect()];
  for (let i = 0; i < 19; i++) a.say('{');
  w.clock.advance(10);
  t.equal(a.code(), undefined);
  a.say('{');
  w.clock.advance(10);
  t.equal(a.code(), 1008);
  t.equal(a.errors().length, 20, 'and each was told');
  for (let i = 0; i < 40; i++) {
    b.say('{');
    w.clock.advance(527);
  }
  t.equal(b.code(), undefined, '19 in any 10 s');
  for (let i = 0; i < 40 && c.code() === undefined; i++) {
    c.say('{');
    w.clock.advance(526);
  }
  t.equal(c.code(), 1008, '20 in 9,994 ms');
});

t.test('what is not the sender fault closes nobody', async (t) => {
  const w = world({
    onMessage: ({ data }) => (data === 'no' ? reject('not that') : { room: 'r', data }),
  });
  const a = member(w);
  for (let i = 0; i < 30; i++) a.chat('r', 'no');
  w.broker.refuse = { _tag: 'Unavailable', detail: 'nothing took it' };
  for (let i = 0; i < 30; i++) a.chat('r', i);
  w.clock.advance(100);
  t.equal(a.errors().length, 60);
  t.equal(a.code(), undefined);
});

t.test('rate limits count as refusals: who does not slow down is closed', async (t) => {
  const w = world({}, { limits: RATES });
  const a = w.connect({ room: 'r' });
  a.webSocket.arriveTogether(frames(230));
  w.clock.advance(10);
  t.equal(a.code(), 1008);
  t.equal(a.texts('r').length <= 200, true);
});

// rooms

t.test('100 rooms, and the 101st is too many; who leaves one may join another', async (t) => {
  const w = world();
  const a = w.connect({ room: 'r0' });
  for (let i = 1; i < 100; i++) a.join(`r${i}`);
  a.join('one-more', 'x');
  w.clock.advance(100);
  t.match(a.errors(), [{ code: 'too_many_rooms', ref: 'x' }]);
  t.equal(w.occupied().size, 101, '100, and the global log');
  a.join('r50', 'again');
  a.leave('r7');
  a.join('one-more');
  w.clock.advance(100);
  t.equal(a.errors().length, 1, 'to join again is no room more');
  t.ok(a.told('joined').some(({ room }) => room === 'one-more'));
});

const LAST_ID = '019a0000-0000-7001-8000-000000400001';
const joining = (room: string, id: string, lastId?: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      type: 'join',
      room,
      id,
      ...(lastId === undefined ? {} : { data: { last_id: lastId } }),
    }),
  );
const joinedRefs = (peer: Peer): readonly (string | undefined)[] =>
  peer.told('joined').flatMap(({ ref }) => (typeof ref === 'string' ? [ref] : []));

t.test(
  'when a member asks for a replay again and again, then it has ten and one a second, and is told when',
  async (t) => {
    const w = world({}, { limits: { maxRoomsPerConnection: 3 } });
    const a = member(w);
    for (const i of upTo(15)) a.webSocket.arrive(joining('r', `j${i}`, LAST_ID));
    w.clock.advance(500);
    t.same(
      joinedRefs(a),
      upTo(10).map((i) => `j${i}`),
    );
    t.match(
      a.errors(),
      upTo(5).map((i) => ({ code: 'rate_limited', ref: `j${10 + i}`, retry_in_ms: 1_000 })),
    );
    w.clock.advance(499);
    a.webSocket.arrive(joining('r', 'early', LAST_ID));
    t.match(a.errors().at(-1), { code: 'rate_limited', ref: 'early' });
    w.clock.advance(Number(a.errors().at(-1)?.['retry_in_ms']));
    a.webSocket.arrive(joining('r', 'in time', LAST_ID));
    w.clock.advance(100);
    t.equal(joinedRefs(a).at(-1), 'in time');
    for (const i of upTo(5)) a.webSocket.arrive(joining('r', `plain ${i}`));
    w.clock.advance(100);
    t.equal(joinedRefs(a).at(-1), 'plain 4', 'without a last_id nothing is replayed');
    t.notOk(a.webSocket.isPaused);
    a.go();
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);

t.test(
  'when replays of new rooms come too quickly, then each waits its turn, and so does what comes behind',
  async (t) => {
    const w = world({}, { limits: { maxRoomsPerConnection: 20 } });
    const a = member(w);
    for (const i of upTo(40)) {
      a.webSocket.arrive(joining(`s${i % 2}`, `j${i}`, LAST_ID));
      a.webSocket.arrive(Buffer.from(JSON.stringify({ type: 'leave', room: `s${i % 2}` })));
    }
    a.webSocket.arrive(Buffer.from('{"type":"chat","room":"r","data":"behind","id":"c"}'));
    const began = w.clock.scheduler.now();
    t.ok(a.webSocket.isPaused, 'the socket is not read meanwhile');
    w.clock.advance(19_000);
    t.same(a.texts('r'), []);
    t.ok(a.webSocket.isPaused);
    w.clock.advance(1_100);
    t.ok(w.clock.scheduler.now() - began > 20_000);
    t.same(a.texts('r'), ['behind']);
    t.same(a.errors(), [], 'nobody is refused');
    t.equal(a.told('left').length, 40);
    t.notOk(a.webSocket.isPaused);
    a.go();
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);

t.test('when a connection goes while a replay waits its turn, then nothing is left', async (t) => {
  const w = world({}, { limits: { maxRoomsPerConnection: 1 } });
  const a = w.connect({ userId: 'alice' });
  w.clock.advance(1_000);
  for (const i of upTo(11)) {
    a.webSocket.arrive(joining('s', `j${i}`, LAST_ID));
    a.webSocket.arrive(Buffer.from('{"type":"leave","room":"s"}'));
  }
  t.ok(a.webSocket.isPaused);
  a.go();
  w.clock.advance(10_000);
  t.ok(isGone(w));
});

t.test('when 64 joins of a room are not answered, then the next are rate_limited', async (t) => {
  const w = world();
  w.broker.openMs = 1_000;
  const a = w.connect({ userId: 'alice' });
  for (const i of upTo(70)) a.webSocket.arrive(joining('s', `j${i}`));
  t.match(
    a.errors(),
    upTo(6).map((i) => ({ code: 'rate_limited', ref: `j${64 + i}`, retry_in_ms: 1_000 })),
  );
  w.clock.advance(2_000);
  t.equal(joinedRefs(a).length, 64);
  a.webSocket.arrive(joining('s', 'later'));
  w.clock.advance(100);
  t.equal(joinedRefs(a).at(-1), 'later');
});

t.test('to leave a room that one is not in is answered, and is no mistake', async (t) => {
  const w = world();
  const a = w.connect();
  a.leave('nowhere', 'x');
  w.clock.advance(10);
  t.same(a.told('left'), [{ event: 'left', room: 'nowhere', reason: 'asked', ref: 'x' }]);
  t.same(a.errors(), []);
  a.leave('', 'y');
  w.clock.advance(10);
  t.match(a.errors(), [{ code: 'invalid_room', ref: 'y' }], 'nobody leaves the global log');
});

t.test(
  'a message without a room goes to the room of the URL, else to all; "" and null go to all',
  async (t) => {
    const w = world();
    const [a, b] = [w.connect({ room: 'r' }), w.connect()];
    w.clock.advance(10);
    a.say({ type: 'chat', data: 1 });
    b.say({ type: 'chat', data: 2 });
    a.say({ type: 'chat', room: '', data: 3 });
    a.say({ type: 'chat', room: null, data: 4 });
    w.clock.advance(10);
    a.say({ type: 'leave', id: 'l' });
    w.clock.advance(10);
    t.same([a.texts('r'), a.texts(''), b.texts('')], [[1], [2, 3, 4], [2, 3, 4]]);
    t.match(a.told('left'), [{ room: 'r', ref: 'l' }]);
  },
);

t.test('only who is in a room speaks there', async (t) => {
  const w = world();
  const [a, b] = [member(w), w.connect()];
  b.chat('r', 'x', 'one');
  b.say({ type: 'presence', room: 'r', data: { status: 'away' }, id: 'two' });
  w.clock.advance(10);
  t.match(b.errors(), [
    { code: 'not_a_member', ref: 'one' },
    { code: 'not_a_member', ref: 'two' },
  ]);
  t.same([a.texts('r'), a.presence('r')], [[], []]);
});

t.test('GLOBAL_PUBLISH decides who speaks to everybody', async (t) => {
  const rows = [
    ['any', true, true],
    ['users', false, true],
    ['server', false, false],
  ] as const;
  for (const [globalPublish, anybody, users] of rows) {
    const w = world({}, { access: { globalPublish } });
    const [nobody, alice] = [w.connect({ userId: null }), w.connect({ userId: 'alice' })];
    w.clock.advance(10);
    nobody.chat('', 'from nobody', 'x');
    alice.chat('', 'from alice', 'x');
    nobody.join('r');
    nobody.chat('r', 'in a room');
    w.clock.advance(10);
    t.same(
      [nobody, alice].map((peer) => peer.errors().map(({ code }) => code)),
      [anybody ? [] : ['forbidden'], users ? [] : ['forbidden']],
      globalPublish,
    );
    t.equal(alice.texts('').length, Number(anybody) + Number(users));
    t.same(nobody.texts('r'), ['in a room']);
  }
});

t.test('from, id and timestamp are ours, whatever a client sends', async (t) => {
  const w = world();
  const [a, b] = [
    w.connect({ room: 'r', userId: 'alice' }),
    w.connect({ room: 'r', userId: null }),
  ];
  w.clock.advance(10);
  a.say({ type: 'chat', data: 1, from: 'mallory', timestamp: '1970', id: 'mine', extra: 1 });
  b.say({ type: 'chat', data: 2, from: 'mallory' });
  w.clock.advance(10);
  const [first, second] = a.chats('r');
  t.same([first?.from, second?.from], ['alice', 'c2'], 'the user, else the connection');
  t.not(first?.id, 'mine');
  t.equal(first?.timestamp, new Date(w.clock.wall() - 10).toISOString());
  t.notOk('extra' in (first ?? { extra: 1 }));
});

t.test('a ping is answered to its sender alone, and names no room', async (t) => {
  const w = world();
  const [a, b] = [member(w), w.connect({ room: 'r' })];
  a.say({ type: 'ping', data: { n: [1] } });
  a.say({ type: 'ping' });
  w.clock.advance(10);
  const pongs = a.heard().filter(({ type }) => type === 'pong');
  t.same(
    pongs.map(({ data }) => data),
    [{ n: [1] }, undefined],
  );
  t.notOk(b.heard().some(({ type }) => type === 'pong'));
});

t.test(
  'a pong is no longer than a message may be, and a ping whose data would make it so is refused',
  async (t) => {
    const w = world();
    const a = member(w);
    // 1e20 is written as 100000000000000000000
    a.say(`{"type":"ping","id":"fits","data":[${'1e20,'.repeat(5_000)}1]}`);
    a.say(`{"type":"ping","id":"long","data":[${'1e20,'.repeat(10_000)}1]}`);
    w.clock.advance(10);
    t.strictSame(
      a
        .heard()
        .filter(({ type }) => type === 'pong')
        .map(({ data }) => (data as readonly unknown[]).length),
      [5_001],
    );
    t.match(a.errors(), [{ code: 'invalid_message', message: /^data: .* 131072 /, ref: 'long' }]);
  },
);

t.test('a refresh without a token to refresh is forbidden', async (t) => {
  const w = world();
  const a = w.connect();
  a.say({ type: 'refresh', data: { token: 'x' }, id: 'f' });
  w.clock.advance(10);
  t.match(a.errors(), [{ code: 'forbidden', ref: 'f' }]);
});

t.test('any id that a client has received shows the place that it had reached', async (t) => {
  const w = world();
  const [a, b] = [member(w), w.connect({ room: 'r' })];
  w.clock.advance(1_000);
  for (let i = 0; i < 5; i++) a.chat('r', i);
  b.join('s');
  w.clock.advance(10);
  b.join('r', 'again');
  w.clock.advance(10);
  const last = b.told('joined').at(-1);
  const said = b
    .heard()
    .find(({ data }) => data !== undefined && JSON.stringify(data) === JSON.stringify(last));
  t.match(parseId(said?.id ?? ''), {
    value: { offset: 5, outside: true, global: false },
  });
  const ids = b.heard().map(({ id }) => parseId(id));
  t.ok(
    ids.every(({ _tag }) => _tag === 'Some'),
    'each is a UUIDv7',
  );
  t.equal(new Set(b.heard().map(({ id }) => id)).size, ids.length, 'and none comes twice');
});

t.test(
  'what is outside the log sorts where it was heard, whatever the pod takes for the time',
  async (t) => {
    const w = hubWorld({ broker: (clock) => localBroker({ clock, positionTtlMs: 86_400_000 }) });
    const a = w.connect({ room: 'r' });
    w.clock.advance(10);
    for (const skewMs of [300_000, -600_000, 1_000_000]) {
      a.chat('', 'placed, and still on its way');
      w.clock.jump(skewMs);
      a.say({ type: 'ping' });
      a.say({ type: 'nonsense' });
      a.join('r', 'again');
      w.clock.advance(10);
    }
    for (const isGlobal of [true, false]) {
      const heard = a.heard().filter(({ id }) => isOfGlobal(id) === isGlobal);
      let last = '';
      for (const { id, type } of heard) {
        if (type === 'chat') t.ok(id > last, `${id} comes after ${last}`);
        last = id > last ? id : last;
      }
      t.equal(new Set(heard.map(({ id }) => id)).size, heard.length);
    }
    const [chat] = a.chats('');
    const pong = a.heard().filter(({ type }) => type === 'pong')[1];
    const [at, told] = [chat, pong].map((message) => parseId(message?.id ?? ''));
    t.match(
      told,
      { value: { offset: 0, outside: true, global: false } },
      "it is of the URL's room",
    );
    t.equal(
      told !== undefined && isSome(told) && told.value.ms,
      at !== undefined && isSome(at) && at.value.ms,
      'its time is that of the later of the two logs',
    );
  },
);

const isOfGlobal = (text: string): boolean => {
  const id = parseId(text);
  return isSome(id) && id.value.global;
};

t.test('100,000 answers at one place of the log bear ids of their own', async (t) => {
  const w = world();
  const a = member(w);
  for (let i = 0; i < 100; i++) {
    for (let n = 0; n < 1_000; n++) a.say({ type: 'ping' });
    w.clock.advance(1);
  }
  const ids = a.heard().flatMap(({ id, type }) => (type === 'pong' ? [id] : []));
  t.equal(ids.length, 100_000);
  t.equal(new Set(ids).size, 100_000);
});

t.test(
  'what is told of a room before it is joined names the room, and is no place to go on from',
  async (t) => {
    const w = world();
    const a = member(w);
    const b = w.connect();
    w.clock.advance(10);
    b.chat('', 'one');
    w.clock.advance(10);
    a.leave('nowhere', 'x');
    w.broker.openMs = 1_000;
    a.join('slow');
    w.clock.advance(10);
    a.leave('slow', 'y');
    w.clock.advance(10);
    const left = a
      .heard()
      .filter(({ data }) =>
        ['x', 'y'].includes(String((data as { readonly ref?: string } | undefined)?.ref)),
      );
    t.match(left, [
      { room: 'nowhere', data: { event: 'left', room: 'nowhere' } },
      { room: 'slow', data: { event: 'left', room: 'slow' } },
    ]);
    t.match(
      left.map(({ id }) => parseId(id)),
      [1, 2].map(() => ({ value: { global: false, outside: true } })),
      'of the room, so the global log does not go on from it',
    );
  },
);

t.test(
  'when a client hears no more than welcome, then that id does what its own did',
  async (t) => {
    const w = world();
    const ids = {
      'of the room': '018bcfe5-680a-7001-8000-000000c00000',
      'of the global log': '018bcfe5-680a-7001-8000-000000e00000',
    };
    for (const [which, id] of Object.entries(ids)) {
      const [welcome] = w.connect({ room: 'r', lastId: id }).heard();
      const [brought, told] = [id, welcome?.id ?? ''].map((text) => parseId(text));
      if (brought === undefined || isNone(brought)) throw new Error('no id');
      const { ms, tag, offset, global } = brought.value;
      t.match(told, { value: { ms, tag, offset, global, outside: true } }, which);
    }
    const [welcome] = w.connect({ room: 'r' }).heard();
    t.match(parseId(welcome?.id ?? ''), { value: { tag: NO_EPOCH, global: false } });
    const again = w.connect({ room: 'r', lastId: welcome?.id ?? '' });
    w.clock.advance(10);
    t.same(again.told('gap'), [], 'who brought no id and hears welcome alone comes as new');
    t.same(
      again.told('joined').map(({ recovered }) => recovered),
      [undefined, undefined],
    );
  },
);

t.test('a gap that is told on the way in is of the room, and shows where it goes on', async (t) => {
  const w = world();
  const [a, b] = [w.connect(), member(w)];
  b.chat('r', 1);
  w.clock.advance(10);
  const lost = '018bcfe5-680a-7ffe-8000-000000100000';
  a.say({ type: 'join', room: 'r', data: { last_id: lost } });
  w.clock.advance(10);
  const gap = a.heard().find(({ data }) => (data as { readonly event?: string }).event === 'gap');
  t.match(gap, { room: 'r', data: { room: 'r', reason: 'log_lost' } });
  t.match(parseId(gap?.id ?? ''), { value: { tag: 1, offset: 1, outside: true, global: false } });
});

// idempotency keys

t.test("a user's id is a key of its own; of the nameless only a UUID is one", async (t) => {
  const w = hubWorld({
    broker: (clock) => localBroker({ clock, positionTtlMs: 86_400_000 }),
  });
  const uuid = 'F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6';
  const [alice, bob, x, y] = [
    w.connect({ room: 'r', userId: 'alice' }),
    w.connect({ room: 'r', userId: 'bob' }),
    w.connect({ room: 'r', userId: null }),
    w.connect({ room: 'r', userId: null }),
  ];
  w.clock.advance(10);
  alice.chat('r', 1, 'k');
  alice.chat('r', 1, 'k');
  bob.chat('r', 1, 'k');
  alice.chat('r', 2, 'k');
  x.chat('r', 3, 'k');
  x.chat('r', 3, 'k');
  alice.chat('r', 5, uuid);
  alice.chat('r', 5, uuid.toLowerCase());
  alice.chat('r', 6, 'k2');
  alice.chat('r', 6, 'K2');
  x.chat('r', 4, uuid);
  y.chat('r', 4, uuid.toLowerCase());
  w.clock.advance(10);
  const duplicates = (peer: Peer): readonly unknown[] =>
    peer.told('ack').map(({ duplicate }) => duplicate);
  t.same([alice, bob, x, y].map(duplicates), [
    [false, true, false, true, false, false],
    [false],
    [false, false, false],
    [true],
  ]);
  t.equal(alice.told('ack')[0]?.['id'], alice.told('ack')[1]?.['id']);
  t.match(alice.errors(), [{ code: 'invalid_message', ref: 'k' }], 'the same key, other data');
  t.same(alice.texts('r'), [1, 1, 3, 3, 5, 6, 6, 4]);
});

// hooks

/** Runs a hook on three messages, `b` being the one it is about, and says what came of them. */
const hooked = (
  onMessage: NonNullable<Hooks['onMessage']>,
  ms = 100,
): { readonly w: World; readonly a: Peer } => {
  const w = world({ onMessage });
  const a = member(w);
  for (const data of ['a', 'b', 'c']) a.chat('r', data, data);
  w.clock.advance(ms);
  return { w, a };
};

t.test('a hook passes on, changes, suppresses, moves and rejects', async (t) => {
  const changed = hooked((message) => ({ ...message, data: `${message.data as string}!` }));
  t.same(changed.a.texts('r'), ['a!', 'b!', 'c!']);
  const suppressed = hooked((message) => (message.data === 'b' ? null : message));
  t.same(suppressed.a.texts('r'), ['a', 'c']);
  t.same(
    suppressed.a.told('ack').map(({ ref, id }) => [ref, id === undefined]),
    [
      ['a', false],
      ['b', true],
      ['c', false],
    ],
    'accepted, and stands nowhere',
  );
  t.same(suppressed.a.errors(), []);
  const moved = hooked((message) => (message.data === 'b' ? { ...message, room: '' } : message));
  t.same([moved.a.texts('r'), moved.a.texts('')], [['a', 'c'], ['b']]);
  const strayed = hooked((message) => ({ ...message, room: message.data === 'b' ? 's' : 'r' }));
  t.match(strayed.a.errors(), [{ code: 'unavailable', ref: 'b' }], 'not where the sender is not');
  const rejected = hooked((message) =>
    message.data === 'b' ? reject('mind your words') : message,
  );
  t.same(rejected.a.texts('r'), ['a', 'c']);
  t.same(rejected.a.errors(), [{ code: 'rejected', message: 'mind your words', ref: 'b' }]);
});

t.test(
  'a hook that throws, fails, answers nothing or nonsense harms one message, not the rest',
  async (t) => {
    const bad: readonly (readonly [name: string, answer: () => unknown])[] = [
      [
        'throws',
        () => {
          throw new Error('a bug');
        },
      ],
      ['a stream that errors', () => throwError(() => new Error('a bug'))],
      ['a stream without a value', () => of()],
      ['undefined', () => undefined],
      ['a text', () => 'yes'],
      ['data that is no JSON', () => ({ room: 'r', data: () => undefined })],
      ['data that goes round', () => ({ room: 'r', data: round })],
      ['a big integer', () => ({ room: 'r', data: 1n })],
    ];
    for (const [name, answer] of bad) {
      const { w, a } = hooked((message) =>
        message.data === 'b' ? (answer() as Outgoing) : message,
      );
      t.same(a.texts('r'), ['a', 'c'], name);
      t.match(a.errors(), [{ code: 'unavailable', ref: 'b' }], name);
      t.equal(w.events.filter(({ _tag }) => _tag === 'HookFailed').length, 1, name);
      t.equal(a.code(), undefined, name);
    }
  },
);

const round: { self?: unknown } = {};
round.self = round;

t.test(
  'a hook that never answers: unavailable after a second, and the order is kept behind it',
  async (t) => {
    const { w, a } = hooked((message) => (message.data === 'b' ? NEVER : message), 999);
    t.same(a.texts('r'), ['a'], 'what is behind it waits');
    t.ok(a.webSocket.isPaused, 'and the socket is not read');
    t.same(a.errors(), []);
    w.clock.advance(2);
    t.match(a.errors(), [{ code: 'unavailable', ref: 'b' }]);
    t.same(a.texts('r'), ['a', 'c']);
    t.notOk(a.webSocket.isPaused);
    t.equal(w.clock.pending(), 0);
  },
);

t.test('a slow hook keeps the order, and one message at a time', async (t) => {
  let thinking = 0;
  let most = 0;
  const w: World = world({
    onMessage: (message) => {
      thinking += 1;
      most = Math.max(most, thinking);
      const ms = typeof message.data === 'number' ? (message.data * 7) % 40 : 0;
      return timer(ms, w.clock.scheduler).pipe(
        map(() => {
          thinking -= 1;
          return message;
        }),
      );
    },
  });
  const a = member(w);
  a.webSocket.arriveTogether(frames(30));
  a.say({ type: 'ping', data: 'behind' });
  w.clock.advance(5_000);
  t.same(a.texts('r'), upTo(30));
  t.equal(most, 1);
  t.equal(a.heard().at(-1)?.type, 'pong', 'what is no chat waits in its place too');
});

t.test("promises are waited for; one's connection may be gone by then", async (t) => {
  let answer: (message: Outgoing) => void = () => undefined;
  const w = world({
    onMessage: (message) =>
      message.data === 'b'
        ? new Promise<Outgoing>((resolve) => {
            answer = resolve;
          })
        : message.data === 'c'
          ? Promise.reject(new Error('a bug'))
          : message,
  });
  const a = member(w);
  for (const data of ['a', 'b', 'c', 'd']) a.chat('r', data, data);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
    w.clock.advance(10);
  };
  await settle();
  t.same(a.texts('r'), ['a']);
  answer({ room: 'r', data: 'b, late' });
  await settle();
  await settle();
  t.same(a.texts('r'), ['a', 'b, late', 'd']);
  t.match(a.errors(), [{ code: 'unavailable', ref: 'c' }]);
  a.chat('r', 'b', 'gone');
  a.go();
  answer({ room: 'r', data: 'too late' });
  await settle();
  w.clock.advance(10_000);
  t.equal(w.broker.top('r').offset, 3, 'what it said last was not said');
  t.ok(isGone(w), 'and nothing is left of it');
});

t.test('when presence is said, then the hook is asked; of control it is not', async (t) => {
  const seen: unknown[] = [];
  const w = world({
    onMessage: (message) => {
      seen.push(message);
      return message;
    },
  });
  const a = member(w);
  a.say({ type: 'presence', room: 'r', data: { status: 'away' } });
  a.say({ type: 'ping' });
  a.join('s');
  a.chat('r', { x: 1 });
  w.clock.advance(10);
  t.same(seen, [
    { type: 'presence', room: 'r', data: { status: 'away' } },
    { type: 'chat', room: 'r', data: { x: 1 } },
  ]);
});

t.test('onConnect comes after welcome, onDisconnect with the code that we sent', async (t) => {
  const log: unknown[] = [];
  const w = world({
    onConnect: (connection) => {
      log.push([
        'connect',
        connection.id,
        connection.userId,
        connection.address,
        connection.rooms(),
      ]);
      connection.notify({ hello: 1 });
      if (connection.userId === 'eve') connection.close(4_500, 'not you');
    },
    onDisconnect: (connection, code) => {
      log.push(['disconnect', connection.id, code, connection.rooms()]);
    },
  });
  const a = w.connect({ room: 'r', userId: 'alice' });
  w.clock.advance(10);
  t.same(
    a
      .heard()
      .slice(0, 2)
      .map(({ type }) => type),
    ['system', 'notification'],
  );
  a.go();
  const eve = w.connect({ userId: 'eve' });
  w.clock.advance(10);
  t.equal(eve.code(), 4_500);
  t.same(log, [
    ['connect', 'c1', 'alice', '192.0.2.1', ['r']],
    ['disconnect', 'c1', null, ['r']],
    ['connect', 'c2', 'eve', '192.0.2.1', []],
    ['disconnect', 'c2', 4_500, []],
  ]);
  w.clock.advance(10_000);
  t.ok(isGone(w));
});

t.test(
  'onConnect and onDisconnect that fail or never answer are counted and harm nobody',
  async (t) => {
    const w = world({
      onConnect: () => NEVER,
      onDisconnect: () => throwError(() => new Error('a bug')),
    });
    const a = member(w);
    a.chat('r', 1);
    a.go();
    w.clock.advance(10_000);
    t.same(w.events.flatMap((event) => (event._tag === 'HookFailed' ? [event.hook] : [])).sort(), [
      'onConnect',
      'onDisconnect',
    ]);
    t.equal(w.broker.top('r').offset, 1);
    t.ok(isGone(w));
  },
);

// the end

t.test(
  'a binary frame closes with 1003; only the first close counts; nothing is heard after it',
  async (t) => {
    const w = world();
    const [a, b] = [member(w), w.connect({ room: 'r' })];
    w.clock.advance(10);
    a.webSocket.emit('message', Buffer.from('{}'), true);
    t.equal(a.code(), 1003);
    a.webSocket.emit('message', Buffer.from('{"type":"chat","room":"r","data":1}'), false);
    a.connection.close({ code: 1011, reason: 'x', comeBack: true });
    const before = a.socket.chunks.length;
    b.chat('r', 2);
    w.clock.advance(10);
    t.same([a.code(), a.socket.chunks.length, b.texts('r')], [1003, before, [2]]);
    t.match(
      w.events.find(({ _tag }) => _tag === 'Disconnected'),
      { code: 1003 },
    );
  },
);

t.test(
  'a frame that breaks the protocol: counted with the code that ws sends, and gone at once',
  async (t) => {
    const rows = [
      ['WS_ERR_INVALID_UTF8', 1007],
      ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
      ['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1008],
      ['WS_ERR_EXPECTED_MASK', 1002],
      ['ECONNRESET', null],
    ] as const;
    for (const [error, code] of rows) {
      const w = world();
      const a = member(w);
      a.webSocket.emit('error', Object.assign(new Error(error), { code: error }));
      t.equal(w.occupied().size, 0, error);
      a.webSocket.end();
      w.clock.advance(10_000);
      t.match(
        w.events.find(({ _tag }) => _tag === 'Disconnected'),
        { code },
        error,
      );
      t.ok(isGone(w), error);
    }
  },
);

t.test(
  'closed while it is paused, it is read again: the answer to our close must be heard',
  async (t) => {
    const w = world({ onMessage: () => NEVER });
    const a = member(w);
    a.chat('r', 1);
    a.chat('r', 2);
    t.ok(a.webSocket.isPaused);
    a.connection.close({ code: 1001, reason: 'pod going away', comeBack: true });
    t.notOk(a.webSocket.isPaused);
    w.clock.advance(10_000);
    t.ok(isGone(w), 'and what it waited for is let go');
  },
);

t.test('a socket that is cut leaves everything', async (t) => {
  const w = world();
  const a = member(w);
  a.webSocket.mute = true;
  a.connection.cut();
  w.clock.advance(10_000);
  t.ok(isGone(w));
});

// ws' own

t.test(
  'an application that closes with what no close frame can say is told so, and nothing happens',
  async (t) => {
    let info: ConnectionInfo | undefined;
    const w = world({
      onConnect: (connection) => {
        info = connection;
      },
    });
    const a = member(w);
    const bad: readonly (readonly [number, string])[] = [
      ...[0, 999, 1001, 1005, 1006, 1015, 2999, 5000, 3000.5, Number.NaN].map(
        (code) => [code, 'why'] as const,
      ),
      [4000, 'x'.repeat(124)],
      [4000, 'ü'.repeat(62)],
    ];
    for (const [code, reason] of bad)
      t.throws(() => info?.close(code, reason), {
        name: 'RangeError',
        message: /expected .*, got/,
      });
    t.equal(a.code(), undefined);
    a.chat('r', 'still here');
    w.clock.advance(10);
    t.same(a.texts('r'), ['still here']);
    info?.close(4999, `${'ü'.repeat(61)}x`);
    w.clock.advance(10);
    t.equal(a.code(), 4999);
    const b = member(w);
    info?.close(1000, '');
    w.clock.advance(10);
    t.equal(b.code(), 1000);
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);

t.test('half a message: ws still shows it where we look', async (t) => {
  const http = createServer();
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  let made: Connection | undefined;
  http.on('upgrade', (request, socket, head) => {
    if (!(socket instanceof Socket)) return;
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const clock = virtualClock();
      const deps = {
        clock,
        config: configWith(),
        hooks: {},
        access: OPEN,
        expiries: new Expiries(clock),
        outboxes: { bound: { messages: 1, bytes: 1 }, now: () => 0, backlog: new Backlog(1) },
        tell: () => undefined,
        globalPosition: () => ({ tag: 1, offset: 0, ms: 0 }),
        catchUps: catchUps({ clock, brokerMs: clock.wall, logTtlMs: 1, say: () => undefined }),
        newId: () => 'c1',
        connections: new Set<Connection>(),
      };
      const resumes = { global: undefined, room: undefined };
      made = connection(deps)(webSocket, socket, {
        identity: ANYBODY,
        room: undefined,
        resumes,
      });
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const client = connect((http.address() as AddressInfo).port, '127.0.0.1');
  client.write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await until('the upgrade', () => made !== undefined, 5_000);
  const isMid = (expected: boolean, when: string): Promise<void> =>
    until(`${when}: ${expected}`, () => made?.midMessage === expected, 5_000);
  const rows: readonly (readonly [when: string, bytes: readonly number[], expected: boolean])[] = [
    ['half a header', [0x81], true],
    ['the rest: a text of two, masked', [0x82, 0, 0, 0, 0, 0x7b, 0x7d], false],
    ['a header that names ten bytes', [0x81, 0x8a, 0, 0, 0, 0], true],
    ['some of them', [1, 2, 3], true],
    ['all of them', [4, 5, 6, 7, 8, 9, 10], false],
    ['a fragment, whole', [0x01, 0x81, 0, 0, 0, 0, 0x61], true],
    ['a ping between', [0x89, 0x80, 0, 0, 0, 0], true],
    ['the last fragment', [0x80, 0x81, 0, 0, 0, 0, 0x62], false],
    ['an empty first fragment', [0x01, 0x80, 0, 0, 0, 0], true],
    ['and an empty last one', [0x80, 0x80, 0, 0, 0, 0], false],
  ];
  for (const [when, bytes, expected] of rows) {
    const before = made?.bytesRead ?? 0;
    client.write(Buffer.from(bytes));
    await until(when, () => (made?.bytesRead ?? 0) === before + bytes.length, 5_000);
    await isMid(expected, when);
    t.pass(when);
  }
  client.destroy();
  http.close();
  webSockets.close();
});
