/**
 * The messages of a room for one answer, from the archive and the log. The log has the last messages, and the
 * archive those before them, of all epochs:
 *
 *   archive, by id                                 log, by offset
 *   …  epoch 7  │  epoch 9  │  epoch 4, 1 to 20  │  epoch 4, from 21 (`first`) to its top
 *
 * All messages are in the order of ids. What the log has is read from the log: the archive may not have it
 * yet. Between the last message of the epoch in the archive and `first`, messages may be missing for a moment.
 * `log.page` is asked for them, as it knows how long to wait.
 *
 * An answer that the log has whole does not ask the archive. One case is lost by this: a clock went back
 * between two epochs, so some messages of the earlier epoch have later ids than the message at `first`. They
 * are not read as long as the log has that message.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import type { Archive } from '../history/archive/port.js';
import type { Log } from '../history/index.js';
import type { Problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';
import { wholeDownward, wholeUpward } from './archive-holes.js';
import { archivePages, type ReadArchive, walk } from './archive-reader.js';
import { ANSWER_BYTES, bytesOf } from './history-memory.js';
import {
  firstWhere,
  type IdPoint,
  isAfter,
  isBefore,
  type Point,
  pointOf,
} from './history-point.js';
import {
  downward,
  lastOf,
  logPages,
  type ReadHistory,
  type ReadPage,
  type Stretch,
  upward,
} from './history-reader.js';
import {
  endIn,
  isInLog,
  isOfEpoch,
  type LogRange,
  logRange,
  startIn,
  withEntry,
} from './log-range.js';

interface Sources {
  readonly log: ReadPage;
  readonly archive: ReadArchive;
  readonly range: LogRange;
}

type Answer = Promise<Either<Problem, Stretch>>;

export const archiveHistory =
  (log: Log, archive: Archive): ReadHistory =>
  async (room, { after, before, at, limit }, reserve) => {
    const readLog = logPages(log, room, reserve);
    const from = at === undefined ? after : { ms: at };
    const range = await logRange(readLog, [from, before]);
    if (isLeft(range)) return range;
    const sources: Sources = {
      log: readLog,
      archive: archivePages(archive, room, reserve),
      range: range.right,
    };
    return from === undefined ? last(sources, before, limit) : first(sources, from, before, limit);
  };

/** The first messages after a point. */
const first = async (
  sources: Sources,
  from: Point,
  before: IdPoint | undefined,
  limit: number,
): Answer => {
  const { log, range } = sources;
  const end = await endIn(log, range, before);
  if (isLeft(end)) return end;
  const start = await startIn(log, range, from);
  if (isLeft(start)) return start;
  if (start.right !== undefined)
    return upward(log, start.right, end.right, { messages: limit, bytes: ANSWER_BYTES });
  const whole = await withEntry(log, range);
  if (isLeft(whole)) return whole;
  return firstOfBoth({ ...sources, range: whole.right }, from, before, end.right, limit);
};

/** The same from the archive, and then from the log up to offset `end`. */
const firstOfBoth = async (
  sources: Sources,
  from: Point,
  before: IdPoint | undefined,
  end: number,
  limit: number,
): Answer => {
  const { log, archive, range } = sources;
  const { entries, more, problem } = await walk(archive, {
    direction: 'After',
    from,
    limit,
    isWanted: (entry) => isAfter(entry, from),
    isEnd: (entry) => !isIn(before, entry) || isInLog(range, entry),
  });
  if (problem !== undefined && entries.length === 0) return left(problem);
  const whole = wholeUpward(range, entries, offsetIn(range, from) ?? 0);
  const some = entries.slice(0, Math.min(limit, whole));
  if (whole < entries.length ? whole >= limit : more) return right({ entries: some, more: true });
  const known = newestIn(range, some.toReversed()) ?? offsetIn(range, from);
  const next = known === undefined ? await unstored(sources, from) : right(known + 1);
  if (isLeft(next)) return some.length === 0 ? next : right({ entries: some, more: true });
  const offset = Math.min(next.right, range.first);
  const messages = limit - some.length;
  const bytes = ANSWER_BYTES - bytesOf(some);
  const isFull = messages === 0 || bytes <= 0;
  const rest = await upward(log, offset, end, isFull ? ONE : { messages, bytes });
  if (isLeft(rest)) return some.length === 0 ? rest : right({ entries: some, more: true });
  const inBounds = rest.right.entries.filter((entry) => isIn(before, entry));
  return isFull
    ? right({ entries: some, more: inBounds.length > 0 })
    : right({
        entries: [...some, ...inBounds],
        // after a message that is not before the end, all others are not
        more: rest.right.more && inBounds.length === rest.right.entries.length,
      });
};

/** Shows whether there are more. */
const ONE = { messages: 1, bytes: 1 };

/**
 * The first offset after a point, in the epoch of the log. For the case that the archive has no message of
 * this epoch after the point.
 */
const unstored = async (
  { log, archive, range }: Sources,
  from: Point,
): Promise<Either<Problem, number>> => {
  if (range.first === 1) return right(1);
  const { entries, problem } = await walk(archive, {
    direction: 'Before',
    from,
    limit: 0,
    isWanted: () => true,
    isEnd: () => false,
  });
  if (problem !== undefined) return left(problem);
  const known = newestIn(range, entries) ?? 0;
  return firstWhere(log, known + 1, range.first - 1, (entry) => isAfter(entry, from));
};

/** The last messages before a point, or of all. */
const last = async (
  { log, archive, range }: Sources,
  before: IdPoint | undefined,
  limit: number,
): Answer => {
  const end = await endIn(log, range, before);
  if (isLeft(end)) return end;
  const newest = await downward(log, end.right, range.first, limit);
  if (isLeft(newest)) return newest;
  const { entries } = newest.right;
  // what the log has is an answer too: `next` leads on to the archive
  const short = right<Problem, Stretch>({ entries, more: true });
  if (newest.right.more || bytesOf(entries) >= ANSWER_BYTES) return short;
  const messages = limit - entries.length;
  const [oldest] = entries;
  const older = await walk(archive, {
    direction: 'Before',
    from: oldest === undefined ? before : pointOf(oldest),
    limit: messages,
    isWanted: (entry) => isIn(before, entry),
    isEnd: () => false,
  });
  if (older.problem !== undefined && older.entries.length === 0)
    return entries.length === 0 ? left(older.problem) : short;
  const whole = wholeDownward(range, older);
  const to = oldest === undefined ? end.right : oldest.id.offset - 1;
  const gap = isOfEarlier(range, before, older.entries)
    ? NOTHING
    : await between(log, whole.known + 1, to, before, messages);
  if (isLeft(gap)) return entries.length === 0 ? gap : short;
  const all = [...whole.entries, ...gap.right.entries].sort(byId);
  const some = all.slice(Math.max(0, all.length - messages));
  const kept = lastOf([...some, ...entries], ANSWER_BYTES);
  const more = older.more || gap.right.more || kept.length < all.length + entries.length;
  return right({ entries: kept, more });
};

const NOTHING = right<Problem, Stretch>({ entries: [], more: false });

/**
 * Whether a point is in an earlier epoch than the log. The nearest message before the point shows it: that
 * message is of the same epoch as the point. Then no message of the log is before the point.
 */
const isOfEarlier = (
  range: LogRange,
  before: IdPoint | undefined,
  [nearest]: readonly Publication[],
): boolean =>
  before !== undefined && !isOfEpoch(range, before.id) && nearest?.id.tag === before.id.tag;

/** The last messages from one offset to another. Usually there are none, which one page shows. */
const between = async (
  log: ReadPage,
  from: number,
  to: number,
  before: IdPoint | undefined,
  limit: number,
): Answer => {
  if (from > to) return NOTHING;
  const page = await log(from, 1);
  if (isLeft(page)) return page;
  const [entry] = page.right.entries;
  if (entry === undefined || entry.id.offset > to) return NOTHING;
  const { offset } = entry.id;
  const end = await firstWhere(log, offset, to, (one) => !isIn(before, one));
  return isLeft(end) ? end : downward(log, end.right - 1, offset, limit);
};

/** The offset of the first message in a list that is of the epoch of the log. */
const newestIn = (range: LogRange, newestFirst: readonly Publication[]): number | undefined =>
  newestFirst.find(({ id }) => isOfEpoch(range, id))?.id.offset;

const offsetIn = (range: LogRange, from: Point): number | undefined =>
  'id' in from && isOfEpoch(range, from.id) ? from.id.offset : undefined;

const isIn = (before: IdPoint | undefined, entry: Publication): boolean =>
  before === undefined || isBefore(entry, before);

const byId = (one: Publication, other: Publication): number => (one.idText < other.idText ? -1 : 1);
