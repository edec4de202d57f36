/**
 * The idempotency keys that a pod remembers: their owners, how long they live, and which ones are forgotten
 * first.
 */
import t from 'tap';
import { idempotencyKeys } from '../../lib/broker/idempotency-keys.js';
import { KEY_TTL_MS } from '../../lib/protocol/idempotency-key.js';
import { keyIn } from '../support/keys.js';
import { virtualClock } from '../support/virtual-clock.js';

const KEYED = { id: 'id', digest: 'digest' };
const MAX_KEYS = 100_000;

const world = () => {
  const clock = virtualClock();
  const keys = idempotencyKeys(clock);
  return {
    clock,
    keys,
    set: (room: string, key: string): void => keys.set(room, keyIn(key), KEYED),
    has: (room: string, key: string): boolean => keys.get(room, keyIn(key)) !== undefined,
  };
};

t.test('when a key is set again, then it keeps its first message', async (t) => {
  const { keys } = world();
  keys.set('r', keyIn('alice:1'), KEYED);
  keys.set('r', keyIn('alice:1'), { id: 'other', digest: 'other' });
  t.match(keys.get('r', keyIn('alice:1')), KEYED);
  t.equal(keys.size(), 1);
});

t.test('when the room or the owner is another, then it is another key', async (t) => {
  const { set, has } = world();
  set('r', 'alice:1');
  t.ok(has('r', 'alice:1'));
  for (const [room, key] of [
    ['s', 'alice:1'],
    ['', 'alice:1'],
    ['r', 'alice:2'],
    ['r', 'bob:1'],
    ['r', ':1'],
    ['r', '%:1'],
    ['r', '1'],
  ] as const)
    t.notOk(has(room, key), `${room} ${key}`);
});

t.test('when 5 minutes have passed, then the key is free again', async (t) => {
  const { clock, keys, set, has } = world();
  set('r', 'alice:1');
  clock.advance(KEY_TTL_MS - 1);
  t.ok(has('r', 'alice:1'));
  clock.advance(1);
  t.notOk(has('r', 'alice:1'));
  keys.set('r', keyIn('alice:1'), { id: 'new', digest: 'new' });
  t.match(keys.get('r', keyIn('alice:1')), { id: 'new' });
  t.equal(keys.size(), 1, 'the old one takes no memory');
});

t.test('when one owner has very many keys, then this owner loses its oldest', async (t) => {
  const { keys, set, has } = world();
  set('r', 'alice:1');
  for (let i = 0; i <= MAX_KEYS; i++) set(`room ${i % 7}`, `mallory:${i}`);
  t.equal(keys.size(), MAX_KEYS);
  t.ok(has('r', 'alice:1'), 'though it is older');
  t.notOk(has('room 0', 'mallory:0'));
  t.notOk(has('room 1', 'mallory:1'));
  t.ok(has('room 2', 'mallory:2'));
});

t.test('when anonymous clients flood a room, then those of other rooms keep theirs', async (t) => {
  const { set, has } = world();
  set('quiet', ':1');
  for (let i = 0; i < MAX_KEYS; i++) set('flooded', `:${i}`);
  t.ok(has('quiet', ':1'));
  t.notOk(has('flooded', ':0'));
  t.ok(has('flooded', ':1'));
});

t.test('when no owner has many keys, then the oldest of all is removed', async (t) => {
  const { set, has } = world();
  for (let i = 0; i < MAX_KEYS + 2; i++) set('r', `user ${i >> 6}:${i}`);
  t.notOk(has('r', 'user 0:0'));
  t.notOk(has('r', 'user 0:1'));
  t.ok(has('r', 'user 0:2'));
});

t.test(
  'when a flood of one owner ends, then its keys expire before others are removed',
  async (t) => {
    const { clock, keys, set, has } = world();
    for (let i = 0; i < MAX_KEYS; i++) set('r', `mallory:${i}`);
    clock.advance(KEY_TTL_MS);
    set('r', 'alice:1');
    t.equal(keys.size(), 1);
    t.ok(has('r', 'alice:1'));
  },
);
