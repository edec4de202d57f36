/** The embedded broker: the contract of all brokers, and the bounds of what it keeps in memory. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import t from 'tap';
import type { Broker, Receipt } from '../../lib/broker/index.js';
import { idempotencyKeys } from '../../lib/broker/idempotency-keys.js';
import { KEY_TTL_MS } from '../../lib/protocol/idempotency-key.js';
import { localBroker } from '../../lib/broker/local.js';
import { draftOf } from '../../lib/protocol/publication.js';
import { GLOBAL, parseId, type Room, type LogPosition } from '../../lib/protocol/position.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';
import { brokerContract } from './contract.js';
import { keyIn } from '../support/keys.js';

const DAY_MS = 86_400_000;

brokerContract(t, {
  name: 'the embedded broker',
  pods: [1],
  cluster: () => {
    const clock = virtualClock();
    return {
      clock,
      brokers: [localBroker({ clock, positionTtlMs: DAY_MS })],
      settleMs: 1,
      retained: () => 0,
    };
  },
});

const world = (): { readonly clock: VirtualClock; readonly broker: Broker } => {
  const clock = virtualClock();
  return { clock, broker: localBroker({ clock, positionTtlMs: DAY_MS }) };
};

const publish = (
  { broker, clock }: ReturnType<typeof world>,
  room: Room,
  key?: string,
): Receipt => {
  const draft = draftOf({
    room,
    type: 'chat',
    from: 'a',
    data: 1,
    at: clock.wall(),
    key: key === undefined ? undefined : keyIn(key),
  });
  if (isLeft(draft)) throw new Error(draft.left.text);
  let receipt: Receipt | undefined;
  broker.publish(draft.right).subscribe((result) => {
    if (isRight(result)) receipt = result.right;
  });
  if (receipt === undefined) throw new Error('expected a receipt at once, got none');
  return receipt;
};

const topOf = ({ broker }: ReturnType<typeof world>, room: Room): LogPosition => {
  let top: LogPosition | undefined;
  broker
    .channel(room)
    .subscribe((event) => {
      if (event._tag === 'Opened') top = event.top;
    })
    .unsubscribe();
  if (top === undefined) throw new Error('expected Opened at once, got nothing');
  return top;
};

const offsetOf = ({ id }: Receipt): number => {
  const read = parseId(id);
  return isSome(read) ? read.value.offset : Number.NaN;
};

t.test('when a local broker starts, then it is up and reaches all members', async (t) => {
  const { broker, clock } = world();
  const seen: unknown[] = [];
  broker.status$.subscribe((status) => seen.push(status));
  t.same(seen, [{ _tag: 'Up', since: clock.wall() }]);
  broker.members('r', 5).subscribe((others) => t.equal(others, 0));
});

t.test(
  'when a room had no message for a day, then its position is forgotten and its epoch is new',
  async (t) => {
    const w = world();
    publish(w, 'r');
    w.clock.advance(DAY_MS - 1);
    t.equal(offsetOf(publish(w, 'r')), 2, 'within the day');
    const before = topOf(w, 'r');
    w.clock.advance(DAY_MS);
    const after = topOf(w, 'r');
    t.match(after, { offset: 0, id: null });
    t.not(after.tag, before.tag);
  },
);

t.test(
  'when a room has a member, then it keeps its position however long it is quiet',
  async (t) => {
    const w = world();
    const listening = w.broker.channel('r').subscribe();
    publish(w, 'r');
    w.clock.advance(3 * DAY_MS);
    t.equal(offsetOf(publish(w, 'r')), 2);
    listening.unsubscribe();
  },
);

t.test(
  'when there are 100,000 positions, then the one that was unused for longest is forgotten, never one in use',
  async (t) => {
    const w = world();
    const listening = w.broker.channel('in-use').subscribe();
    publish(w, 'in-use');
    publish(w, 'oldest');
    publish(w, 'touched');
    for (let i = 0; i < 99_990; i++) publish(w, `r${i}`);
    publish(w, 'touched');
    for (let i = 0; i < 20; i++) publish(w, `s${i}`);
    t.equal(topOf(w, 'touched').offset, 2);
    t.equal(topOf(w, 'in-use').offset, 1);
    t.equal(topOf(w, 'oldest').offset, 0, 'forgotten');
    listening.unsubscribe();
  },
);

t.test(
  'when rooms are joined and nothing is published, then no other position is forgotten for them',
  async (t) => {
    const w = world();
    publish(w, 'mine');
    const first = topOf(w, 'quiet').tag;
    for (let i = 0; i < 9_000; i++) topOf(w, `r${i}`);
    t.equal(topOf(w, 'quiet').tag, first, 'kept');
    for (let i = 0; i < 100_001; i++) topOf(w, `s${i}`);
    t.equal(topOf(w, 'mine').offset, 1);
    t.not(topOf(w, 'quiet').tag, first, 'and let go, as there were more than 10,000 of them');
  },
);

t.test(
  'when a room had no message, then it is kept for 10 minutes after its last use',
  async (t) => {
    const w = world();
    const { tag } = topOf(w, 'quiet');
    w.clock.advance(590_000);
    t.equal(topOf(w, 'quiet').tag, tag);
    w.clock.advance(590_000);
    t.equal(topOf(w, 'quiet').tag, tag);
    w.clock.advance(600_000);
    t.not(topOf(w, 'quiet').tag, tag);
  },
);

t.test('when rooms are only read, then no position is forgotten for them', async (t) => {
  const w = world();
  publish(w, 'mine');
  for (let i = 0; i < 100_001; i++) w.broker.log.page(`unused-${i}`, 0, 1).subscribe();
  w.broker.log
    .page('mine', 1, 1)
    .subscribe((page) => t.equal(isRight(page) && page.right.entries.length, 1));
  t.equal(topOf(w, 'mine').offset, 1);
});

t.test('when a key is used again within 5 minutes, then the publish is a duplicate', async (t) => {
  const w = world();
  const first = publish(w, GLOBAL, 'k');
  w.clock.advance(KEY_TTL_MS - 1);
  t.match(publish(w, GLOBAL, 'k'), { id: first.id, duplicate: true });
  w.clock.advance(1);
  t.match(publish(w, GLOBAL, 'k'), { duplicate: false });
});

t.test('when the wall clock jumps, then no key is forgotten', async (t) => {
  const w = world();
  const first = publish(w, 'r', 'k');
  w.clock.jump(3_600_000);
  t.match(publish(w, 'r', 'k'), { id: first.id, duplicate: true });
});

t.test('when more than 100,000 keys come, then the oldest is forgotten first', async (t) => {
  const clock = virtualClock();
  const keys = idempotencyKeys(clock);
  const keyed = { id: 'x', digest: 'y' };
  for (let i = 0; i < 100_001; i++) keys.set('r', keyIn(`k${i}`), keyed);
  t.equal(keys.get('r', keyIn('k0')), undefined);
  t.match(keys.get('r', keyIn('k1')), keyed);
  t.match(keys.get('r', keyIn('k100000')), keyed);
  clock.advance(KEY_TTL_MS);
  t.equal(keys.get('r', keyIn('k100000')), undefined);
});

t.test('when there are 100,000 keys, then the owner of most of them loses one', async (t) => {
  const clock = virtualClock();
  const keys = idempotencyKeys(clock);
  const keyed = { id: 'x', digest: 'y' };
  const has = (room: Room, key: string): boolean => keys.get(room, keyIn(key)) !== undefined;
  const mine = [
    ['r', 'alice:1'],
    ['s', 'alice:2'],
    ['r', '%:1'],
    ['', ':anybody'],
  ] as const;
  for (const [room, key] of mine) keys.set(room, keyIn(key), keyed);
  for (let i = 0; i < 250_000; i++) keys.set(`r${i % 50}`, keyIn(`mallory:${i}`), keyed);
  for (const [room, key] of mine) t.ok(has(room, key), `${room} ${key} is not pushed out`);
  const first = 250_000 - 100_000 + mine.length;
  t.ok(!has(`r${(first - 1) % 50}`, `mallory:${first - 1}`), 'but the oldest of who has most');
  t.ok(has(`r${first % 50}`, `mallory:${first}`));
  // of anonymous clients nobody knows more than the room
  for (let i = 0; i < 90_000; i++) keys.set('flooded', keyIn(`:${i}`), keyed);
  for (let i = 0; i < 1_000; i++) keys.set('r', keyIn(`bob:${i}`), keyed);
  for (const [room, key] of [...mine, ['r', 'bob:0']] as const) t.ok(has(room, key), key);
  clock.advance(KEY_TTL_MS / 2);
  keys.set('r', keyIn('alice:3'), keyed);
  clock.advance(KEY_TTL_MS / 2);
  for (const [room, key] of mine) t.ok(!has(room, key), 'too old');
  t.ok(has('r', 'alice:3'));
  for (let i = 0; i < 99_999; i++) keys.set('r', keyIn(`u${i}:1`), keyed);
  t.ok(has('r', 'alice:3'), 'what is too old makes room first');
  keys.set('r', keyIn('last:1'), keyed);
  t.ok(has('r', 'last:1'));
  t.ok(has('r', 'u99998:1'));
});

t.test('when no owner has many keys, then the oldest of all is forgotten', async (t) => {
  const keys = idempotencyKeys(virtualClock());
  const keyed = { id: 'x', digest: 'y' };
  for (let i = 0; i < 50_000; i++) keys.set(`old-${i}`, keyIn(':1'), keyed);
  for (const key of [':1', ':2', ':3']) keys.set('mine', keyIn(key), keyed);
  for (let i = 0; i < 90_000; i++) keys.set(`new-${i}`, keyIn(':1'), keyed);
  for (const key of [':1', ':2', ':3']) t.match(keys.get('mine', keyIn(key)), keyed);
  t.equal(keys.get('old-40000', keyIn(':1')), undefined);
});

t.test('when many keys were forgotten, then a key costs the same as before', async (t) => {
  const keys = idempotencyKeys(virtualClock());
  const keyed = { id: 'x', digest: 'y' };
  const timed = (from: number): number => {
    const began = performance.now();
    for (let i = from; i < from + 100_000; i++) keys.set('r', keyIn(`mallory:${i}`), keyed);
    return performance.now() - began;
  };
  const filling = timed(0);
  const full = Math.min(timed(100_000), timed(200_000));
  t.ok(full < 5 * filling + 100, `${full} ms, ${filling} ms while there was room`);
});
