/** What the log has of a room while one answer is made, and which of it lies after or before a point. */
import { type Either, isLeft, map, right } from 'fp-ts/lib/Either.js';
import { type MessageId, type LogPosition, NO_POSITION } from '../protocol/position.js';
import type { Problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';
import { endOf, firstWhere, type IdPoint, isAfter, isBefore, type Point } from './history-point.js';
import type { ReadPage } from './history-reader.js';

export interface LogRange {
  readonly top: LogPosition;
  /** The oldest offset that the log has; `top.offset + 1` when it has none. */
  readonly first: number;
  /** The message at `first`, once it is read (`withEntry`). */
  readonly entry: Publication | undefined;
}

/** After all offsets: a page from here asks the log alone, even where an archive is behind it. */
export const NEWEST = 2 ** 40;

/**
 * The entry is read when a point has no offset in the epoch of the log: it is a time, or an id of another
 * epoch.
 */
export const logRange = async (
  read: ReadPage,
  points: readonly (Point | undefined)[],
): Promise<Either<Problem, LogRange>> => {
  const ends = await read(NEWEST, 0);
  if (isLeft(ends)) return ends;
  const { top, first } = ends.right;
  const range = { top, first: Math.min(first, top.offset + 1), entry: undefined };
  const hasOffset = (point: Point | undefined): boolean =>
    point === undefined || ('id' in point && isOfEpoch(range, point.id));
  return points.every(hasOffset) ? right(range) : withEntry(read, range);
};

/** A page that begins at `first` may ask the archive, so it is read only when it is needed. */
export const withEntry = async (
  read: ReadPage,
  range: LogRange,
): Promise<Either<Problem, LogRange>> => {
  const { top, first } = range;
  if (range.entry !== undefined || first > top.offset) return right(range);
  const page = await read(first, 1);
  if (isLeft(page)) return page;
  const [entry] = page.right.entries;
  return right({ top, first: entry?.id.offset ?? top.offset + 1, entry });
};

export const isOfEpoch = ({ top }: LogRange, { tag }: MessageId): boolean =>
  tag === top.tag && tag !== NO_POSITION.tag;

/** Whether a message is at or after the first one of the log, in the order of ids. */
export const isInLog = ({ entry }: LogRange, { idText }: Publication): boolean =>
  entry !== undefined && idText >= entry.idText;

/** The first offset after a point; undefined when messages before `first` may be after it too. */
export const startIn = async (
  read: ReadPage,
  range: LogRange,
  from: Point,
): Promise<Either<Problem, number | undefined>> => {
  const { top, first, entry } = range;
  if ('id' in from && isOfEpoch(range, from.id))
    return right(from.id.offset + 1 >= first ? from.id.offset + 1 : undefined);
  if (entry === undefined || isAfter(entry, from)) return right(undefined);
  return firstWhere(read, first, top.offset, (one) => isAfter(one, from));
};

/** The last offset before a point, or of all; less than `first` when the log has no message before it. */
export const endIn = async (
  read: ReadPage,
  range: LogRange,
  before: IdPoint | undefined,
): Promise<Either<Problem, number>> => {
  const { top, first, entry } = range;
  if (before === undefined) return right(top.offset);
  if (isOfEpoch(range, before.id)) return right(Math.min(top.offset, endOf(before) - 1));
  if (entry === undefined || !isBefore(entry, before)) return right(first - 1);
  const next = await firstWhere(read, first, top.offset, (one) => !isBefore(one, before));
  return map((offset: number) => offset - 1)(next);
};
