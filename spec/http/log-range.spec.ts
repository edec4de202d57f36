/** What the log has of a room, and which of it lies after or before a point. */
import { isLeft, left, right } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { again } from '../../lib/http/history-memory.js';
import { pointOf } from '../../lib/http/history-point.js';
import type { ReadPage } from '../../lib/http/history-reader.js';
import {
  endIn,
  isInLog,
  isOfEpoch,
  logRange,
  type LogRange,
  NEWEST,
  startIn,
  withEntry,
} from '../../lib/http/log-range.js';
import { NO_LOG } from '../../lib/history/index.js';
import { formatId } from '../../lib/protocol/position.js';
import { messages, NOON, published } from '../support/archive.js';

const EPOCH = messages('r', 20, { tag: 3 });

/** The log has the messages from 11 on. */
const read: ReadPage = (from, most) => {
  const start = Math.max(from, 11);
  const top = { tag: 3, offset: 20, ms: NOON + 19, id: null };
  const entries = EPOCH.slice(start - 1, start - 1 + most);
  return Promise.resolve(right({ top, first: 11, entries }));
};
const emptyOf =
  (offset: number): ReadPage =>
  () =>
    Promise.resolve(
      right({ ...NO_LOG, top: { ...NO_LOG.top, tag: 3, offset }, first: offset + 1 }),
    );
const broken: ReadPage = () => Promise.resolve(left(again('no')));

const rangeOf = async (from: ReadPage): Promise<LogRange> => {
  const range = await logRange(from, [{ ms: 0 }]);
  if (isLeft(range)) throw new Error(range.left.detail);
  return range.right;
};

const inEpoch = (offset: number, outside = false) => {
  const id = { tag: 3, offset, ms: NOON, global: false, outside, nonce: 1 };
  return { id, text: formatId(id) };
};
const elsewhere = (ms: number) => pointOf(published('r', { tag: 9, offset: 1, ms: NOON + ms }));

t.test('when the log is read, then its first message is known', async (t) => {
  const points = [{ ms: 0 }];
  t.match(await logRange(read, points), { right: { first: 11, entry: { id: { offset: 11 } } } });
  t.match(await logRange(emptyOf(7), points), { right: { first: 8, entry: undefined } });
  t.match(await logRange(() => Promise.resolve(right(NO_LOG)), points), { right: { first: 1 } });
  t.match(await logRange(broken, points), { left: { status: 503 } });
  t.ok(NEWEST > 2 ** 40 - 1, 'no offset is greater');
});

t.test('when offsets are enough, then the first message is not read', async (t) => {
  const range = await logRange(read, [inEpoch(3), undefined]);
  t.match(range, { right: { first: 11, entry: undefined } });
  if (isLeft(range)) return;
  t.match(await withEntry(read, range.right), { right: { entry: { id: { offset: 11 } } } });
  t.same(await withEntry(broken, range.right), left(again('no')));
});

t.test('when a room has no log, then no id is of its epoch', async (t) => {
  const range = await rangeOf(() => Promise.resolve(right(NO_LOG)));
  t.notOk(isOfEpoch(range, { ...inEpoch(1).id, tag: 0 }));
  t.ok(isOfEpoch(await rangeOf(read), inEpoch(1).id));
});

t.test('when a point is in the log, then the answer begins after it', async (t) => {
  const range = await rangeOf(read);
  const start = (from: Parameters<typeof startIn>[2]) => startIn(read, range, from);
  t.same(await start(inEpoch(10)), right(11));
  t.same(await start(inEpoch(15)), right(16));
  t.same(await start(inEpoch(99)), right(100));
  t.same(await start(elsewhere(14)), right(15 + 1), 'by its time');
  t.same(await start({ ms: NOON + 14 }), right(15));
});

t.test(
  'when messages before the log may be after a point, then the log alone is no answer',
  async (t) => {
    const range = await rangeOf(read);
    for (const from of [inEpoch(9), elsewhere(-9), { ms: NOON + 10 }, { ms: 0 }])
      t.same(await startIn(read, range, from), right(undefined));
    const empty = await rangeOf(emptyOf(7));
    t.same(
      await startIn(read, empty, inEpoch(7)),
      right(8),
      'after the last message there is none',
    );
    t.same(await startIn(read, empty, elsewhere(99)), right(undefined));
  },
);

t.test('when a point is an upper bound, then the last message before it is known', async (t) => {
  const range = await rangeOf(read);
  const end = (before: Parameters<typeof endIn>[2]) => endIn(read, range, before);
  t.same(await end(undefined), right(20));
  t.same(await end(inEpoch(15)), right(14));
  t.same(await end(inEpoch(15, true)), right(15), 'an id outside the log comes after its offset');
  t.same(await end(inEpoch(99)), right(20));
  t.same(await end(elsewhere(14)), right(15));
  t.same(await end(elsewhere(-9)), right(10), 'none of the log');
  t.same(await endIn(broken, range, elsewhere(14)), left(again('no')));
});

t.test(
  'when a message has a later id than the first one of the log, then it is in its range',
  async (t) => {
    const range = await rangeOf(read);
    t.same(
      [9, 10, 11].map((at) => isInLog(range, EPOCH[at] ?? published('r', inEpoch(1).id))),
      [false, true, true],
    );
  },
);
