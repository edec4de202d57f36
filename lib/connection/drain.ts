/**
 * The drain of a pod that shuts down. Every client is sent `draining` with a time of its own, and is closed
 * with 1001 at that time. Until that time it gets messages. The times are spread over the first 70 % of the
 * drain. `draining` and closes are sent in batches: 50,000 at once would block the event loop for a second.
 */
import {
  concat,
  concatMap,
  defer,
  EMPTY,
  from,
  ignoreElements,
  interval,
  map,
  Observable,
  takeWhile,
} from 'rxjs';
import type { Clock } from '../clock.js';
import { CLOSE } from '../protocol/close-codes.js';
import type { Connection } from './connection.js';

const SPREAD = 0.7;
const TICK_MS = 25;
const BATCH = 1_000;

interface Departure {
  readonly connection: Connection;
  /** On the scheduler's clock. */
  readonly at: number;
}

/**
 * Completes when the last close has been sent, or no connection is left. Answers of peers are not waited for.
 */
export const drain =
  ({ clock, drainMs }: { readonly clock: Clock; readonly drainMs: number }) =>
  (connections: ReadonlySet<Connection>): Observable<never> =>
    defer(() => {
      if (connections.size === 0) return EMPTY;
      const start = clock.scheduler.now();
      const departures = schedule([...connections], start, drainMs * SPREAD, clock.random);
      let closed = 0;
      const announced$ = from(batches(departures)).pipe(
        concatMap((batch) =>
          afterTurn(clock, () => batch.forEach((departure) => announce(departure, start))),
        ),
      );
      const closed$ = interval(TICK_MS, clock.scheduler).pipe(
        map(() => {
          const now = clock.scheduler.now();
          for (let i = 0; i < BATCH; i++) {
            const next = departures[closed];
            if (next === undefined) return true;
            // a client that has gone by itself is not waited for
            if (connections.has(next.connection)) {
              if (next.at > now) return false;
              next.connection.close(CLOSE.goingAway);
            }
            closed++;
          }
          return false;
        }),
        takeWhile((done) => !done),
      );
      return concat(announced$, closed$).pipe(ignoreElements());
    });

/** One departure in each of n equal parts of the time, at random within it. */
const schedule = (
  connections: readonly Connection[],
  start: number,
  spanMs: number,
  random: () => number,
): readonly Departure[] =>
  connections.map((connection, i) => ({
    connection,
    at: start + ((i + random()) / connections.length) * spanMs,
  }));

const announce = ({ connection, at }: Departure, start: number): void =>
  connection.send({ event: 'draining', reconnect_in_ms: Math.round(at - start) });

const batches = (departures: readonly Departure[]): readonly (readonly Departure[])[] =>
  Array.from({ length: Math.ceil(departures.length / BATCH) }, (_, i) =>
    departures.slice(i * BATCH, (i + 1) * BATCH),
  );

const afterTurn = ({ turn }: Clock, work: () => void): Observable<never> =>
  new Observable((subscriber) =>
    turn(() => {
      work();
      subscriber.complete();
    }),
  );
