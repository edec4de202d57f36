/** Messages for an archive, and pages of it. */
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { firstValueFrom, type Observable } from 'rxjs';
import type {
  Archive,
  ArchiveError,
  Bound,
  Outcome,
  PageQuery,
} from '../../lib/history/archive/port.js';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import {
  type DraftFields,
  draftOf,
  type Publication,
  publicationOf,
} from '../../lib/protocol/publication.js';

/** 2026-01-15, in the middle of the day. */
export const NOON = Date.UTC(2026, 0, 15, 12);

export interface Position {
  readonly tag: number;
  readonly offset: number;
  readonly ms: number;
}

/** A message as the broker has published it. */
export const published = (
  room: Room,
  { tag, offset, ms }: Position,
  over: Partial<DraftFields> = {},
): Publication => {
  const fields = {
    room,
    type: 'chat' as const,
    from: 'alice',
    data: { n: offset },
    at: ms,
    ...over,
  };
  const draft = draftOf(fields);
  if (isLeft(draft)) throw new Error(draft.left.text);
  const isGlobal = room === GLOBAL;
  return publicationOf(draft.right, {
    tag,
    offset,
    ms,
    global: isGlobal,
    outside: false,
    nonce: 7,
  });
};

/** Messages of an epoch, a millisecond apart. */
export const messages = (
  room: Room,
  count: number,
  { tag = 5, from = 1, ms = NOON }: { tag?: number; from?: number; ms?: number } = {},
  over: Partial<DraftFields> = {},
): readonly Publication[] =>
  Array.from({ length: count }, (_, i) =>
    published(room, { tag, offset: from + i, ms: ms + i }, over),
  );

export const right = async <T>(answer$: Observable<Either<ArchiveError, T>>): Promise<T> => {
  const answer = await firstValueFrom(answer$);
  if (isLeft(answer)) throw new Error(JSON.stringify(answer.left));
  return answer.right;
};

export const left = async <T>(
  answer$: Observable<Either<ArchiveError, T>>,
): Promise<ArchiveError> => {
  const answer = await firstValueFrom(answer$);
  if (isLeft(answer)) return answer.left;
  throw new Error(`expected an error, got ${JSON.stringify(answer.right)}`);
};

export const store = (
  archive: Archive,
  room: Room,
  some: readonly Publication[],
): Promise<readonly Outcome[]> => right(archive.store(room, some));

export const idsOf = (some: readonly Publication[]): readonly string[] =>
  some.map(({ idText }) => idText);

/** Before the first message of an epoch. */
export const startOf = (tag: number): Bound => ({ _tag: 'Position', tag, offset: 0 });

/** All that can be read from a bound on, page by page; in order. */
export const readAll = async (
  archive: Archive,
  { room, direction, bound, limit }: PageQuery,
): Promise<readonly Publication[]> => {
  const read: Publication[] = [];
  for (let at = bound; ; ) {
    const { entries, more } = await right(archive.page({ room, direction, bound: at, limit }));
    if (direction === 'After') read.push(...entries);
    else read.unshift(...entries);
    const edge = direction === 'After' ? entries.at(-1) : entries[0];
    if (!more) return read;
    if (edge === undefined) throw new Error('a page without messages has more of them');
    const { id } = edge;
    at = at._tag === 'Position' ? { ...at, tag: id.tag, offset: id.offset } : { _tag: 'Id', id };
  }
};
