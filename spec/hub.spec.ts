/**
 * The hub and its rooms in virtual time: real connections on played sockets, over the embedded broker and over one that
 * does what the spec says.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import { Subject } from 'rxjs';
import t, { type Test } from 'tap';
import type { Broker } from '../lib/broker/index.js';
import { localBroker } from '../lib/broker/local.js';
import { draftOf, type Publication, publicationOf } from '../lib/protocol/publication.js';
import type { Config, DeepPartial } from '../lib/config/index.js';
import type { Outgoing } from '../lib/hooks.js';
import { formatId, GLOBAL, type MessageId, parseId, type Room } from '../lib/protocol/position.js';
import { arrayWork } from './support/array-work.js';
import { type HubWorld, hubWorld } from './support/hub-world.js';
import type { Peer } from './support/peer.js';
import { type ScriptBroker, scriptBroker } from './support/script-broker.js';
import type { VirtualClock } from './support/virtual-clock.js';

const LINGER_MS = 5_000;

const local = (clock: VirtualClock): Broker => localBroker({ clock, positionTtlMs: 86_400_000 });

const scripted = (config: DeepPartial<Config> = {}): HubWorld & { readonly broker: ScriptBroker } =>
  hubWorld({ broker: scriptBroker, config });

const offsetOf = (id: unknown): number => {
  if (id === null) return 0;
  const read = parseId(id as string);
  if (!isSome(read)) throw new Error('expected an id, got none');
  return read.value.offset;
};

/** A message from outside any socket. */
const publish = (
  { broker, clock }: HubWorld & { readonly broker: Broker },
  room: Room,
  data: unknown,
): void => {
  const draft = draftOf({ room, type: 'chat', from: 'api', data, at: clock.wall() });
  if (isRight(draft)) broker.publish(draft.right).subscribe();
};

/**
 * What is wrong with what a peer was told of a room: from the position of `joined` on, every message once and in order,
 * until it left. `upTo` is how far who is still in must have come.
 */
const faultsOf = (peer: Peer, room: Room, upTo: number | undefined): readonly string[] => {
  const who = `${peer.connection.id} in "${room}"`;
  const faults: string[] = [];
  let next: number | undefined;
  for (const { id, type, room: of = GLOBAL, data } of peer.heard()) {
    const said = data as {
      readonly event?: string;
      readonly room?: string;
      readonly position?: unknown;
    };
    if (type === 'system' && (said.room ?? GLOBAL) === room) {
      if (said.event === 'left') next = undefined;
      if (said.event === 'joined') {
        const from = offsetOf(said.position) + 1;
        if (next !== undefined && from > next)
          faults.push(`${who}: joined says ${from}, expected ${next} next`);
        next ??= from;
      }
    }
    if (type !== 'chat' || of !== room) continue;
    const offset = offsetOf(id);
    if (next === undefined) faults.push(`${who}: heard ${offset} as no member`);
    else if (offset !== next) faults.push(`${who}: expected ${next}, heard ${offset}`);
    next = offset + 1;
  }
  if (upTo !== undefined && next !== undefined && next !== upTo + 1)
    faults.push(`${who}: came to ${next - 1} of ${upTo}`);
  return faults;
};

/** Everybody is gone, and the rooms have lingered: what is left. */
const leftovers = async (
  t: Test,
  world: HubWorld & { readonly broker: Broker },
  peers: readonly Peer[],
): Promise<void> => {
  for (const peer of peers) peer.go();
  world.clock.advance(LINGER_MS + 10_000);
  t.same([...world.occupied()], [], 'nobody is in a room');
  t.equal(world.connections.size, 0, 'no connection');
  t.equal(world.clock.pending(), 0, 'no timer');
};

// members

t.test('every member gets a message once, the sender too, and its ack', async (t) => {
  const w = scripted();
  const [a, b, c] = [w.connect({ room: 'r' }), w.connect({ room: 'r' }), w.connect({ room: 's' })];
  w.clock.advance(10);
  a.chat('r', 'one', 'ref-1');
  w.clock.advance(10);
  t.same(
    [a, b, c].map((peer) => peer.texts('r')),
    [['one'], ['one'], []],
  );
  t.equal(a.told('ack').length, 1);
  t.equal(a.told('ack')[0]?.['id'], b.chats('r')[0]?.id);
  publish(w, GLOBAL, 'to all');
  w.clock.advance(10);
  t.same(
    [a, b, c].map((peer) => peer.texts(GLOBAL)),
    [['to all'], ['to all'], ['to all']],
  );
  t.notOk('room' in (c.chats(GLOBAL)[0] ?? { room: 1 }), 'a global message carries no room');
  await leftovers(t, w, [a, b, c]);
  t.equal(w.broker.channels(), 0);
});

t.test(
  'a connection hears welcome first, then joined of the global log and of its room',
  async (t) => {
    const w = scripted();
    w.broker.others.set('r', 4);
    const a = w.connect({ room: 'r', userId: 'alice' });
    w.clock.advance(10);
    t.same(
      a.told().map(({ event, room }) => [event, room]),
      [
        ['welcome', undefined],
        ['joined', undefined],
        ['joined', 'r'],
      ],
    );
    t.match(a.told('joined')[1], { position: null, members: 5, presence: true });
    await leftovers(t, w, [a]);
  },
);

t.test('joined names the last message of the log, and every later one arrives', async (t) => {
  const w = scripted();
  const a = w.connect({ room: 'r' });
  w.clock.advance(1);
  a.chat('r', 1);
  a.chat('r', 2);
  w.clock.advance(1);
  const b = w.connect({ room: 'r' });
  w.clock.advance(1);
  a.chat('r', 3);
  w.clock.advance(1);
  const joined = b.told('joined').find(({ room }) => room === 'r');
  t.equal(joined?.['position'], a.chats('r')[1]?.id);
  const said = b.heard().find(({ room, type }) => room === 'r' && type === 'system');
  t.equal(offsetOf(said?.id ?? null), 2, 'its own id shows that place, and is a good last_id');
  t.same(b.texts('r'), [3]);
  await leftovers(t, w, [a, b]);
});

t.test('a publish right behind a join waits for it and arrives, in order', async (t) => {
  const w = scripted();
  w.broker.openMs = 50;
  w.broker.membersMs = 20;
  const a = w.connect();
  a.join('r', 'j');
  a.chat('r', 1, 'one');
  a.chat('r', 2, 'two');
  w.clock.advance(30);
  t.same(a.texts('r'), [], 'the room is not open yet');
  t.equal(w.broker.underway(), 0);
  w.clock.advance(100);
  t.same(a.texts('r'), [1, 2]);
  const order = a
    .heard()
    .filter(({ type, room }) => room === 'r' || type === 'chat')
    .map(({ type, data }) => (type === 'chat' ? data : (data as { event: string }).event));
  t.same(order, ['joined', 1, 2]);
  t.same(
    a.told('ack').map(({ ref }) => ref),
    ['one', 'two'],
  );
  await leftovers(t, w, [a]);
  t.equal(w.broker.channels(), 0);
});

t.test(
  'join, a chat, leave, all before the room is open: the chat is said, and nothing is heard',
  async (t) => {
    const w = scripted();
    w.broker.openMs = 50;
    const a = w.connect();
    a.join('r');
    a.chat('r', 1, 'one');
    a.leave('r', 'l');
    w.clock.advance(200);
    t.equal(w.broker.top('r').offset, 1);
    t.equal(a.told('ack').length, 1);
    t.same(a.told('left'), [{ event: 'left', room: 'r', reason: 'asked', ref: 'l' }]);
    t.same(
      a.told('joined').map(({ room }) => room),
      [undefined],
      'never said to be in',
    );
    t.same(a.texts('r'), []);
    await leftovers(t, w, [a]);
    t.equal(w.broker.channels(), 0);
  },
);

t.test('a connection that closes while it joins leaves nothing', async (t) => {
  for (const ms of [0, 10, 40, 60]) {
    const w = scripted();
    w.broker.openMs = 30;
    w.broker.membersMs = 20;
    const a = w.connect({ room: 'r' });
    a.chat('r', 1);
    w.clock.advance(ms);
    a.go();
    w.clock.advance(LINGER_MS + 1_000);
    t.same(
      [w.broker.channels(), w.clock.pending(), w.connections.size, [...w.occupied()].length],
      [0, 0, 0, 0],
      `after ${ms} ms`,
    );
  }
});

t.test('join twice is told twice, and is one membership', async (t) => {
  const w = scripted();
  const a = w.connect();
  a.join('r', 'one');
  w.clock.advance(5);
  a.join('r', 'two');
  a.chat('r', 1);
  w.clock.advance(5);
  t.same(
    a.told('joined').map(({ room, ref, members }) => [room, ref, members]),
    [
      [undefined, undefined, 1],
      ['r', 'one', 1],
      ['r', 'two', 1],
    ],
  );
  t.same(a.texts('r'), [1]);
  a.leave('r');
  w.clock.advance(5);
  t.equal(w.occupied().get('r'), undefined);
  await leftovers(t, w, [a]);
});

t.test('join twice before the room is open: both are answered', async (t) => {
  const w = scripted();
  w.broker.openMs = 50;
  const a = w.connect();
  a.join('r', 'one');
  a.join('r', 'two');
  w.clock.advance(200);
  const refs = a.told('joined').flatMap(({ ref }) => (ref === undefined ? [] : [ref]));
  t.same(refs, ['one', 'two']);
  await leftovers(t, w, [a]);
});

t.test('a batch is one write a member, and one buffer for all', async (t) => {
  const w = scripted();
  const peers = Array.from({ length: 3 }, () => w.connect({ room: 'r' }));
  w.clock.advance(1_000);
  const before = peers.map(({ socket }) => socket.chunks.length);
  for (let i = 0; i < 100; i++) publish(w, 'r', i);
  w.clock.advance(10);
  t.same(
    peers.map(({ socket }, i) => socket.chunks.length - (before[i] ?? 0)),
    [1, 1, 1],
  );
  t.ok(peers.every(({ socket }) => socket.chunks.at(-1) === peers[0]?.socket.chunks.at(-1)));
  t.ok(peers.every((peer) => peer.texts('r').length === 100));
  await leftovers(t, w, peers);
});

// a room's life

t.test('a room lives until its last leave and the linger, then its group ends', async (t) => {
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

t.test('a room that was only published to lives for its linger and no longer', async (t) => {
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

t.test('no memory of old names: 8,000 rooms come and go', async (t) => {
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

t.test('thousands that leave at once are not searched for one by one', async (t) => {
  const MANY = 4_000;
  const w = scripted({ presence: { presenceEvents: false }, limits: { roomLingerMs: 1 } });
  const peers = Array.from({ length: MANY }, () => w.connect({ room: 'r' }));
  w.clock.advance(1_000);
  t.equal(w.occupied().get('r'), MANY);
  const leaving = arrayWork(() => {
    for (const peer of peers) peer.leave('r');
  });
  t.equal(w.occupied().get('r'), undefined);
  t.ok(leaving / MANY < 200, `leaving a room looks at ${Math.round(leaving / MANY)} elements each`);
  const closing = arrayWork(() => {
    for (const peer of peers) peer.go();
  });
  t.ok(closing / MANY < 200, `closing looks at ${Math.round(closing / MANY)} elements each`);
  w.clock.advance(LINGER_MS);
  t.equal(w.clock.pending(), 0);
});

// the end

t.test(
  'shutdown is completion: nobody is taken, those who are there stay, the last one ends the hub',
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

t.test('the deadline tears down every connection', async (t) => {
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

t.test('the deadline waits for nothing that the broker never answers', async (t) => {
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

t.test('a hub that is unsubscribed lets everything go', async (t) => {
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

// failures

t.test(
  'a room that fails closes its members with 1011, others go on, the next join builds a fresh one',
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
  'a room whose channel fails is left by its members, told why; later it can be joined again',
  async (t) => {
    const w = scripted();
    const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
    w.clock.advance(10);
    w.broker.fail('r');
    w.clock.advance(10);
    for (const peer of [a, b]) {
      t.same(peer.told('left'), [{ event: 'left', room: 'r', reason: 'failed' }]);
      t.equal(peer.code(), undefined, 'the connection stays');
    }
    a.chat('r', 'not a member', 'x');
    w.clock.advance(10);
    t.match(a.errors(), [{ code: 'not_a_member', ref: 'x' }]);
    // at once: within the linger
    a.join('r', 'again');
    w.clock.advance(10);
    publish(w, 'r', 'hello');
    w.clock.advance(10);
    t.equal(a.told('joined').filter(({ room }) => room === 'r').length, 2, 'it is in again');
    t.same(a.texts('r'), ['hello'], 'and not in a room that is dead');
    await leftovers(t, w, [a, b]);
    t.equal(w.broker.channels(), 0);
  },
);

t.test(
  'when a room fails while its hook thinks, then the sender is no member, and the hook did not fail',
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

t.test('a room that cannot be opened is left with a word, by who joins later too', async (t) => {
  const w = scripted();
  const a = w.connect();
  w.clock.advance(10);
  w.broker.openMs = -1;
  a.join('r', 'one');
  w.clock.advance(10);
  w.broker.openMs = 0;
  w.broker.fail('r');
  w.clock.advance(10);
  t.match(a.told('left'), [{ room: 'r', reason: 'failed' }]);
  a.join('r', 'two');
  w.clock.advance(10);
  const answers = a.told().filter(({ room, ref }) => room === 'r' && ref === 'two');
  t.equal(answers.length, 1, 'the second join is answered');
  await leftovers(t, w, [a]);
});

t.test('without the global log a connection is of no use: it is closed with 1011', async (t) => {
  const w = scripted();
  const a = w.connect({ room: 'r' });
  w.clock.advance(10);
  w.broker.fail(GLOBAL);
  w.clock.advance(10);
  t.equal(a.code(), 1011);
});

t.test('what no broker takes is answered, and said to nobody', async (t) => {
  const w = scripted();
  const a = w.connect({ room: 'r' });
  w.clock.advance(10);
  w.broker.refuse = { _tag: 'Unavailable', detail: 'nothing took it' };
  a.chat('r', 1, 'one');
  w.broker.refuse = { _tag: 'KeyReused' };
  a.chat('r', 2, 'two');
  w.clock.advance(10);
  t.match(a.errors(), [
    { code: 'unavailable', ref: 'one' },
    { code: 'invalid_message', ref: 'two' },
  ]);
  t.same([a.told('ack'), a.texts('r')], [[], []]);
});

// what members are told

t.test('a gap is told to the members of its room, and to nobody else', async (t) => {
  const w = scripted();
  const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
  const other = w.connect({ room: 's' });
  w.clock.advance(10);
  const top = {
    tag: 9,
    offset: 40,
    ms: w.clock.wall(),
    id: '018bcfe5-6800-7009-8000-000a00000000',
  };
  w.broker.push('r', { _tag: 'Gap', reason: 'log_lost', top });
  w.clock.advance(10);
  for (const peer of [a, b])
    t.same(peer.told('gap'), [{ event: 'gap', room: 'r', reason: 'log_lost' }]);
  t.same(other.told('gap'), []);
  const said = a.heard().find(({ data }) => (data as { event?: string }).event === 'gap');
  const read = parseId(said?.id ?? '');
  t.match(isSome(read) ? read.value : {}, { tag: 9, offset: 40, outside: true, global: false });
  t.equal(said?.room, 'r');
  const late = w.connect({ room: 'r' });
  w.clock.advance(10);
  t.same(late.told('gap'), [], 'who came later missed nothing');
  t.equal(late.told('joined')[1]?.['position'], top.id, 'and begins where the room stands');
  w.broker.push(GLOBAL, {
    _tag: 'Gap',
    reason: 'broker_outage',
    top: { ...top, offset: 0, id: null },
  });
  w.clock.advance(10);
  for (const peer of [a, b, other, late])
    t.same(peer.told('gap').at(-1), { event: 'gap', reason: 'broker_outage' });
  t.equal(w.events.filter(({ _tag }) => _tag === 'GapTold').length, 2);
  await leftovers(t, w, [a, b, other, late]);
});

/** Says something on the pod alone, later its echo at the next place; who comes between has not heard it. */
const echoing = (alone: number) => {
  const w = scripted();
  const made = (data: number, over: Partial<MessageId>): Publication => {
    const draft = draftOf({ room: 'r', type: 'chat', from: 'x', data, at: 0 });
    if (!isRight(draft)) throw new Error(draft.left.text);
    const id = { ms: 1, tag: 1, offset: 0, global: false, outside: true, nonce: data, ...over };
    return publicationOf(draft.right, id);
  };
  const before = w.connect({ room: 'r' });
  w.clock.advance(10);
  const top = w.broker.top('r');
  const said = Array.from({ length: alone }, (_, i) => made(i, { ms: top.ms }));
  for (const publication of said)
    w.broker.push('r', { _tag: 'Published', publication, offset: undefined, top });
  w.clock.advance(2_000);
  const after = w.connect({ room: 'r' });
  w.clock.advance(10);
  const echo = (as: string): void => {
    const publication = made(0, { ms: top.ms, offset: 1, outside: false });
    const next = { tag: 1, offset: 1, ms: top.ms, id: publication.idText };
    w.broker.push('r', { _tag: 'Echoed', publication, offset: 1, top: next, as });
    w.clock.advance(10);
  };
  const heard = (peer: Peer): readonly unknown[] => [
    ...peer.chats('r').flatMap(({ data, id }) => (offsetOf(id) === 1 ? [data] : [])),
    ...peer.told('gap').map(({ reason }) => reason),
  ];
  return { w, said, before, after, echo, heard };
};

t.test('an echo is news to who has come since, and to nobody else', async (t) => {
  const { w, said, before, after, echo, heard } = echoing(3);
  echo(said[0]?.idText ?? '');
  t.same([before, after].map(heard), [[], [0]]);
  await leftovers(t, w, [before, after]);
});

t.test('an echo of what was said when nobody was here is news to all', async (t) => {
  const { w, before, after, echo, heard } = echoing(0);
  echo(formatId({ ms: 1, tag: 1, offset: 0, global: false, outside: true, nonce: 9 }));
  t.same([before, after].map(heard), [[0], [0]]);
  await leftovers(t, w, [before, after]);
});

t.test('when nobody knows who has an echo, then who may not have it is told a gap', async (t) => {
  for (const [alone, as] of [
    [5_000, 0],
    [3, undefined],
  ] as const) {
    const { w, said, before, after, echo, heard } = echoing(alone);
    echo(as === undefined ? '' : (said[as]?.idText ?? ''));
    t.same([before, after].map(heard), [[], ['broker_outage']]);
    await leftovers(t, w, [before, after]);
  }
});

t.test(
  'degraded and restored are told once to everybody; who comes meanwhile hears it after welcome',
  async (t) => {
    const w = scripted();
    const [a, b] = [w.connect({ room: 'r' }), w.connect()];
    w.clock.advance(10);
    const since = w.clock.wall();
    w.broker.status$.next({ _tag: 'Degraded', since });
    w.clock.advance(10);
    const told = { event: 'degraded', since: new Date(since).toISOString() };
    for (const peer of [a, b]) t.same(peer.told('degraded'), [told]);
    const late = w.connect({ room: 'r' });
    w.clock.advance(10);
    t.same(
      late.told().map(({ event }) => event),
      ['welcome', 'degraded', 'joined', 'joined'],
    );
    t.same(
      late.told('joined').map(({ scope }) => scope),
      ['pod', 'pod'],
    );
    w.broker.status$.next({ _tag: 'Up', since: since + 5_000 });
    w.clock.advance(10);
    for (const peer of [a, b, late])
      t.same(peer.told('restored'), [
        { event: 'restored', since: new Date(since + 5_000).toISOString() },
      ]);
    t.equal(late.told('degraded').length, 1);
    const last = w.connect({ room: 'r' });
    w.clock.advance(10);
    t.same(
      last.told().map(({ event }) => event),
      ['welcome', 'joined', 'joined'],
    );
    t.same(
      last.told('joined').map(({ scope }) => scope),
      [undefined, undefined],
    );
    await leftovers(t, w, [a, b, late, last]);
  },
);

t.test('who is still joining the global log hears of an outage too, once', async (t) => {
  const w = scripted();
  w.broker.openMs = 100;
  const a = w.connect();
  w.clock.advance(10);
  w.broker.status$.next({ _tag: 'Degraded', since: w.clock.wall() });
  w.clock.advance(50);
  t.same(
    w.events.filter(({ _tag }) => _tag === 'Delivered'),
    [],
    'nothing is said in a room that has no place yet',
  );
  w.clock.advance(450);
  t.equal(a.told('degraded').length, 1);
  w.broker.status$.next({ _tag: 'Up', since: w.clock.wall() });
  w.clock.advance(500);
  t.equal(a.told('restored').length, 1);
});

t.test(
  'who comes while the word of an outage is on its way to the others hears it once',
  async (t) => {
    const w = scripted();
    const a = w.connect();
    w.clock.advance(10);
    w.broker.status$.next({ _tag: 'Degraded', since: w.clock.wall() });
    const b = w.connect();
    w.clock.advance(10);
    for (const peer of [a, b]) t.equal(peer.told('degraded').length, 1);
    w.broker.status$.next({ _tag: 'Up', since: w.clock.wall() });
    const c = w.connect();
    w.clock.advance(10);
    for (const peer of [a, b]) t.equal(peer.told('restored').length, 1);
    t.equal(c.told('restored').length, 0);
  },
);

t.test('starting is no outage: nobody is told', async (t) => {
  const w = scripted();
  w.broker.status$.next({ _tag: 'Starting' });
  const a = w.connect({ room: 'r' });
  w.clock.advance(10);
  w.broker.status$.next({ _tag: 'Up', since: w.clock.wall() });
  w.clock.advance(10);
  t.same([a.told('degraded'), a.told('restored')], [[], []]);
});

// presence

t.test('members hear of comings and goings, nobody of their own coming', async (t) => {
  const w = scripted();
  const a = w.connect({ room: 'r', userId: 'alice' });
  w.clock.advance(1_000);
  const b = w.connect({ room: 'r', userId: 'bob' });
  w.clock.advance(1_000);
  const c = w.connect({ userId: 'carol' });
  c.join('r');
  w.clock.advance(1_000);
  b.leave('r');
  w.clock.advance(1_000);
  c.go();
  w.clock.advance(1_000);
  t.same(a.presence('r'), ['bob online', 'carol online', 'bob offline', 'carol offline']);
  t.same(b.presence('r'), ['carol online']);
  t.same(c.presence('r'), ['bob offline']);
  t.same(w.broker.top('r').offset, 0, 'they take no offset');
  const said = a.heard().find(({ type }) => type === 'presence');
  t.match(said, {
    from: 'server',
    room: 'r',
    data: { user_id: 'bob', connection_id: 'c2', status: 'online' },
  });
  t.equal(a.told('joined').length, 2, 'joined is not said again');
  await leftovers(t, w, [a, b, c]);
});

t.test('many who come in one moment hear of each other and not of themselves', async (t) => {
  const w = scripted();
  w.broker.publishMs = 5;
  const peers = Array.from({ length: 20 }, (_, i) => w.connect({ room: 'r', userId: `u${i}` }));
  w.clock.advance(2_000);
  for (const [i, peer] of peers.entries()) {
    t.notOk(peer.presence('r').includes(`u${i} online`), `u${i} of itself`);
    for (let j = i + 1; j < peers.length; j++)
      if (!peer.presence('r').includes(`u${j} online`)) t.fail(`u${i} does not know of u${j}`);
    t.equal(new Set(peer.presence('r')).size, peer.presence('r').length, 'once each');
  }
  await leftovers(t, w, peers);
});

t.test(
  'above PRESENCE_MAX_ROOM nobody is told, and joined is said again when that changes',
  async (t) => {
    const w = scripted({ presence: { presenceMaxRoom: 3 } });
    const three = ['a', 'b', 'c'].map((userId) => w.connect({ room: 'r', userId }));
    w.clock.advance(1_000);
    const d = w.connect({ room: 'r', userId: 'd' });
    w.clock.advance(1_000);
    for (const peer of three) {
      const said = peer.told('joined').filter(({ room }) => room === 'r');
      t.same(said.map(({ presence, members }) => [presence, members]).at(-1), [false, 4]);
      t.equal(said.length, 2, 'once more');
      t.notOk(peer.presence('r').includes('d online'));
    }
    t.same(
      d
        .told('joined')
        .filter(({ room }) => room === 'r')
        .map(({ presence }) => presence),
      [false],
      'the fourth hears its own once',
    );
    d.leave('r');
    w.clock.advance(1_000);
    for (const peer of three) {
      const said = peer.told('joined').filter(({ room }) => room === 'r');
      t.same(said.map(({ presence, members }) => [presence, members]).at(-1), [true, 3]);
      t.equal(said.length, 3);
      t.notOk(peer.presence('r').includes('d offline'), 'nobody knew of it');
    }
    w.broker.others.set('r', 10);
    three[2]?.leave('r');
    w.clock.advance(1_000);
    t.match(three[0]?.told('joined').at(-1), { presence: false, members: 12 }, 'the others count');
    await leftovers(t, w, [...three, d]);
  },
);

t.test('the members of other pods are heard of when nothing happens here', async (t) => {
  const w = scripted({ presence: { presenceMaxRoom: 3 } });
  const [a, b] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
  w.clock.advance(1_000);
  const said = (peer: Peer): readonly unknown[] =>
    peer
      .told('joined')
      .filter(({ room }) => room === 'r')
      .map(({ presence, members }) => [presence, members]);
  w.broker.push('r', { _tag: 'Counted', others: 1 });
  w.clock.advance(10);
  t.equal(said(a).length, 1, 'a number alone is not said');
  w.broker.push('r', { _tag: 'Counted', others: 2 });
  w.clock.advance(10);
  for (const peer of [a, b]) t.same(said(peer).at(-1), [false, 4], 'too many to be told');
  w.broker.push('r', { _tag: 'Counted', others: 0 });
  w.clock.advance(10);
  for (const peer of [a, b]) t.same(said(peer).at(-1), [true, 2]);
  w.broker.membersMs = 50;
  w.broker.others.set('r', 1);
  a.join('r', 'again');
  w.clock.advance(40);
  t.notOk(a.told('joined').some(({ ref }) => ref === 'again'));
  w.clock.advance(20);
  t.match(a.told('joined').at(-1), { ref: 'again', members: 3 }, 'who asks again is counted for');
  a.join('r', 'and gone');
  a.leave('r');
  w.clock.advance(1_000);
  t.notOk(
    a.told('joined').some(({ ref }) => ref === 'and gone'),
    'nothing is told behind left',
  );
  await leftovers(t, w, [a, b]);
});

t.test(
  'PRESENCE_EVENTS=false: no comings, no goings; a status is passed on all the same',
  async (t) => {
    const w = scripted({ presence: { presenceEvents: false } });
    const [a, b] = [w.connect({ room: 'r', userId: 'a' }), w.connect({ room: 'r', userId: 'b' })];
    w.clock.advance(1_000);
    t.same(a.told('joined')[1]?.['presence'], false);
    b.say({ type: 'presence', room: 'r', data: { status: 'away' } });
    b.leave('r');
    w.clock.advance(1_000);
    t.same(
      a.heard().flatMap(({ type, from, data }) => (type === 'presence' ? [[from, data]] : [])),
      [['b', { status: 'away' }]],
    );
    await leftovers(t, w, [a, b]);
  },
);

// slow readers

t.test('a reader that has stopped is closed with 1013, the others get everything', async (t) => {
  const w = scripted({ limits: { sendBufferMessages: 16 } });
  const [slow, a] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
  w.clock.advance(1_000);
  slow.socket.stall();
  for (let i = 0; i < 40; i++) {
    publish(w, 'r', i);
    w.clock.advance(20);
  }
  t.equal(slow.code(), 1013);
  t.equal(a.texts('r').length, 40);
  t.same(faultsOf(slow, 'r', undefined), []);
  t.ok(slow.texts('r').length <= 17);
  t.equal(w.occupied().get('r'), 1, 'it is out of the room');
  await leftovers(t, w, [a]);
});

t.test('the 256th message that waits is kept, the 257th closes', async (t) => {
  const w = scripted();
  const slow = w.connect();
  slow.join('r');
  w.clock.advance(1_000);
  slow.socket.stall();
  for (let i = 0; i < 256; i++) {
    publish(w, 'r', i);
    w.clock.advance(5);
  }
  w.clock.advance(1_000);
  t.equal(slow.code(), undefined);
  t.equal(slow.connection.outbox.messages, 256);
  publish(w, 'r', 256);
  w.clock.advance(1_000);
  t.equal(slow.code(), 1013);
});

t.test('a burst of any size to a reader that keeps up never closes it', async (t) => {
  const w = scripted();
  const a = w.connect({ room: 'r' });
  w.clock.advance(1_000);
  for (let i = 0; i < 10_000; i++) publish(w, 'r', i);
  // the kernel takes what it was handed a little later, a millisecond at a time
  a.socket.stall();
  for (let ms = 0; ms < 500; ms++) {
    w.clock.advance(1);
    a.socket.takeSome();
  }
  w.clock.advance(100);
  t.equal(a.code(), undefined);
  t.equal(a.texts('r').length, 10_000);
  t.same(faultsOf(a, 'r', 10_000), []);
});

// many members

t.test('who joins or leaves while a batch goes out in slices gets each message once', async (t) => {
  const w = scripted({ presence: { presenceEvents: false } });
  const base = Array.from({ length: 1_300 }, () => w.connect({ room: 'r' }));
  w.clock.advance(1_000);
  const joiners: Peer[] = [];
  const leavers: Peer[] = [];
  let turns = 0;
  const first = base[0];
  if (first === undefined) throw new Error('nobody');
  // each batch begins with the first member: from there on, one comes and one goes in each turn of the pass
  first.socket.onWrite = () => {
    const inTurn = (left: number): void => {
      if (left === 0) return;
      w.clock.turn(() => {
        turns += 1;
        joiners.push(w.connect({ room: 'r' }));
        const leaver = base[100 + ((turns * 397) % 1_200)];
        if (leaver !== undefined && !leavers.includes(leaver)) {
          leaver.leave('r');
          leavers.push(leaver);
        }
        inTurn(left - 1);
      });
    };
    inTurn(4);
  };
  for (let i = 0; i < 12; i++) {
    publish(w, 'r', i);
    w.clock.advance(3);
  }
  first.socket.onWrite = undefined;
  w.clock.advance(1_000);
  t.ok(joiners.length >= 40, `${joiners.length} joined meanwhile`);
  t.ok(leavers.length >= 40, `${leavers.length} left meanwhile`);
  const faults = [...base, ...joiners].flatMap((peer) => faultsOf(peer, 'r', 12));
  t.same(faults.slice(0, 5), []);
  t.ok(
    joiners.some((peer) => peer.texts('r').length > 0 && peer.texts('r').length < 12),
    'some came in the middle',
  );
  for (const peer of [...base, ...joiners]) peer.go();
  w.clock.advance(LINGER_MS + 1_000);
  t.same([w.broker.channels(), w.clock.pending(), w.connections.size], [0, 0, 0]);
});

// any interleaving

type Step =
  | { readonly what: 'connect'; readonly room: number }
  | {
      readonly what: 'join' | 'leave' | 'chat' | 'join and chat';
      readonly who: number;
      readonly room: number;
    }
  | { readonly what: 'go' | 'stall' | 'read' | 'flood'; readonly who: number }
  | { readonly what: 'publish'; readonly room: number; readonly count: number }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'pace'; readonly openMs: number; readonly publishMs: number };

const ROOMS: readonly Room[] = ['a', 'b', 'c', GLOBAL];
const roomAt = (i: number): Room => ROOMS[i % ROOMS.length] ?? GLOBAL;

const who = fc.nat(20);
const room = fc.nat(3);
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ what: fc.constant('connect' as const), room: fc.nat(4) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        what: fc.constantFrom(
          'join' as const,
          'leave' as const,
          'chat' as const,
          'chat' as const,
          'join and chat' as const,
        ),
        who,
        room,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constantFrom('go' as const, 'stall' as const, 'read' as const, 'flood' as const),
        who,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ what: fc.constant('publish' as const), room, count: fc.nat(30) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        what: fc.constant('wait' as const),
        ms: fc.constantFrom(0, 1, 3, 10, 60, 300, 6_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: fc.constant('pace' as const),
        openMs: fc.constantFrom(0, 2, 40),
        publishMs: fc.constantFrom(0, 2, 40),
      }),
    },
  ),
  { maxLength: 80 },
);

const run = (
  world: HubWorld & { readonly broker: Broker },
  all: readonly Step[],
  pace: (openMs: number, publishMs: number) => void,
): readonly Peer[] => {
  const peers: Peer[] = [];
  const one = (i: number): Peer | undefined => peers[i % Math.max(1, peers.length)];
  for (const step of all) {
    switch (step.what) {
      case 'connect':
        peers.push(world.connect(step.room < 3 ? { room: roomAt(step.room) } : {}));
        break;
      case 'join':
        one(step.who)?.join(roomAt(step.room));
        break;
      case 'leave':
        one(step.who)?.leave(roomAt(step.room));
        break;
      case 'chat':
        one(step.who)?.chat(roomAt(step.room), 'said');
        break;
      case 'join and chat':
        one(step.who)?.join(roomAt(step.room));
        one(step.who)?.chat(roomAt(step.room), 'said at once');
        break;
      case 'go':
        one(step.who)?.go();
        break;
      case 'stall':
        one(step.who)?.socket.stall();
        break;
      case 'read':
        one(step.who)?.socket.takeAll();
        break;
      case 'flood':
        // more than it may be owed, for longer than a reader that keeps up needs
        one(step.who)?.socket.stall();
        for (let n = 0; n < 5; n++) {
          for (let i = 0; i < 10; i++) publish(world, GLOBAL, i);
          world.clock.advance(60);
        }
        break;
      case 'publish':
        for (let i = 0; i < step.count; i++) publish(world, roomAt(step.room), i);
        break;
      case 'wait':
        world.clock.advance(step.ms);
        break;
      case 'pace':
        pace(step.openMs, step.publishMs);
        break;
    }
    for (const { connection } of peers) {
      const { messages } = connection.outbox;
      if (messages > world.config.limits.sendBufferMessages)
        throw new Error(`a buffer of ${messages}`);
    }
  }
  return peers;
};

const check = (
  world: HubWorld & { readonly broker: Broker },
  peers: readonly Peer[],
  topOf: (room: Room) => number,
  channels: () => number,
): void => {
  const fail = (why: string): never => {
    throw new Error(why);
  };
  world.clock.advance(1_000);
  for (const peer of peers) peer.socket.takeAll();
  world.clock.advance(10_000);
  for (const peer of peers) {
    const open = !peer.webSocket.ended;
    for (const name of ROOMS) {
      const faults = faultsOf(peer, name, open ? topOf(name) : undefined);
      if (faults.length > 0) fail(faults.join('; '));
    }
    const code = peer.code();
    if (code !== undefined && code !== 1013) fail(`closed with ${code}`);
    const acks = peer
      .errors()
      .filter(({ code }) => code !== 'not_a_member' && code !== 'invalid_room');
    if (acks.length > 0) fail(JSON.stringify(acks));
  }
  const open = peers.filter(({ webSocket }) => !webSocket.ended).length;
  if ((world.occupied().get(GLOBAL) ?? 0) !== open) fail('the global log counts otherwise');
  for (const peer of peers) peer.go();
  world.clock.advance(LINGER_MS + 10_000);
  if (world.clock.pending() !== 0) fail(`${world.clock.pending()} timers are left`);
  if (world.occupied().size !== 0) fail('somebody is still in a room');
  if (world.connections.size !== 0) fail('a connection is left');
  if (channels() !== 0) fail(`${channels()} channels are left`);
  world.shutdown();
  if (!world.hasEnded()) fail('the hub goes on');
};

t.test(
  'for any interleaving over a broker that takes its time, each member gets its room once and in order, and nothing is left',
  async (t) => {
    let slow = 0;
    fc.assert(
      fc.property(steps, fc.integer(), (all, seed) => {
        const world = hubWorld({
          broker: scriptBroker,
          config: { limits: { sendBufferMessages: 32 }, presence: { presenceMaxRoom: 3 } },
          seed,
        });
        const peers = run(world, all, (openMs, publishMs) => {
          world.broker.openMs = openMs;
          world.broker.publishMs = publishMs;
          world.broker.membersMs = openMs;
        });
        slow += peers.filter((peer) => peer.code() === 1013).length;
        check(
          world,
          peers,
          (name) => world.broker.top(name).offset,
          () => world.broker.channels(),
        );
      }),
      { numRuns: 400 },
    );
    t.ok(slow > 0, 'some were too slow');
  },
);

t.test('the same over the embedded broker', async (t) => {
  fc.assert(
    fc.property(steps, fc.integer(), (all, seed) => {
      const placed = new Map<Room, number>();
      const world = hubWorld({ broker: local, seed });
      const peers = run(world, all, () => undefined);
      // a room's offset is what everybody who hears everything has come to
      const tops = ROOMS.map((name): readonly [Room, number] => {
        let top = 0;
        world.broker
          .channel(name)
          .subscribe((event) => {
            if (event._tag === 'Opened') top = event.top.offset;
          })
          .unsubscribe();
        return [name, top];
      });
      for (const [name, top] of tops) placed.set(name, top);
      check(
        world,
        peers,
        (name) => placed.get(name) ?? 0,
        () => 0,
      );
    }),
    { numRuns: 200 },
  );
  t.pass('for any interleaving');
});
