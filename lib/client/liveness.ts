/**
 * Whether the server still answers. It is judged by the wall clock at each event, so a page that slept
 * notices when it wakes: the timers of a hidden page may be late by minutes.
 */
import { filter, map, merge, type Observable, scan } from 'rxjs';

export interface Liveness {
  /** Wall clock, Unix ms. */
  readonly receivedAt: number;
  /** When the client asked for an answer; undefined: nothing was asked. */
  readonly pingedAt: number | undefined;
}

export type Vital = 'Alive' | 'Ping' | 'Dead';

const SILENT_MS = 25_000;
const ANSWER_MS = 10_000;

export const fresh = (now: number): Liveness => ({ receivedAt: now, pingedAt: undefined });

/** The state after a check at `now`, and what is to be done: pure. */
export const check = (liveness: Liveness, now: number): readonly [Liveness, Vital] => {
  const { receivedAt, pingedAt } = liveness;
  // a wall clock that was set back
  if (now < receivedAt) return [fresh(now), 'Alive'];
  if (pingedAt !== undefined) return [liveness, now - pingedAt >= ANSWER_MS ? 'Dead' : 'Alive'];
  return now - receivedAt >= SILENT_MS
    ? [{ receivedAt, pingedAt: now }, 'Ping']
    : [liveness, 'Alive'];
};

/** What is to be done about a socket, from what it receives and from the moments at which it is checked. */
export const vitals = (
  received$: Observable<unknown>,
  check$: Observable<unknown>,
  wall: () => number,
): Observable<'Ping' | 'Dead'> =>
  merge(received$.pipe(map(() => true)), check$.pipe(map(() => false))).pipe(
    scan<boolean, readonly [Liveness, Vital]>(
      ([liveness], isSign) => (isSign ? [fresh(wall()), 'Alive'] : check(liveness, wall())),
      [fresh(wall()), 'Alive'],
    ),
    map(([, vital]) => vital),
    filter((vital) => vital !== 'Alive'),
  );
