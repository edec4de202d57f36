/**
 * Stores a published message, so that its sender can be answered (docs/architecture.md, section Archive).
 *
 *   receipt ─┬─ new ─────────────────────────▶ the message under its id ─┐
 *            └─ duplicate ─▶ log ─▶ archive ─▶ the first message ────────┤
 *                                                                       ▼
 *                 answer ◀─ Stored, Poison ── store ── Left ─▶ again, until the time is over ─▶ Left
 *
 * The first message is looked for once: what is stored later is the same one.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { isNone } from 'fp-ts/lib/Option.js';
import { defer, map, type Observable, of, switchMap } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Archive, ArchiveError } from '../../history/archive/port.js';
import type { Log } from '../../history/index.js';
import { parseId } from '../../protocol/position.js';
import { type Draft, type Publication, publicationOf } from '../../protocol/publication.js';
import { untilRight } from '../../rx/until-right.js';
import type { Receipt } from '../index.js';

export interface StoringDeps {
  readonly log: Log;
  readonly archive: Pick<Archive, 'store' | 'page'>;
  readonly clock: Pick<Clock, 'scheduler' | 'random'>;
  /** For how long a message is stored again, from the first try on. */
  readonly timeoutMs: number;
}

/** A message that is not stored, and why. */
export interface Unstored {
  /** Of a duplicate the first message, if it was found; else what was sent the second time. */
  readonly publication: Publication;
  readonly error: ArchiveError;
}

/** Undefined: there is nothing to store (any more). */
type Found = Either<ArchiveError, Publication | undefined>;

/** Emits once, when the message is stored, or when the time is over. */
export const stored = (
  deps: StoringDeps,
  draft: Draft,
  receipt: Receipt,
): Observable<Either<Unstored, void>> => {
  const { clock, timeoutMs } = deps;
  const id = parseId(receipt.id);
  // the broker has given the id
  if (isNone(id)) return of(right(undefined));
  const own = publicationOf(draft, id.value);
  const message$ = receipt.duplicate
    ? defer(() => firstOf(deps, draft, own))
    : of<Found>(right(own));
  return defer(() => {
    const began = clock.scheduler.now();
    const leftMs = (): number => timeoutMs - (clock.scheduler.now() - began);
    return untilRight(message$, clock, timeoutMs).pipe(
      switchMap((found): Observable<Either<Unstored, void>> => {
        if (isLeft(found)) return of(left({ publication: own, error: found.left }));
        const { right: publication } = found;
        if (publication === undefined) return of(right(undefined));
        const store$ = defer(() => deps.archive.store(draft.room, [publication]));
        return untilRight(store$, clock, leftMs()).pipe(
          map((answer) =>
            isLeft(answer) ? left({ publication, error: answer.left }) : right(undefined),
          ),
        );
      }),
    );
  });
};

/**
 * The first message of a duplicate. Its data are the same, but its `from` and its time may differ from those
 * of the second call. When the log does not have it any more, it is in the archive, or nobody has it: then
 * the second call is stored under the first id.
 */
const firstOf = (
  { log, archive }: StoringDeps,
  { room }: Draft,
  own: Publication,
): Observable<Found> => {
  const { tag, offset } = own.id;
  return log.page(room, offset, 1).pipe(
    switchMap((answer): Observable<Found> => {
      if (isLeft(answer))
        return of<Found>(left({ _tag: 'Unavailable', detail: answer.left.detail }));
      const entry = answer.right.entries.find(({ idText }) => idText === own.idText);
      if (entry !== undefined) return of(right(entry));
      const bound = { _tag: 'Position', tag, offset: offset - 1 } as const;
      return archive
        .page({ room, direction: 'After', bound, limit: 1 })
        .pipe(
          map(
            (page): Found =>
              isLeft(page)
                ? page
                : right(
                    page.right.entries.some(({ idText }) => idText === own.idText)
                      ? undefined
                      : own,
                  ),
          ),
        );
    }),
  );
};
