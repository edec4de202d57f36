/** The rooms of a connection: joins, replays, leaves, rights. */
import t from 'tap';
import type { Peer } from '../support/peer.js';
import { isGone, member, upTo, world } from '../support/connection-world.js';

t.test(
  'when a connection is in 100 rooms, then the next join is too_many_rooms until it leaves one',
  async (t) => {
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
    t.ok(a.events('joined').some(({ room }) => room === 'one-more'));
  },
);

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
  peer.events('joined').flatMap(({ ref }) => (typeof ref === 'string' ? [ref] : []));

t.test(
  'when a member asks for many replays, then it gets ten, then one a second, and the error says when',
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
  'when joins with last_id come too quickly, then each waits for its turn, and so do later frames',
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
    t.equal(a.events('left').length, 40);
    t.notOk(a.webSocket.isPaused);
    a.go();
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);

t.test(
  'when a connection closes while a replay waits for its turn, then nothing is left',
  async (t) => {
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
  },
);

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

t.test(
  'when a client leaves a room that it is not in, then it gets left; leaving the global log is invalid_room',
  async (t) => {
    const w = world();
    const a = w.connect();
    a.leave('nowhere', 'x');
    w.clock.advance(10);
    t.same(a.events('left'), [{ event: 'left', room: 'nowhere', reason: 'asked', ref: 'x' }]);
    t.same(a.errors(), []);
    a.leave('', 'y');
    w.clock.advance(10);
    t.match(a.errors(), [{ code: 'invalid_room', ref: 'y' }], 'nobody leaves the global log');
  },
);

t.test(
  'when GLOBAL_PUBLISH does not allow a client, then its global publish is forbidden',
  async (t) => {
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
  },
);
