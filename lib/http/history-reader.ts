/**
 * Reads a room's log page by page for one answer, upward or downward. Entries that are missing in the middle
 * are skipped: a client sees the hole in the offsets of the ids.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom } from 'rxjs';
import type { Log, Page } from '../history/index.js';
import type { Room } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';
import { again, ANSWER_BYTES, bytesOf, type Reserve } from './history-memory.js';
import type { Bound, HistoryQuery } from './history-query.js';

/** A page from an offset on, with at most this many messages. */
export type ReadPage = (from: number, most: number) => Promise<Either<Problem, Page>>;

/** Pages of one room's log for one answer, all of the epoch of the first page. */
export const logPages = (log: Log, room: Room, reserve: Reserve): ReadPage => {
  let tag: number | undefined;
  return async (from, most) => {
    const read = await firstValueFrom(log.page(room, from, most));
    if (isLeft(read)) return left(UNREADABLE);
    const { top, entries } = read.right;
    tag ??= top.tag;
    if (top.tag !== tag) return left(RESET);
    const refusal = reserve(entries);
    return refusal === undefined ? read : left(refusal);
  };
};

/** Messages in their order, and whether there are more beyond them. */
export interface Stretch {
  readonly entries: readonly Publication[];
  readonly more: boolean;
}

/** The messages of one answer. */
export type ReadHistory = (
  room: Room,
  asked: HistoryQuery,
  reserve: Reserve,
) => Promise<Either<Problem, Stretch>>;

/** Why a bound is invalid, or undefined: its whole id must be in the log. */
export const missing = async (
  read: ReadPage,
  { name, id, text }: Bound,
): Promise<Problem | undefined> => {
  const found = await read(id.offset, 1);
  if (isLeft(found)) return found.left;
  return found.right.entries[0]?.idText === text
    ? undefined
    : problem(
        404,
        `${name}: the log does not have this id (any more); send the id of a later message, or none`,
      );
};

/** The messages from offset `from` to offset `to`, up to the page that reaches `most`. */
export const upward = async (
  read: ReadPage,
  from: number,
  to: number,
  most: { readonly messages: number; readonly bytes: number },
): Promise<Either<Problem, Stretch>> => {
  const entries: Publication[] = [];
  let bytes = 0;
  let at = from;
  while (at <= to && entries.length < most.messages && bytes < most.bytes) {
    const answer = await read(at, Math.min(most.messages - entries.length, to - at + 1));
    if (isLeft(answer)) return answer;
    // when entries are missing, a page may begin at a later offset
    const some = answer.right.entries.filter(({ id }) => id.offset <= to);
    entries.push(...some);
    bytes += bytesOf(some);
    const last = some.at(-1)?.id.offset;
    if (last !== undefined) at = last + 1;
    else if (answer.right.first > at) at = answer.right.first;
    else break;
  }
  return right({ entries, more: at <= to && entries.length > 0 });
};

/**
 * Downward, the first page has this many messages, the next page twice as many, and so on. When messages are
 * large, few of them fill an answer, and less is read in excess.
 */
const STEP = 100;

/** The last messages up to offset `from`, not below offset `to`. */
export const downward = async (
  read: ReadPage,
  from: number,
  to: number,
  limit: number,
): Promise<Either<Problem, Stretch>> => {
  let entries: readonly Publication[] = [];
  let at = from;
  let step = STEP;
  while (at >= to && entries.length < limit && bytesOf(entries) < ANSWER_BYTES) {
    const start = Math.max(to, at - Math.min(step, limit - entries.length) + 1);
    const answer = await upward(read, start, at, UNBOUNDED);
    if (isLeft(answer)) return answer;
    entries = [...answer.right.entries, ...entries];
    at = start - 1;
    step *= 2;
  }
  const some = lastOf(entries, ANSWER_BYTES);
  return right({ entries: some, more: at >= to || some.length < entries.length });
};

const UNBOUNDED = { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** As many of the last entries as fit in `bytes`, at least one. */
export const lastOf = (entries: readonly Publication[], bytes: number): readonly Publication[] => {
  let left = bytes;
  let first = entries.length;
  while (first > 0) {
    left -= entries[first - 1]?.frame.length ?? 0;
    if (left < 0 && first < entries.length) break;
    first -= 1;
  }
  return entries.slice(first);
};

export const UNREADABLE = again(
  'the log of the room cannot be read now; send the request again in a second',
);
const RESET = again("log: the room's history was reset while it was read; send the request again");
