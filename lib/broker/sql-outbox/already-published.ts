/**
 * Which rows an earlier owner of the SQL outbox has published. The idempotency key of a row shows this for 5
 * minutes, in Redis; without Redis, only while the pod lives. The archive shows it for as long as it keeps
 * the message: a row always becomes the same text, with the time of its call in it.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom } from 'rxjs';
import type { Archive, ArchiveError, ArchivePage, Bound } from '../../history/archive/port.js';
import type { Draft } from '../../protocol/publication.js';
import { bodyOf } from '../../protocol/publication.js';

/** A row, and what it becomes. */
export interface Doubtful {
  readonly nth: number;
  readonly at: number;
  readonly draft: Draft;
}

const PAGE = 1_000;
/** A room that has more messages since then is not read on: its rows are published. */
const MAX_PAGES = 100;
/** The clock of PostgreSQL gave `at`, that of the broker gives ids. */
const CLOCKS_MS = 60_000;

/** The numbers of those rows of a room that are in the archive. `Left`: it did not answer. */
export const alreadyPublished = async (
  archive: Pick<Archive, 'page'>,
  rows: readonly Doubtful[],
): Promise<Either<string, ReadonlySet<number>>> => {
  const [first] = rows;
  const found = new Set<number>();
  if (first === undefined) return right(found);
  const wanted = new Map<string, number[]>();
  for (const { draft, nth } of rows)
    wanted.set(draft.rest, [...(wanted.get(draft.rest) ?? []), nth]);
  const since = rows.reduce((least, { at }) => Math.min(least, at), first.at) - CLOCKS_MS;
  const page = (bound: Bound): Promise<Either<ArchiveError, ArchivePage>> =>
    firstValueFrom(
      archive.page({ room: first.draft.room, direction: 'After', bound, limit: PAGE }),
    );

  const read = async (bound: Bound, pages: number): Promise<Either<string, typeof found>> => {
    const answer = await page(bound);
    if (isLeft(answer)) return left(answer.left.detail);
    const { entries, more } = answer.right;
    for (const { payload } of entries) {
      const nth = wanted.get(bodyOf(payload))?.shift();
      if (nth !== undefined) found.add(nth);
    }
    const last = entries.at(-1);
    return more && last !== undefined && pages > 1
      ? read({ _tag: 'Id', id: last.id }, pages - 1)
      : right(found);
  };
  return read({ _tag: 'Time', ms: since }, MAX_PAGES);
};
