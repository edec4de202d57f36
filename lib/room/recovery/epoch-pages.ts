/**
 * Pages of the archive for the joiners of one room, the oldest message first. Joiners that ask for the same
 * page within a second share it: when all clients of a pod come back to a new epoch, the archive is asked a few
 * times, not by each of them.
 */
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { defer, type Observable, ReplaySubject, share, tap } from 'rxjs';
import { BoundedMap } from '../../bounded-map.js';
import type { Clock } from '../../clock.js';
import type { Archive, ArchiveError, ArchivePage, Bound } from '../../history/archive/port.js';
import { formatId, type Room } from '../../protocol/position.js';

export type EpochPage$ = Observable<Either<ArchiveError, ArchivePage>>;

export interface EpochPages {
  /** Emits once and completes. After a failure, the next subscriber asks again. */
  readonly after: (bound: Bound, limit: number) => EpochPage$;
  /** The last message that was published before this time (Unix ms), if the archive has it. */
  readonly before: (ms: number) => EpochPage$;
  readonly clear: () => void;
}

/** A message that is stored late is in the pages that are read after this time. */
const SHARED_MS = 1_000;
/** 8 MiB at most. */
const KEPT = 32;

interface Kept {
  readonly askedAt: number;
  readonly page$: EpochPage$;
}

export const epochPages = (
  archive: Pick<Archive, 'page'>,
  room: Room,
  { scheduler }: Pick<Clock, 'scheduler'>,
): EpochPages => {
  const kept = new BoundedMap<string, Kept>(KEPT);

  const read = (direction: 'After' | 'Before', bound: Bound, limit: number): EpochPage$ => {
    const key = `${direction} ${textOf(bound)} ${limit}`;
    const known = kept.get(key);
    if (known !== undefined && scheduler.now() - known.askedAt < SHARED_MS) return known.page$;
    const page$: EpochPage$ = archive.page({ room, direction, bound, limit }).pipe(
      tap((answer) => {
        if (isLeft(answer) && kept.get(key)?.page$ === page$) kept.delete(key);
      }),
      share({
        connector: () => new ReplaySubject(1),
        resetOnComplete: false,
        resetOnError: false,
        resetOnRefCountZero: false,
      }),
    );
    kept.delete(key);
    kept.put(key, { askedAt: scheduler.now(), page$ });
    return page$;
  };

  return {
    after: (bound, limit) => defer(() => read('After', bound, limit)),
    before: (ms) => defer(() => read('Before', { _tag: 'Time', ms }, 1)),
    clear: () => kept.clear(),
  };
};

const textOf = (bound: Bound): string => {
  switch (bound._tag) {
    case 'Position':
      return `${bound.tag} ${bound.offset} ${bound.sinceMs ?? ''}`;
    case 'Id':
      return formatId(bound.id);
    case 'Time':
      return String(bound.ms);
  }
};
