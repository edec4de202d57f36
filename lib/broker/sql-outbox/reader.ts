/**
 * Runs the reader of the SQL outbox (`reader-step.ts`) over one session: statements, publishes, waits.
 *
 * Source: its timers and publishes end with its subscriber.
 */
import { Observable, Subscription, timer } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { SqlRow, SqlSession, Settled } from '../../history/archive/sql-outbox-port.js';
import { YOUNG_MS } from '../../history/archive/archived-log.js';
import { KEY_TTL_MS } from '../../protocol/idempotency-key.js';
import { backoffMs } from '../../rx/backoff.js';
import { fewPages } from './few-pages.js';
import { publishRows, type PublishRowsDeps } from './publish-rows.js';
import { type Effect, type Input, type Reader, sizeOf, START } from './reader-state.js';
import { step } from './reader-step.js';
import type { SqlOutboxEvent } from './sql-outbox-event.js';

export interface ReaderDeps extends Pick<PublishRowsDeps, 'publish' | 'archive'> {
  readonly clock: Clock;
  /** The number of messages that this pod stores later, as the archive did not take them in time. */
  readonly unstored: () => number;
  /** What is being published is finished, and the reader completes. */
  readonly ended$: Observable<unknown>;
  /** Rows in memory. */
  readonly sized: (rows: number) => void;
}

const TICK_MS = 1_000;
const PAUSE_MS = 10;
/** A row that was tried for longer than this may have a key that Redis has forgotten. */
const KEY_SHOWS_MS = KEY_TTL_MS - 60_000;

/** Errors when the session is over. */
export const reader = (
  session: SqlSession,
  { clock, publish, archive, unstored, ended$, sized }: ReaderDeps,
): Observable<SqlOutboxEvent> =>
  new Observable((out) => {
    const { scheduler, random, wall } = clock;
    const current: { reader: Reader } = { reader: START };
    const running = new Subscription();
    const beganAt = scheduler.now();
    const deps: PublishRowsDeps = {
      publish,
      archive: archive && fewPages(archive, running),
      // another pod has what it did not store too; it stores it when the archive is back
      mayBeStoredLater: ({ at }) =>
        unstored() > 0 || (wall() - at > KEY_SHOWS_MS && scheduler.now() - beganAt < YOUNG_MS),
      mayPublish: () => !running.closed && !current.reader.isEnding && session.isOwner(),
      now: () => scheduler.now(),
      refused: (detail) => out.next({ _tag: 'SqlRefused', detail }),
    };

    const accept = (input: Input): void => {
      if (running.closed) return;
      const [next, effects] = step(current.reader, input);
      current.reader = next;
      sized(sizeOf(next).rows);
      for (const effect of effects) perform(effect);
    };

    const after = (ms: number, input: Input): void => {
      running.add(timer(ms, scheduler).subscribe(() => accept(input)));
    };

    /** A statement that fails ends the session. */
    const asked = <A>(answer: Promise<A>, input: (value: A) => Input): void => {
      answer.then(
        (value) => accept(input(value)),
        (error: unknown) => out.error(error),
      );
    };

    const removed = async (settled: Settled): Promise<void> => {
      await session.remove(settled);
      for (const { reason } of settled.rejected) out.next({ _tag: 'SqlRejected', detail: reason });
    };

    const published = async (rows: readonly SqlRow[], since: number | undefined): Promise<void> => {
      const isOld = since !== undefined && scheduler.now() - since > KEY_SHOWS_MS;
      const room = rows[0]?.room ?? '';
      const answer = await publishRows(deps, rows, ({ nth }) => isOld || nth <= session.doubtfulTo);
      const first = rows.find(({ nth }) => answer.published.includes(nth));
      if (first !== undefined)
        out.next({
          _tag: 'SqlPublished',
          messages: answer.published.length,
          seconds: Math.max(0, wall() - first.at) / 1_000,
        });
      accept({ _tag: 'Answered', room, answer });
    };

    const perform = (effect: Effect): void => {
      switch (effect._tag) {
        case 'Read':
          return asked(session.read(effect.except, effect.limit), (rows) => ({
            _tag: 'Read',
            rows,
          }));
        case 'Remove':
          return asked(removed(effect.settled), () => ({ _tag: 'Removed' }));
        case 'Sleep':
          return asked(session.sleep(), (isAsleep) => ({ _tag: 'Slept', isAsleep }));
        case 'Wake':
          return asked(session.wake(), () => ({ _tag: 'Woken' }));
        case 'Ping':
          return asked(session.ping(), () => ({ _tag: 'Pinged' }));
        case 'Pause':
          return after(PAUSE_MS, { _tag: 'Paused' });
        case 'Publish':
          // a bug ends the session too, and the rows are read again
          published(effect.rows, effect.since).catch((error: unknown) => out.error(error));
          return;
        case 'Rest':
          return after(backoffMs(effect.failures, random), {
            _tag: 'Elapsed',
            room: effect.room,
          });
        case 'Finish':
          return out.complete();
      }
    };

    running.add(session.notified$.subscribe(() => accept({ _tag: 'Notified' })));
    running.add(timer(TICK_MS, TICK_MS, scheduler).subscribe(() => accept({ _tag: 'Tick' })));
    running.add(ended$.subscribe(() => accept({ _tag: 'Ending' })));
    running.add(() => sized(0));
    accept({ _tag: 'Began' });
    return running;
  });
