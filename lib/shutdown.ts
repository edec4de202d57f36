/**
 * How a pod shuts down:
 *
 *   Running ──shutDown──► Draining ──no connection and no open request──► Closing ──no socket, or────► Ended
 *                            │  ▲ │                                        ▲   │    no open request     ▲
 *                            │  │ └──90 % of DRAIN_MS less lastRequestMs───┘   │    lastRequestMs later │
 *                            └──┘ hurry: all connections are closed            └──90 % of DRAIN_MS──────┘
 *
 * A request is open until its answer is sent. A pod that is closing takes no new sockets. A proxy may have
 * sent a request on one that is open: the request is answered (a publish with 503), where a cut would be a
 * 502. A hurry that came before the drain is remembered: then no client is sent `draining`.
 */
import {
  concat,
  defer,
  first,
  ignoreElements,
  interval,
  map,
  merge,
  type Observable,
  race,
  switchMap,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { Clock } from './clock.js';
import type { Connection } from './connection/connection.js';
import { drain } from './connection/drain.js';
import type { HttpServer } from './http/server.js';
import { CLOSE } from './protocol/close-codes.js';

export interface ShutdownOptions {
  readonly clock: Clock;
  readonly drainMs: number;
  readonly connections: ReadonlySet<Connection>;
  /** The pod's own HTTP server; undefined for a lent one. */
  readonly http: Pick<HttpServer, 'requests' | 'sockets' | 'stopListening'> | undefined;
  /** Emits, or has emitted before, to skip the rest of the drain. */
  readonly hurry$: Observable<void>;
}

/**
 * The part of the drain in which connections may close in order. After it, the remaining ones are terminated.
 */
const DEADLINE = 0.9;
const EMPTY_CHECK_MS = 10;
/**
 * How long a closing pod waits for requests on open sockets: for this part of the drain (`LAST_REQUEST`), but
 * at most `LAST_REQUEST_MS`. A proxy that has sent a request before the pod stopped listening needs a few
 * milliseconds. A socket that stays unused is closed.
 */
const LAST_REQUEST = 0.05;
const LAST_REQUEST_MS = 100;

/**
 * Drains while it is subscribed. Emits once and completes: when no connection is left and every HTTP request
 * has its answer, or at the deadline.
 */
export const shutdown = ({
  clock,
  drainMs,
  connections,
  http,
  hurry$,
}: ShutdownOptions): Observable<void> => {
  const { scheduler } = clock;
  const lastRequestMs = Math.min(LAST_REQUEST_MS, drainMs * LAST_REQUEST);
  const isEmpty = (): boolean => connections.size === 0 && (http?.requests() ?? 0) === 0;
  const hasNoSocket = (): boolean => isEmpty() && (http?.sockets() ?? 0) === 0;
  const whenever = (holds: () => boolean): Observable<unknown> =>
    defer(() =>
      holds() ? timer(0, scheduler) : interval(EMPTY_CHECK_MS, scheduler).pipe(first(holds)),
    );
  const closed$ = hurry$.pipe(
    tap(() => {
      for (const connection of connections) connection.close(CLOSE.goingAway);
    }),
    ignoreElements(),
  );
  const drained$ = drain({ clock, drainMs })(connections).pipe(takeUntil(hurry$));
  const deadlineMs = drainMs * DEADLINE;
  const closing$ = race(
    concat(drained$, whenever(isEmpty)),
    timer(deadlineMs - lastRequestMs, scheduler),
  );
  const unused$ = timer(lastRequestMs, scheduler).pipe(switchMap(() => whenever(isEmpty)));
  const ended$ = closing$.pipe(
    take(1),
    tap(() => http?.stopListening()),
    switchMap(() => race(whenever(hasNoSocket), unused$)),
  );
  return merge(closed$, race(ended$, timer(deadlineMs, scheduler))).pipe(
    take(1),
    map(() => undefined),
  );
};
