/**
 * How a pod goes away:
 *
 *   Running ──shutDown──► Draining ───────────nobody is left───────────► Ended
 *                            │  │                                          ▲
 *                            │  └──90 % of DRAIN_MS: deadline──────────────┤
 *                            └──hurry: everybody is closed at once─────────┘  (when nobody is left, or at the deadline)
 *
 * A hurry that came before the drain is remembered: nobody is told of a drain that there will not be.
 */
import {
  concat,
  defer,
  filter,
  ignoreElements,
  interval,
  map,
  merge,
  type Observable,
  race,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { Clock } from './clock.js';
import type { Connection } from './connection/connection.js';
import { drain } from './connection/drain.js';
import { CLOSE } from './protocol/close-codes.js';

export interface ShutdownOptions {
  readonly clock: Clock;
  readonly drainMs: number;
  readonly connections: ReadonlySet<Connection>;
  /** HTTP requests that wait for their answers. */
  readonly requests: () => number;
  /** Emits, or has emitted, when the drain is to be cut short. */
  readonly hurry$: Observable<void>;
}

/** The part of the drain that connections get to go by themselves; whoever is still there then is cut. */
const DEADLINE = 0.9;
const EMPTY_CHECK_MS = 10;

/** Drains while it is subscribed. Emits once, when nobody is left or at the deadline, and completes. */
export const shutdown = ({
  clock,
  drainMs,
  connections,
  requests,
  hurry$,
}: ShutdownOptions): Observable<void> => {
  const { scheduler } = clock;
  const isEmpty = (): boolean => connections.size === 0 && requests() === 0;
  const closed$ = hurry$.pipe(
    tap(() => {
      for (const connection of connections) connection.close(CLOSE.goingAway);
    }),
    ignoreElements(),
  );
  const drained$ = drain({ clock, drainMs })(connections).pipe(takeUntil(hurry$));
  const empty$ = defer(() =>
    isEmpty() ? timer(0, scheduler) : interval(EMPTY_CHECK_MS, scheduler).pipe(filter(isEmpty)),
  );
  const deadline$ = timer(drainMs * DEADLINE, scheduler);
  return merge(closed$, race(concat(drained$, empty$), deadline$)).pipe(
    take(1),
    map(() => undefined),
  );
};
