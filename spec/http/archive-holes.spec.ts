/** Holes among the messages of the archive. */
import t from 'tap';
import { wholeDownward, wholeUpward } from '../../lib/http/archive-holes.js';
import type { LogRange } from '../../lib/http/log-range.js';
import { NOON, published } from '../support/archive.js';

/** The epoch 3 of the log was last used at noon. */
const RANGE: LogRange = {
  top: { tag: 3, offset: 99, ms: NOON, id: null },
  first: 50,
  entry: undefined,
};

/** Messages of the epoch, a millisecond apart, the last one so long before noon. */
const rows = (offsets: readonly number[], ago = 0) =>
  offsets.map((offset) => published('r', { tag: 3, offset, ms: NOON - ago - 99 + offset }));
const earlier = (offset: number) => published('r', { tag: 9, offset, ms: NOON - 5_000 });

const upward = (entries: ReturnType<typeof rows>, known: number): number =>
  wholeUpward(RANGE, entries, known);

t.test('when a message is missing upward, then those before it count', async (t) => {
  t.equal(upward(rows([4, 5, 6]), 3), 3);
  t.equal(upward(rows([4, 6, 7]), 3), 1);
  t.equal(upward(rows([5, 6]), 3), 0, 'right after the point');
  t.equal(upward([earlier(7), ...rows([1, 2, 4])], 0), 3, 'of other epochs nothing is missing');
  t.equal(upward([earlier(7), earlier(9)], 0), 2);
});

t.test('when a message is missing for long, then it is passed over', async (t) => {
  t.equal(upward(rows([4, 6, 7], 15_000), 3), 3);
});

const downward = (entries: ReturnType<typeof rows>, more = true) => {
  const whole = wholeDownward(RANGE, { entries, more });
  return [whole.entries.map(({ id }) => id.offset), whole.known];
};

t.test('when messages are missing downward, then those below the lowest one count', async (t) => {
  t.same(downward(rows([7, 6, 5])), [[7, 6, 5], 7]);
  t.same(downward(rows([9, 7, 6, 4, 3])), [[4, 3], 4]);
  t.same(downward(rows([9, 7], 15_000)), [[9, 7], 9], 'missing for long');
  t.same(downward([]), [[], 0]);
});

t.test('when the first messages of the epoch are missing, then none of it counts', async (t) => {
  t.same(downward([...rows([3, 2]), earlier(8)]), [[8], 0]);
  t.same(downward(rows([3, 2]), false), [[], 0], 'the archive has no more');
  t.same(downward(rows([3, 2]), true), [[3, 2], 3], 'it is not known');
  t.same(downward([...rows([2, 1]), earlier(8)]), [[2, 1, 8], 2]);
});
