/**
 * The hub: the life of rooms, shutdown, failures. Real connections on played sockets, in virtual time.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Subject } from 'rxjs';
import t from 'tap';
import type { Outgoing } from '../lib/hooks.js';
import { GLOBAL } from '../lib/protocol/position.js';
import { arrayWork } from './support/array-work.js';
import { hubWorld } from './support/hub-world.js';
import { scriptBroker } from './support/script-broker.js';
import { leftovers, LINGER_MS, publish, scripted } from './support/hub-checks.js';

t.test('when the last member has left for `ROOM_LINGER_MS`, then the room ends', async (t) => {
  const w = scripted();
  const a = w.connect();
  a.join('r');
  w.clock.advance(10);
  t.equal(w.broker.channels(), 2);
  a.leave('r');
  w.clock.advance(LINGER_MS - 1);
  t.equal(w.broker.channels(), 2, 'it lingers');
  a.join('r');
  w.clock.advance(2 * LINGER_MS);
  t.equal(w.broker.subscribed('r'), 1, 'who comes back meanwhile finds it open');
  a.leave('r');
  w.clock.advance(LINGER_MS + 1);
  t.equal(w.broker.channels(), 1, 'then it is given back');
  t.equal(w.clock.pending(), 0);
  a.join('r');
  w.clock.advance(10);
  a.chat('r', 'again');
  w.clock.advance(10);
  t.equal(w.broker.subscribed('r'), 2);
  t.same(a.texts('r'), ['again'], 'and the next join builds it anew');
  await leftovers(t, w, [a]);
  t.equal(w.broker.channels(), 0);
});

t.test('when a room is only published to, then it lives for `ROOM_LINGER_MS`', async (t) => {
  const w = scripted();
  const a = w.connect();
  w.clock.advance(10);
  a.chat('', 'global');
  for (let i = 0; i < 50; i++) {
    a.join(`r${i}`);
    a.leave(`r${i}`);
  }
  w.clock.advance(LINGER_MS + 10);
  t.equal(w.broker.channels(), 1, 'the global one');
  await leftovers(t, w, [a]);
});

t.test('when 8,000 rooms come and go, then no memory of their names is left', async (t) => {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const w = scripted({ limits: { maxRoomsPerConnection: 100_000, roomLingerMs: 1 } });
  const a = w.connect();
  const comeAndGo = (from: number, count: number): void => {
    for (let i = from; i < from + count; i++) {
      a.join(`room-${i}`);
      a.leave(`room-${i}`);
      if (i % 100 === 0) {
        w.clock.advance(10);
        a.socket.chunks.length = 0;
        (w.events as unknown[]).length = 0;
      }
    }
    w.clock.advance(10);
    a.socket.chunks.length = 0;
    (w.events as unknown[]).length = 0;
    collect();
    collect();
  };
  comeAndGo(0, 1_000);
  const before = process.memoryUsage().heapUsed;
  comeAndGo(1_000, 8_000);
  const bytes = (process.memoryUsage().heapUsed - before) / 8_000;
  t.equal(w.broker.channels(), 1);
  t.ok(bytes < 300, `expected nothing to be kept of a name, got ${Math.round(bytes)} bytes each`);
  await leftovers(t, w, [a]);
});

t.test(
  'when 4,000 members leave in one turn, then the time grows in proportion to their number',
  async (t) => {
    const MANY = 4_000;
    const w = scripted({ presence: { presenceEvents: false }, limits: { roomLingerMs: 1 } });
    const peers = Array.from({ length: MANY }, () => w.connect({ room: 'r' }));
    w.clock.advance(1_000);
    t.equal(w.occupied().get('r'), MANY);
    const leaving = arrayWork(() => {
      for (const peer of peers) peer.leave('r');
    });
    t.equal(w.occupied().get('r'), undefined);
    t.ok(
      leaving / MANY < 200,
      `leaving a room looks at ${Math.round(leaving / MANY)} elements each`,
    );
    const closing = arrayWork(() => {
      for (const peer of peers) peer.go();
    });
    t.ok(closing / MANY < 200, `closing looks at ${Math.round(closing / MANY)} elements each`);
    w.clock.advance(LINGER_MS);
    t.equal(w.clock.pending(), 0);
  },
);

// the end

t.test(
  'when the hub shuts down, then no connection is accepted, and the end of the last one ends the hub',
  async (t) => {
    const w = scripted();
    const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
    w.clock.advance(10);
    w.shutdown();
    t.notOk(w.isOpen(), 'no connection is taken');
    a.chat('r', 'still here');
    w.clock.advance(10);
    t.same(b.texts('r'), ['still here'], 'delivery goes on');
    a.go();
    w.clock.advance(10);
    t.notOk(w.hasEnded());
    b.go();
    w.clock.advance(10);
    t.ok(w.hasEnded(), 'without lingering');
    t.equal(w.broker.channels(), 0);
    t.equal(w.clock.pending(), 0);
  },
);

t.test('when the deadline of a shutdown passes, then every connection is cut', async (t) => {
  const w = scripted();
  const peers = Array.from({ length: 50 }, (_, i) => w.connect({ room: `r${i % 7}` }));
  w.clock.advance(100);
  for (const peer of peers) peer.chat('', 'on its way');
  w.deadline();
  t.notOk(w.isOpen());
  w.clock.advance(10);
  t.ok(w.hasEnded(), 'the hub ends');
  t.ok(peers.every((peer) => peer.code() === 1001));
  t.equal(w.connections.size, 0);
  t.equal(w.broker.channels(), 0, 'no channel is left');
  t.equal(w.clock.pending(), 0, 'no timer is left');
});

t.test('when the broker never answers, then the deadline does not wait for it', async (t) => {
  const w = scripted();
  const a = w.connect({ room: 'r' });
  w.clock.advance(100);
  w.broker.publishMs = -1;
  a.chat('r', 'never answered');
  w.broker.openMs = -1;
  const b = w.connect({ room: 'never opens' });
  w.clock.advance(100);
  w.deadline();
  w.clock.advance(10);
  t.same([a.code(), b.code()], [1001, 1001]);
  t.ok(w.hasEnded(), 'the hub ends');
  t.same([w.broker.channels(), w.broker.underway(), w.clock.pending()], [0, 0, 0]);
});

t.test('when the hub is unsubscribed, then no subscription and no timer is left', async (t) => {
  const w = scripted();
  const peers = Array.from({ length: 5 }, () => w.connect({ room: 'r' }));
  w.clock.advance(10);
  publish(w, 'r', 1);
  w.running.unsubscribe();
  w.clock.advance(10);
  t.ok(peers.every((peer) => peer.code() === 1001));
  t.same([w.broker.channels(), w.clock.pending(), w.isOpen()], [0, 0, false]);
  t.notOk(w.broker.status$.observed, 'nobody listens to the broker');
});

t.test(
  'when a room fails, then its members are closed with 1011, other rooms go on, and the next join opens a new one',
  async (t) => {
    for (const how of ['its channel errors', 'a publish errors'] as const) {
      const w = scripted();
      const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
      const other = w.connect({ room: 's' });
      w.clock.advance(10);
      if (how === 'its channel errors') w.broker.break('r', new Error('a bug'));
      else {
        w.broker.broken.add('r');
        a.chat('r', 1);
        w.broker.broken.clear();
      }
      w.clock.advance(10);
      t.same([a.code(), b.code(), other.code()], [1011, 1011, undefined], how);
      t.equal(w.events.filter(({ _tag }) => _tag === 'RoomFailed').length, 1, how);
      const fresh = w.connect({ room: 'r' });
      other.join('r');
      w.clock.advance(10);
      other.chat('r', 'hello');
      other.chat('s', 'and here');
      w.clock.advance(10);
      t.same(fresh.texts('r'), ['hello'], how);
      t.same(other.texts('s'), ['and here'], how);
      await leftovers(t, w, [a, b, other, fresh]);
      t.equal(w.broker.channels(), 0);
    }
  },
);

t.test(
  'when a room fails while the hook is asked, then the sender gets not_a_member, and the hook has not failed',
  async (t) => {
    const answer$ = new Subject<Outgoing>();
    const w = hubWorld({ broker: scriptBroker, hooks: { onMessage: () => answer$ } });
    const a = w.connect({ room: 'r' });
    w.clock.advance(10);
    a.chat('r', 'late', 'x');
    w.broker.fail('r');
    w.clock.advance(10);
    answer$.next({ room: 'r', data: 'late' });
    w.clock.advance(10);
    t.match(a.errors(), [{ code: 'not_a_member', ref: 'x' }]);
    t.same(
      w.events.filter(({ _tag }) => _tag === 'HookFailed'),
      [],
    );
    await leftovers(t, w, [a]);
  },
);

t.test(
  'when the global log cannot be opened, then the connection is closed with 1011',
  async (t) => {
    const w = scripted();
    const a = w.connect({ room: 'r' });
    w.clock.advance(10);
    w.broker.fail(GLOBAL);
    w.clock.advance(10);
    t.equal(a.code(), 1011);
  },
);
