/**
 * Publishes the messages of `chat_publish`, while this pod is the owner of the SQL outbox:
 *
 *   session ─▶ reader ─▶ publish          lost or refused: another session after a backoff
 */
import {
  catchError,
  concat,
  defer,
  finalize,
  from,
  ignoreElements,
  type Observable,
  of,
  race,
  repeat,
  ReplaySubject,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';
import type { SqlOutbox, SqlSession } from '../../history/archive/sql-outbox-port.js';
import { backoffMs } from '../../rx/backoff.js';
import { reader, type ReaderDeps } from './reader.js';
import type { SqlOutboxEvent } from './sql-outbox-event.js';

export interface SqlPublisherDeps extends Omit<ReaderDeps, 'ended$' | 'sized'> {
  readonly outbox: SqlOutbox;
}

export interface SqlPublisher {
  /** Publishes while it has a subscriber. Completes after `close`; never errors. */
  readonly event$: Observable<SqlOutboxEvent>;
  /** Rows in memory. */
  readonly rows: () => number;
  readonly isOwner: () => boolean;
  /** Finishes what is being published, in a second at most. Emits nothing and completes. */
  readonly close: () => Observable<never>;
}

/** A publish that has no answer by then is left to the next owner. A pod that is told to hurry waits for it. */
const CLOSE_MS = 1_000;
const STEADY_MS = 5_000;

export const sqlPublisher = ({ outbox, ...deps }: SqlPublisherDeps): SqlPublisher => {
  const { scheduler, random } = deps.clock;
  const current = {
    rows: 0,
    failures: 0,
    ownedAt: Number.POSITIVE_INFINITY,
    isOwner: false,
    isEnding: false,
  };
  const ended$ = new ReplaySubject<void>(1);
  const finished$ = new ReplaySubject<void>(1);

  const owned = (session: SqlSession): Observable<SqlOutboxEvent> => {
    current.isOwner = true;
    current.ownedAt = scheduler.now();
    const sized = (rows: number): void => {
      current.rows = rows;
    };
    return concat(of(OWNED), reader(session, { ...deps, ended$, sized })).pipe(
      finalize(() => {
        current.isOwner = false;
        if (current.isEnding) finished$.next();
      }),
    );
  };

  /** A statement that always fails ends each session soon, so the waits grow. */
  const waitMs = (): number => {
    const failures = scheduler.now() - current.ownedAt > STEADY_MS ? 0 : current.failures;
    current.failures = failures + 1;
    current.ownedAt = Number.POSITIVE_INFINITY;
    return backoffMs(failures, random);
  };

  return {
    event$: defer(() => outbox.session$).pipe(
      switchMap(owned),
      catchError((failure: unknown) =>
        of<SqlOutboxEvent>({ _tag: 'SqlOutboxInterrupted', detail: detailOf(failure) }),
      ),
      repeat({ delay: () => timer(waitMs(), scheduler) }),
      takeUntil(finished$),
    ),
    rows: () => current.rows,
    isOwner: () => current.isOwner,
    close: () =>
      defer(() => {
        current.isEnding = true;
        ended$.next();
        if (!current.isOwner) finished$.next();
        return race(finished$, timer(CLOSE_MS, scheduler)).pipe(
          take(1),
          switchMap(() => {
            finished$.next();
            return from(outbox.close());
          }),
          ignoreElements(),
        );
      }),
  };
};

const OWNED: SqlOutboxEvent = { _tag: 'SqlOutboxOwned' };

const detailOf = (failure: unknown): string =>
  typeof failure === 'object' && failure !== null && 'detail' in failure
    ? String(failure.detail)
    : String(failure);
