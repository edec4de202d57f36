/** Pages of a log, made of frames as they are stored. */
import fc from 'fast-check';
import t from 'tap';
import { pageOf } from '../../lib/history/page.js';
import { publicationOf } from '../../lib/protocol/publication.js';
import { draft } from './contract.js';

const frameAt = (offset: number, tag = 1, outside = false): Buffer =>
  publicationOf(draft('r', { data: offset }), {
    tag,
    offset,
    ms: 1_000 + offset,
    global: false,
    outside,
    nonce: 0,
  }).frame;

const TOP = { tag: 1, offset: 20, ms: 1_020, id: null };

const offsetsOf = (frames: readonly Buffer[], from = 5, first = 1): readonly number[] => {
  const page = pageOf(TOP, first, from, frames);
  return [page.first, ...page.entries.map(({ id }) => id.offset)];
};

t.test('when frames have consecutive offsets, then they are the entries', async (t) => {
  t.same(offsetsOf([5, 6, 7].map((offset) => frameAt(offset))), [1, 5, 6, 7]);
  t.same(
    offsetsOf(
      [8, 9].map((offset) => frameAt(offset)),
      5,
      8,
    ),
    [8, 8, 9],
    'from the first on',
  );
  t.same(offsetsOf([]), [1]);
});

t.test('when a frame in the middle is invalid, then the page ends before it', async (t) => {
  t.same(offsetsOf([frameAt(5), Buffer.from('{}'), frameAt(7)]), [1, 5]);
  t.same(offsetsOf([frameAt(5), frameAt(7)]), [1, 5], 'a hole');
  t.same(offsetsOf([frameAt(5), frameAt(6, 2)]), [1, 5], 'another epoch');
  t.same(offsetsOf([frameAt(5), frameAt(6, 1, true)]), [1, 5], 'outside the log');
});

t.test('when the first frames are invalid, then the page begins after them', async (t) => {
  t.same(offsetsOf([Buffer.from('x'), frameAt(6, 2), frameAt(7), frameAt(8)]), [7, 7, 8]);
  t.same(offsetsOf([Buffer.from('x'), Buffer.from('y')]), [7], 'a reader gets on');
});

t.test(
  'when any frames are invalid, then a reader that goes on after each page gets all others',
  async (t) => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 15 }), (broken) => {
        const frames = broken.map((is, i) => (is ? Buffer.from('x') : frameAt(5 + i)));
        const got: number[] = [];
        for (let at = 5; at < 5 + frames.length; ) {
          const { first, entries } = pageOf(TOP, 1, at, frames.slice(at - 5));
          got.push(...entries.map(({ id }) => id.offset));
          const next = (entries.at(-1)?.id.offset ?? first - 1) + 1;
          if (next <= at) return false;
          at = next;
        }
        const due = broken.flatMap((is, i) => (is ? [] : [5 + i]));
        return JSON.stringify(got) === JSON.stringify(due);
      }),
    );
    t.pass('and never stands still');
  },
);
