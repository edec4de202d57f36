/** Reads the archive page by page for one answer, upward or downward, in the order of ids. */
import { type Either, isLeft, left } from 'fp-ts/lib/Either.js';
import { firstValueFrom } from 'rxjs';
import type { Archive, ArchivePage, Bound, PageQuery } from '../history/archive/port.js';
import type { Room } from '../protocol/position.js';
import type { Problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';
import { again, ANSWER_BYTES, bytesOf, type Reserve } from './history-memory.js';
import type { Point } from './history-point.js';
import { MAX_MS } from './history-time.js';

/** One page of a room's archive. */
export type ReadArchive = (
  query: Pick<PageQuery, 'direction' | 'bound' | 'limit'>,
) => Promise<Either<Problem, ArchivePage>>;

export const archivePages =
  (archive: Archive, room: Room, reserve: Reserve): ReadArchive =>
  async (query) => {
    const read = await firstValueFrom(archive.page({ room, ...query }));
    if (isLeft(read)) return left(UNREADABLE);
    const refusal = reserve(read.right.entries);
    return refusal === undefined ? read : left(refusal);
  };

/** Messages from a point on, the nearest to the point first. */
export interface Walk {
  readonly entries: readonly Publication[];
  /** Whether there are more in this direction. */
  readonly more: boolean;
  /** Why it ended too early; then there may be more. */
  readonly problem: Problem | undefined;
}

export interface WalkOptions {
  readonly direction: PageQuery['direction'];
  /** Undefined: after all messages. */
  readonly from: Point | undefined;
  readonly limit: number;
  /** Whether a message is in the answer; the others are passed over. */
  readonly isWanted: (entry: Publication) => boolean;
  /** Whether the walk has ended before this message. */
  readonly isEnd: (entry: Publication) => boolean;
}

/**
 * Reads up to `limit` messages and one more, which shows that there are more. With large messages it ends
 * earlier: with the page that reaches `ANSWER_BYTES`.
 */
export const walk = async (read: ReadArchive, options: WalkOptions): Promise<Walk> => {
  const { direction, from, limit, isWanted, isEnd } = options;
  const entries: Publication[] = [];
  const ended = (more: boolean, problem?: Problem): Walk => ({ entries, more, problem });
  let bound = boundOf(from);
  for (;;) {
    const page = await read({ direction, bound, limit: limit + 1 - entries.length });
    if (isLeft(page)) return ended(true, page.left);
    const some = direction === 'After' ? page.right.entries : page.right.entries.toReversed();
    const end = some.findIndex(isEnd);
    entries.push(...some.slice(0, end < 0 ? some.length : end).filter(isWanted));
    const last = some.at(-1);
    if (end >= 0 || !page.right.more || last === undefined) return ended(entries.length > limit);
    if (entries.length > limit || bytesOf(entries) >= ANSWER_BYTES) return ended(true);
    bound = { _tag: 'Id', id: last.id };
  }
};

const boundOf = (point: Point | undefined): Bound => {
  if (point === undefined) return { _tag: 'Time', ms: MAX_MS };
  return 'id' in point ? { _tag: 'Id', id: point.id } : { _tag: 'Time', ms: point.ms };
};

const UNREADABLE = again(
  'archive: older messages cannot be read now; send the request again in a second, or ask for newer messages',
);
