/** Reading a history for an answer. */
import { isLeft, right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import fc from 'fast-check';
import t from 'tap';
import { type Page } from '../../lib/history/index.js';
import {
  downward,
  logPages,
  missing,
  type ReadPage,
  upward,
} from '../../lib/http/history-reader.js';
import type { LogPosition } from '../../lib/protocol/position.js';
import { publicationOf } from '../../lib/protocol/publication.js';
import { draft } from '../history/contract.js';

/** The message at an offset of a log. */
const entryAt = (offset: number) =>
  publicationOf(draft('r', { data: offset }), {
    tag: 1,
    ms: 1,
    global: false,
    outside: false,
    nonce: 0,
    offset,
  });

const topAt = (offset: number, tag = 1): LogPosition => ({ tag, offset, ms: 1, id: null });

/** Pages of at most four of a log that has these offsets and no others: as in Redis, one may have nothing but holes. */
const logOf =
  (offsets: readonly number[], top: number): ReadPage =>
  async (from, most) => {
    const window = Array.from({ length: Math.min(most, 4) }, (_, i) => from + i);
    const start = window.findIndex((offset) => offsets.includes(offset));
    const run = start < 0 ? [] : window.slice(start);
    const end = run.findIndex((offset) => !offsets.includes(offset));
    const entries = run.slice(0, end < 0 ? run.length : end).map(entryAt);
    const first = from > top ? top + 1 : from + (start < 0 ? window.length : start);
    return right({ top: topAt(top), first, entries });
  };

const offsetsOf = (answer: Awaited<ReturnType<typeof upward>>): readonly number[] =>
  isLeft(answer) ? [answer.left.status] : answer.right.entries.map(({ id }) => id.offset);

const ROOM_FOR_ALL = { messages: 1_000, bytes: 1_000_000 };

t.test(
  'when any entries are missing, then upward gives the others from one offset to another',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(Array.from({ length: 40 }, (_, i) => i + 1)),
        fc.integer({ min: 1, max: 42 }),
        fc.integer({ min: 1, max: 42 }),
        fc.integer({ min: 1, max: 50 }),
        async (offsets, from, to, messages) => {
          const answer = await upward(logOf(offsets, 40), from, to, { ...ROOM_FOR_ALL, messages });
          const due = offsets.filter((offset) => offset >= from && offset <= to);
          return JSON.stringify(offsetsOf(answer)) === JSON.stringify(due.slice(0, messages));
        },
      ),
    );
    t.pass('in order, without one that is not asked for');
  },
);

t.test('when any entries are missing, then downward gives the last ones, in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(Array.from({ length: 40 }, (_, i) => i + 1)),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 50 }),
      async (offsets, from, to, limit) => {
        const got = offsetsOf(await downward(logOf(offsets, 40), from, to, limit));
        const due = offsets.filter((offset) => offset <= from && offset >= to);
        return got.every((offset, i) => offset === due[due.length - got.length + i]);
      },
    ),
  );
  const all = Array.from({ length: 40 }, (_, i) => i + 1);
  t.same(offsetsOf(await downward(logOf(all, 40), 40, 1, 3)), [38, 39, 40]);
});

t.test(
  'when the bytes of an answer are reached, then it ends there and there is more',
  async (t) => {
    const bytes = entryAt(1).frame.length;
    const answer = await upward(logOf([1, 2, 3, 4], 4), 1, 4, { messages: 1, bytes });
    t.match(answer, { right: { more: true } });
    t.same(offsetsOf(answer), [1]);
    t.match(await upward(logOf([1, 2], 2), 1, 2, ROOM_FOR_ALL), { right: { more: false } });
  },
);

t.test('when the log has another message at a bound, then the answer is 404', async (t) => {
  const read = logOf([1, 2], 2);
  const { id, idText } = entryAt(2);
  t.equal(await missing(read, { name: 'after', id, text: idText }), undefined);
  t.match(await missing(read, { name: 'after', id, text: 'another' }), { status: 404 });
  const gone = entryAt(7);
  t.match(await missing(read, { name: 'before', id: gone.id, text: gone.idText }), { status: 404 });
});

t.test('when the epoch changes while a log is read, then the answer is 503', async (t) => {
  let tag = 1;
  const log = {
    page: () => of(right<never, Page>({ top: topAt(4, tag), first: 1, entries: [entryAt(1)] })),
  };
  const read = logPages(log, 'r', () => undefined);
  t.match(await read(1, 1), { _tag: 'Right' });
  tag = 2;
  t.match(await read(2, 1), { left: { status: 503, headers: { 'Retry-After': '1' } } });
});
