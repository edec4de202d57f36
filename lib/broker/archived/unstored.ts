/**
 * Messages that members have and the archive did not take in time. They are stored when the archive answers
 * again. Their senders have got `unavailable`.
 *
 *   keep ─▶ messages ─▶ the archive is restored, or 10 s have passed ─▶ store ─┬─ stored ─▶ forgotten
 *              ▲                                                              │
 *              └────────────────────────── not stored ────────────────────────┘
 *
 * While the archive refuses messages, no publish gets this far: so what is kept is what was under way when
 * the archive failed.
 *
 * Source: it subscribes to the archive's events, and ends with `closed$`.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import {
  concatMap,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  from,
  ignoreElements,
  merge,
  observeOn,
  type Observable,
  Subject,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Archive } from '../../history/archive/port.js';
import type { Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';

export interface UnstoredDeps {
  readonly archive: Pick<Archive, 'event$' | 'refusal' | 'store'>;
  readonly clock: Pick<Clock, 'scheduler'>;
  readonly closed$: Observable<void>;
}

export interface UnstoredMessages {
  /** The message is stored later. Beyond the bound the oldest one is forgotten. */
  readonly keep: (room: Room, publication: Publication) => void;
  readonly size: () => number;
}

/** As many as may wait in the archive (docs/architecture.md), of 64 MiB together. */
const MOST_MESSAGES = 32_768;
const MOST_BYTES = 67_108_864;
const AGAIN_MS = 10_000;
/** The messages of one call. */
const BATCH = 64;

interface Kept {
  readonly room: Room;
  readonly publication: Publication;
}

export const unstoredMessages = ({ archive, clock, closed$ }: UnstoredDeps): UnstoredMessages => {
  /** By room and id, the oldest first. */
  const kept = new Map<string, Kept>();
  const count = { bytes: 0 };
  const kept$ = new Subject<void>();

  const keyOf = ({ room, publication }: Kept): string => `${publication.idText} ${room}`;

  const forget = (one: Kept): void => {
    if (kept.delete(keyOf(one))) count.bytes -= one.publication.frame.length;
  };

  const keep = (room: Room, publication: Publication): void => {
    const one = { room, publication };
    if (kept.has(keyOf(one))) return;
    kept.set(keyOf(one), one);
    count.bytes += publication.frame.length;
    for (const oldest of kept.values()) {
      if (kept.size <= MOST_MESSAGES && count.bytes <= MOST_BYTES) break;
      forget(oldest);
    }
    kept$.next();
  };

  const storeBatch = (batch: readonly [Kept, ...(readonly Kept[])]): Observable<unknown> =>
    archive
      .store(
        batch[0].room,
        batch.map(({ publication }) => publication),
      )
      .pipe(
        tap((answer) => {
          if (isRight(answer)) batch.forEach(forget);
        }),
      );

  /** Stores all that are kept, one call after another. */
  const flush$ = defer(() =>
    archive.refusal() === undefined ? from(batchesOf([...kept.values()])) : EMPTY,
  ).pipe(
    concatMap(storeBatch),
    ignoreElements(),
    tap({
      complete: () => {
        if (kept.size > 0) kept$.next();
      },
    }),
  );

  merge(
    archive.event$.pipe(filter(({ _tag }) => _tag === 'Restored')),
    // a flush that leaves messages may emit `kept$` within the emission of this timer. Then the timer has not
    // completed, and `exhaustMap` would drop what comes. `observeOn` lets it come after the timer
    kept$.pipe(
      observeOn(clock.scheduler),
      exhaustMap(() => timer(AGAIN_MS, clock.scheduler)),
    ),
  )
    .pipe(
      exhaustMap(() => flush$),
      takeUntil(closed$),
    )
    .subscribe();

  return { keep, size: () => kept.size };
};

/** What each call of `store` gets: messages of one room, at most `BATCH`, in their order. */
const batchesOf = (
  messages: readonly Kept[],
): readonly (readonly [Kept, ...(readonly Kept[])])[] => {
  const batches: [Kept, ...Kept[]][] = [];
  for (const one of messages) {
    const last = batches.at(-1);
    if (last?.[0].room === one.room && last.length < BATCH) last.push(one);
    else batches.push([one]);
  }
  return batches;
};
