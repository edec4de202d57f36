/** Points in a history. */
import { isLeft, left, right } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import {
  endOf,
  firstWhere,
  type IdPoint,
  isAfter,
  isBefore,
  pointOf,
} from '../../lib/http/history-point.js';
import { again } from '../../lib/http/history-memory.js';
import type { ReadPage } from '../../lib/http/history-reader.js';
import { formatId, type MessageId } from '../../lib/protocol/position.js';
import { published } from '../support/archive.js';

const at = (tag: number, offset: number, ms: number) => published('r', { tag, offset, ms });

const point = (over: Partial<MessageId>): IdPoint => {
  const id = { tag: 1, offset: 5, ms: 50, global: false, outside: false, nonce: 7, ...over };
  return { id, text: formatId(id) };
};

const sidesOf = (where: IdPoint, entry = at(1, 5, 50)): readonly boolean[] => [
  isBefore(entry, where),
  isAfter(entry, where),
];

t.test('when a point is of the same epoch, then the offset counts', async (t) => {
  t.same(sidesOf(point({})), [false, false], 'its own');
  t.same(sidesOf(point({ nonce: 9 })), [false, false], 'another one at its offset');
  t.same(sidesOf(point({ offset: 6 })), [true, false]);
  t.same(sidesOf(point({ offset: 4 })), [false, true]);
  t.same(sidesOf(point({ offset: 4, ms: 99 })), [false, true], 'whatever its time');
});

t.test(
  'when a point is that of an id outside the log, then it is right after its offset',
  async (t) => {
    t.same(sidesOf(point({ outside: true })), [true, false]);
    t.same(sidesOf(point({ outside: true }), at(1, 6, 50)), [false, true]);
    t.same([endOf(point({ outside: true })), endOf(point({}))], [6, 5]);
  },
);

t.test('when a point is of another epoch, then the id counts', async (t) => {
  t.same(sidesOf(point({ tag: 2, ms: 51, offset: 1 })), [true, false]);
  t.same(sidesOf(point({ tag: 2, ms: 49, offset: 9 })), [false, true]);
  t.same(sidesOf(point({ tag: 2, offset: 1 })), [true, false], 'in one ms the tag');
});

t.test('when a point is a time, then the messages of this ms are after it', async (t) => {
  const entry = at(1, 5, 50);
  t.same(
    [49, 50, 51].map((ms) => isAfter(entry, { ms })),
    [true, true, false],
  );
});

t.test('when a message is a point, then it is neither before nor after itself', async (t) => {
  const entry = at(3, 9, 70);
  t.same(sidesOf(pointOf(entry), entry), [false, false]);
});

/** A log that has these offsets and no others. */
const logOf =
  (offsets: readonly number[]): ReadPage =>
  async (from, most) => {
    const found = offsets.find((offset) => offset >= from);
    const entries = found === undefined || most === 0 ? [] : [at(1, found, found)];
    return right({ top: { tag: 1, offset: 40, ms: 40, id: null }, first: 1, entries });
  };

t.test('when any messages are missing, then the first one that passes is found', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(Array.from({ length: 40 }, (_, i) => i + 1)),
      fc.integer({ min: 1, max: 41 }),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 0, max: 42 }),
      async (offsets, from, to, ms) => {
        const found = await firstWhere(logOf(offsets), from, to, ({ id }) => id.ms >= ms);
        if (isLeft(found)) return false;
        const within = offsets.filter((offset) => offset >= from && offset <= to);
        return (
          within.filter((offset) => offset >= found.right).join() ===
          within.filter((offset) => offset >= ms).join()
        );
      },
    ),
  );
});

t.test('when the log cannot be read, then the search ends with the problem', async (t) => {
  const read: ReadPage = () => Promise.resolve(left(again('no')));
  t.match(await firstWhere(read, 1, 9, () => true), { left: { status: 503 } });
});
