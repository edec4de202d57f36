/** Echoes of messages that this pod has delivered are recognised, however many there were. */
import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { fallbackDedup, FORGOTTEN } from '../../../lib/broker/cluster/fallback-dedup.js';
import {
  type Draft,
  draftOf,
  type Publication,
  publicationOf,
} from '../../../lib/protocol/publication.js';
import { virtualClock } from '../../support/virtual-clock.js';

const MANY = 70_000;
const KEPT = 65_536;

const draft = (data: string | number): Draft => {
  const made = draftOf({ room: 'r', type: 'chat', from: 'alice', data, at: 0 });
  if (!isRight(made)) throw new Error(made.left.text);
  return made.right;
};

const placed = (of: Draft, nonce: number): Publication =>
  publicationOf(of, { tag: 1, offset: 1, ms: 1, global: false, outside: false, nonce });

t.test('when an echo comes, then its 20 bits and the text behind its id identify it', async (t) => {
  const known = fallbackDedup({ clock: virtualClock() });
  known.remember('r', 7, draft('hi').rest, 'as');
  t.equal(known.find('r', placed(draft('hi'), 7)), 'as');
  t.equal(known.find('r', placed(draft('ho'), 7)), undefined, 'a stranger’s');
  t.equal(known.find('r', placed(draft('hi'), 8)), undefined);
  t.equal(known.find('s', placed(draft('hi'), 7)), undefined);
});

t.test(
  'when there are more messages than fit, then the oldest are found as forgotten ones',
  async (t) => {
    const clock = virtualClock();
    const known = fallbackDedup({ clock });
    for (let i = 0; i < MANY; i++) known.remember('r', i, draft(i).rest, `as ${i}`);
    t.equal(known.size(), KEPT);
    const found = (i: number, nonce = i): string | undefined =>
      known.find('r', placed(draft(i), nonce));
    t.equal(found(MANY - 1), `as ${MANY - 1}`);
    t.equal(found(MANY - KEPT), `as ${MANY - KEPT}`);
    for (const i of [0, 1, MANY - KEPT - 1]) t.equal(found(i), FORGOTTEN, `${i}`);
    let falsePositives = 0;
    for (let i = 0; i < 2_000; i++) if (found(-1 - i, i) !== undefined) falsePositives++;
    t.equal(falsePositives, 0, 'nobody else’s is taken for one');
    clock.advance(1_400_000);
    for (const i of [0, MANY - 1]) t.equal(found(i), undefined, 'a log has none of them any more');
    t.equal(known.size(), 0);
  },
);

t.test('when a fallback is old, then it is remembered as long as a log may have it', async (t) => {
  const clock = virtualClock();
  const known = fallbackDedup({ clock, logTtlMs: 3_600_000 });
  known.remember('r', 7, draft('hi').rest, 'as');
  clock.advance(3_600_000);
  t.equal(known.find('r', placed(draft('hi'), 7)), 'as');
  clock.advance(100_000);
  t.equal(known.find('r', placed(draft('hi'), 7)), undefined);
});
