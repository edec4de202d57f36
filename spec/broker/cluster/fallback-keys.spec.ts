/**
 * The keys of messages of the fallback: as many are kept as by a pod without Redis, and a flood of one user's
 * keys does not push out those of others.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { fallbackKeys } from '../../../lib/broker/cluster/fallback-keys.js';
import { type Draft, draftOf } from '../../../lib/protocol/publication.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { keyIn } from '../../support/keys.js';

const draft = (key: string, data: string): Draft => {
  const made = draftOf({ room: 'r', type: 'chat', from: 'alice', data, at: 0, key: keyIn(key) });
  if (!isRight(made)) throw new Error(made.left.text);
  return made.right;
};

t.test(
  'when one user sends a flood of keys, then the keys of others are not forgotten',
  async (t) => {
    const known = fallbackKeys({ clock: virtualClock() });
    known.remember(draft('bob:1', 'hi'), 'first');
    const flood = draft('mallory:0', 'x');
    for (let i = 0; i < 101_000; i++) known.remember({ ...flood, key: keyIn(`mallory:${i}`) }, 'x');
    t.same(known.find(draft('bob:1', 'hi')), {
      _tag: 'Right',
      right: { id: 'first', duplicate: true, scope: 'pod' },
    });
    t.same(known.find(draft('bob:1', 'ho')), { _tag: 'Left', left: { _tag: 'KeyReused' } });
    t.equal(known.find({ ...flood, key: keyIn('mallory:0') }), undefined);
    t.equal(known.size(), 100_000);
  },
);
