/** Rooms that are refused, left, used again, or not there. */
import t, { type Test } from 'tap';
import type { Connection, Membership } from '../../lib/client/connection.js';
import { received } from '../../lib/client/received.js';
import { tend } from '../../lib/client/rooms.js';
import { START, type State } from '../../lib/client/state.js';
import { cutAfterOne, joins, tags, type World, world } from '../support/client-world.js';

const framesOf = (w: World): readonly string[] =>
  w.server.sockets.flatMap(({ frames }) => frames.map(({ type, room = '' }) => `${type} ${room}`));

/** A client whose leave of the room `r` is on its way; each way takes 100 ms. */
const leaving = (t: Pick<Test, 'teardown'>): World => {
  const w = world(t, {}, { latencyMs: 100 });
  w.watch('');
  const first = w.watch('r');
  w.clock.advance(1_000);
  first.stop();
  w.clock.advance(1_010);
  return w;
};

t.test(
  'when a room is used again within the second after its last use, then it is not left',
  async (t) => {
    const w = world(t);
    const first = w.watch('r');
    w.clock.advance(100);
    first.stop();
    w.clock.advance(900);
    const { seen } = w.watch('r');
    w.server.publish('r', 1);
    w.clock.advance(5_000);
    t.same([seen, framesOf(w)], [[1], ['join r']]);
  },
);

t.test(
  'when a room is not used any more before it has joined, then it is left when it has',
  async (t) => {
    const w = world(t, {}, { latencyMs: 2_000 });
    w.watch('');
    w.clock.advance(10_000);
    w.watch('r').stop();
    w.clock.advance(10_000);
    t.same(framesOf(w), ['join r', 'leave r']);
    t.same([...(w.server.open()[0]?.rooms ?? [])], ['']);
  },
);

t.test(
  'when a room is used again while the leave is under way, then nothing of the first visit comes',
  async (t) => {
    const w = leaving(t);
    const { seen } = w.watch('r');
    // the leave has not reached the server yet
    w.server.publish('r', 'before the leave');
    w.clock.advance(60);
    w.server.publish('r', 'still before');
    w.clock.advance(1_000);
    w.server.publish('r', 'after the join');
    w.clock.advance(1_000);
    t.same(framesOf(w), ['join r', 'leave r', 'join r']);
    t.same(seen, ['after the join']);
  },
);

t.test(
  'when a presence comes while the leave is under way, then the next visit still begins at `after`',
  async (t) => {
    const w = world(t, {}, { latencyMs: 100 });
    w.watch('');
    const first = w.watch('r');
    w.clock.advance(1_000);
    const { id } = w.server.publish('r', 0);
    w.server.publish('r', 1);
    w.clock.advance(200);
    first.stop();
    w.clock.advance(1_010);
    w.server.announce('r', 'another', 'online');
    const { seen } = w.watch('r', id);
    w.clock.advance(2_000);
    t.same(seen, [1]);
  },
);

t.test(
  'when `joined` comes once more while the leave is under way, then the next visit gets its messages',
  async (t) => {
    const w = leaving(t);
    const { id } = w.server.publish('r', 0);
    const data = { event: 'joined', room: 'r', position: id, members: 300, presence: false };
    w.server.open()[0]?.send({ id, type: 'system', room: 'r', from: 'server', data });
    const { seen } = w.watch('r');
    w.clock.advance(2_000);
    w.server.publish('r', 1);
    w.clock.advance(200);
    t.same(seen, [1]);
    t.same(framesOf(w), ['join r', 'leave r', 'join r']);
  },
);

t.test(
  'when a gap or a removal comes while the leave is under way, then the next visit does not get it',
  async (t) => {
    const w = leaving(t);
    const { id } = w.server.publish('r', 0);
    for (const data of [
      { event: 'gap', room: 'r', reason: 'broker_outage' },
      { event: 'left', room: 'r', reason: 'forbidden' },
    ])
      w.server.open()[0]?.send({ id, type: 'system', room: 'r', from: 'server', data });
    const { seen } = w.watch('r');
    const notices: unknown[] = [];
    w.chat.room('r').event$.subscribe(({ _tag }) => notices.push(_tag));
    w.clock.advance(2_000);
    w.server.publish('r', 1);
    w.clock.advance(200);
    t.same([seen, notices], [[1], ['Joined']]);
    t.same(framesOf(w), ['join r', 'leave r', 'join r']);
  },
);

t.test(
  'when the server removes the connection from a room, then it is a notice, and publishes reject',
  async (t) => {
    const w = world(t);
    const notices: unknown[] = [];
    const room = w.chat.room('r');
    room.event$.subscribe((notice) => notices.push(notice));
    w.clock.advance(100);
    w.server.remove('r', 'forbidden');
    w.clock.advance(100);
    t.match(notices.at(-1), { _tag: 'Refused', code: 'forbidden' });
    const refused = t.rejects(room.publish(1), { name: 'ChatError', code: 'forbidden' });
    w.clock.advance(100);
    await refused;
    t.same(joins(w), [1], 'it is not tried again on this connection');
    w.server.cut();
    w.clock.advance(1_000);
    t.same(joins(w), [1, 1], 'rights may be others on the next one');
  },
);

t.test(
  'when the server fails in a room, then the room is joined again in a while, from the last id',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.publish('r', 1);
    w.clock.advance(100);
    w.server.remove('r', 'failed');
    w.clock.advance(10);
    w.server.publish('r', 2);
    w.clock.advance(500);
    t.same(joins(w), [1], 'not at once');
    w.clock.advance(2_000);
    t.same([joins(w), seen], [[2], [1, 2]]);
  },
);

t.test(
  'when a join is refused with unavailable, then it is tried again; with another code it is not',
  async (t) => {
    for (const [code, again] of [
      ['unavailable', true],
      ['invalid_room', false],
    ] as const) {
      const w = world(t);
      w.server.refuse('r', code);
      w.watch('r');
      w.clock.advance(500);
      t.same(joins(w), [1]);
      w.clock.advance(5_000);
      t.equal((joins(w)[0] ?? 0) > 1, again, code);
      w.server.refuse('r', undefined);
      w.clock.advance(5_000);
      t.equal(w.server.open()[0]?.rooms.has('r'), again, code);
    }
  },
);

t.test(
  'when `after` is an id of another room, then a gap is reported, and no message is taken for a repeat',
  async (t) => {
    const w = world(t);
    let other = '';
    for (let i = 0; i < 10; i++) other = w.server.publish('busy', i).id;
    const { seen } = w.watch('r', other);
    w.clock.advance(100);
    for (const data of [1, 2]) w.server.publish('r', data);
    w.clock.advance(100);
    t.same(seen, ['gap unknown_id', 1, 2]);
  },
);

t.test(
  'when the global log is used late, then it goes on from what the connection has received',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(100);
    w.server.publish('', 'before');
    w.clock.advance(100);
    const { seen } = w.watch('');
    w.server.cut();
    w.clock.advance(2);
    w.server.publish('', 'missed');
    w.clock.advance(1_000);
    t.same(seen, ['missed']);
  },
);

t.test(
  'when an epoch is back after another one, then its messages do not come twice',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    const first = w.server.publish('r', 'first');
    const other = first.id.slice(15, 18) === 'abc' ? 'abd' : 'abc';
    const [socket] = w.server.sockets;
    // Redis is replaced by another one for a while
    socket?.send({
      ...first,
      id: `${first.id.slice(0, 15)}${other}${first.id.slice(18)}`,
      data: 'of another epoch',
    });
    socket?.send(first);
    w.server.publish('r', 'second');
    w.clock.advance(100);
    t.same(seen, ['first', 'of another epoch', 'second']);
  },
);

t.test('when a room has had no message, then it has a position, and goes on from it', async (t) => {
  const w = world(t);
  const positions: string[] = [];
  w.chat.room('r').position$.subscribe((id) => positions.push(id));
  w.clock.advance(100);
  t.equal(positions.length, 1);
  const late: string[] = [];
  w.chat.room('r').position$.subscribe((id) => late.push(id));
  t.same(late, positions, 'the last one is replayed');
  w.server.publish('r', 1);
  const next = world(t);
  next.server.publish('r', 0);
  t.equal(tags(next).at(-1), 'Idle');
});

t.test(
  'when only a gap comes before the connection breaks, then the next connection does not hide it',
  async (t) => {
    const w = world(t);
    const { seen } = cutAfterOne(w);
    w.server.lose('r');
    w.clock.advance(1_000);
    w.server.cut();
    w.clock.advance(1_000);
    w.server.publish('r', 2);
    w.clock.advance(100);
    t.same(seen, [1, 'gap log_lost', 2]);
  },
);

t.test('when members are counted, then a late subscriber gets the last number', async (t) => {
  const w = world(t);
  const [one, two]: [number[], number[]] = [[], []];
  w.chat.room('r').members$.subscribe((count) => one.push(count));
  w.clock.advance(100);
  w.chat.room('r').members$.subscribe((count) => two.push(count));
  t.same([one, two], [[1], [1]]);
});

t.test(
  'when a presence was set, then it is sent after each join, also when it was set before the join',
  async (t) => {
    const w = world(t);
    w.chat.room('r').setPresence('away');
    w.watch('r');
    w.clock.advance(100);
    w.server.cut();
    w.clock.advance(1_000);
    t.same(framesOf(w), ['join r', 'presence r', 'join r', 'presence r']);
  },
);

t.test(
  'when a hundred rooms and 256 publishes wait, then the server never refuses one for its rate',
  async (t) => {
    const w = world(t);
    const at: number[] = [];
    w.server.frame$.subscribe(() => at.push(w.clock.wall()));
    for (let i = 0; i < 100; i++) {
      w.watch(`r${i}`);
      w.chat.room(`r${i}`).setPresence('away');
    }
    const answers = Array.from({ length: 256 }, (_, i) => w.chat.room(`r${i % 100}`).publish(i));
    for (const round of [1, 2]) {
      at.length = 0;
      w.clock.advance(20_000);
      // the server's bucket: 200 at most, 100 more a second
      let [tokens, last] = [200, at[0] ?? 0];
      for (const now of at) {
        tokens = Math.min(200, tokens + (now - last) / 10) - 1;
        last = now;
        t.ok(tokens >= 0, `round ${round}`);
      }
      t.ok(at.length >= 200);
      w.server.cut();
    }
    await Promise.all(answers);
  },
);

t.test(
  'when a message is larger than the server accepts, then it is refused, and the client goes on',
  async (t) => {
    const w = world(t);
    const room = w.chat.room('r');
    const big = t.rejects(room.publish('ä'.repeat(40_000)), { code: 'invalid_message' });
    const small = room.publish('a');
    w.clock.advance(1_000);
    await big;
    t.match(await small, { duplicate: false });
  },
);

t.test(
  'when many rooms are left at once, then the leaves keep the rate limit, and a new visit is live',
  async (t) => {
    const w = world(t, {}, { rate: 10 });
    w.watch('');
    const names = Array.from({ length: 40 }, (_, i) => `r${i}`);
    const visits = names.map((name) => w.watch(name));
    w.clock.advance(10_000);
    for (const { stop } of visits) stop();
    w.clock.advance(1_010);
    t.ok(framesOf(w).filter((one) => one.startsWith('leave')).length <= 10);
    // the leave of the last room waits
    const { seen } = w.watch('r39');
    w.server.publish('r39', 'before the leave');
    w.clock.advance(10_000);
    w.server.publish('r39', 1);
    w.clock.advance(10);
    t.same(seen, [1]);
    t.equal(framesOf(w).filter((one) => one.startsWith('leave')).length, 40);
    t.same([...(w.server.open()[0]?.rooms ?? [])], ['', 'r39']);
  },
);

t.test(
  'when the server puts a client into a room, then the client does not leave it',
  async (t) => {
    const w = world(t);
    w.watch('');
    w.clock.advance(100);
    const { id } = w.server.publish('r', 0);
    const data = { event: 'joined', room: 'r', position: id, members: 1, presence: true };
    w.server.open()[0]?.send({ id, type: 'system', room: 'r', from: 'server', data });
    w.clock.advance(1_000);
    t.same(framesOf(w), []);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.publish('r', 1);
    w.clock.advance(100);
    t.same([seen, framesOf(w)], [[1], ['join r']]);
  },
);

t.test('when a room was left, or is refused and not used, then the state forgets it', async (t) => {
  const limits = { message_bytes: 1, rate: 1, buffer_messages: 1 };
  const [connection_id, user_id, server_id] = ['c', null, 's'];
  const session = {
    event: 'welcome',
    protocol: 1,
    connection_id,
    user_id,
    server_id,
    limits,
  } as const;
  const withRoom = (membership: Membership): State => {
    const rooms = new Map([['r', membership]]);
    const connection: Connection = { socket: 0, session, liveAt: 0, silentAt: 0, rooms };
    return { ...START, rooms: new Map(), connections: [connection] };
  };
  const roomsIn = ({ connections }: State): unknown => connections.map(({ rooms }) => [...rooms]);
  const data = { event: 'left', reason: 'asked' };
  const left = received(0, JSON.stringify({ id: 'x', type: 'system', room: 'r', data }));
  t.same(roomsIn(left(withRoom({ _tag: 'Leaving', isSent: true }))), [[]]);
  const because = { code: 'forbidden', message: 'no' };
  t.same(roomsIn(tend(withRoom({ _tag: 'Refused', because, again: Infinity }))), [[]]);
});
