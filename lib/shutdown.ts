/**
 * How a pod shuts down:
 *
 *   Running ──shutDown──► Draining ──no connection and no open request────► Ended
 *                            │  ▲ │                                         ▲
 *                            │  │ └──90 % of DRAIN_MS: deadline─────────────┘
 *                            └──┘ hurry: all connections are closed
 *
 * A request is open until its answer is sent. A hurry that came before the drain is remembered: then no
 * client is sent `draining`.
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
  /** HTTP requests without an answer. */
  readonly requests: () => number;
  /** Emits, or has emitted before, to skip the rest of the drain. */
  readonly hurry$: Observable<void>;
}

/**
 * The part of the drain in which connections may close in order. After it, the remaining ones are terminated.
 */
const DEADLINE = 0.9;
const EMPTY_CHECK_MS = 10;

/**
 * Drains while it is subscribed. Emits once and completes: when no connection is left and every HTTP request
 * has its answer, or at the deadline.
 */
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
