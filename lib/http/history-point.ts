/**
 * Points in the history of a room, and the messages before and after them. Messages are in the order of their
 * ids. In one epoch this is the order of offsets, and there the offset counts: so the id of a message outside
 * the log has a point too, right after the message with its offset.
 */
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js';
import type { MessageId } from '../protocol/position.js';
import type { Problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';
import type { ReadPage } from './history-reader.js';

/** An id; no message need have it. */
export interface IdPoint {
  readonly id: MessageId;
  /** In lower case. */
  readonly text: string;
}

/** Unix ms: right before the first message of this ms. */
export interface TimePoint {
  readonly ms: number;
}

export type Point = IdPoint | TimePoint;

export const pointOf = ({ id, idText }: Publication): IdPoint => ({ id, text: idText });

export const isAfter = ({ id, idText }: Publication, point: Point): boolean => {
  if (!('id' in point)) return id.ms >= point.ms;
  return id.tag === point.id.tag ? id.offset > point.id.offset : idText > point.text;
};

export const isBefore = ({ id, idText }: Publication, point: IdPoint): boolean =>
  id.tag === point.id.tag ? id.offset < endOf(point) : idText < point.text;

/** The offset after the last message before this point, in the epoch of the point. */
export const endOf = ({ id }: IdPoint): number => (id.outside ? id.offset + 1 : id.offset);

/**
 * The first offset from `from` to `to` whose message passes a test, by bisection; `to + 1` when none does. All
 * messages after one that passes must pass too.
 */
export const firstWhere = async (
  read: ReadPage,
  from: number,
  to: number,
  test: (entry: Publication) => boolean,
): Promise<Either<Problem, number>> => {
  let low = from;
  let high = to + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const page = await read(middle, 1);
    if (isLeft(page)) return page;
    // when entries are missing, it is a later one
    const [entry] = page.right.entries;
    if (entry === undefined || entry.id.offset >= high || test(entry)) high = middle;
    else low = entry.id.offset + 1;
  }
  return right(low);
};
