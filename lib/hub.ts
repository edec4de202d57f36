/**
 * THE PIPELINE. Every message of the pod goes this way, and this is all of it:
 *
 *   connection$ ──takeUntil(shutdown$)──merge(command$)─────┐
 *                                                            ├─takeUntil(deadline$)─groupBy(room)─merge(room)──► ends
 *                                                            ┘        │                  │
 *                                             a room lives until its last leave       up to the broker, and what the
 *                                             and a linger; a failed one ends at once  broker returns down to the outboxes
 *
 * Shutdown is completion: no connection is taken any more, those that are there are closed, the rooms empty, the hub
 * completes. `deadline$` is the guard, and stands in front of `groupBy`: behind it, it would leak every connection,
 * as the groups hold the durations that hold the groups.
 */
import {
  catchError,
  EMPTY,
  finalize,
  type GroupedObservable,
  groupBy,
  merge,
  Observable,
  Subject,
  type Subscription,
  takeUntil,
} from 'rxjs';
import type { Command, Connection } from './command.js';
import { mergeSome } from './operators/merge-some.js';
import type { Room } from './position.js';
import { room, type RoomDeps } from './room.js';

export interface HubDeps extends RoomDeps {
  /** No connection is taken from then on. */
  readonly shutdown$: Observable<unknown>;
  /** Everything ends then. */
  readonly deadline$: Observable<unknown>;
}

/** Runs while it is subscribed; completes when it was shut down and the last room has ended. Never errors. */
export const hub =
  (deps: HubDeps) =>
  (connection$: Observable<Connection>): Observable<never> => {
    const roomOf = room(deps);
    const ends = new Map<Room, () => void>();
    const stopped$ = new Subject<void>();
    return connection$.pipe(
      takeUntil(deps.shutdown$),
      mergeSome(({ command$ }) => command$),
      // not last on purpose: what is behind it ends by completion
      takeUntil(merge(deps.deadline$, stopped$)),
      groupBy((command) => command.room, { duration: (group$) => life(deps, group$, ends) }),
      mergeSome((group$) =>
        group$.pipe(
          roomOf(group$.key),
          // a dead group would swallow what the next join sends it
          catchError(() => {
            ends.get(group$.key)?.();
            return EMPTY;
          }),
        ),
      ),
      // and whoever waits for a broker that does not answer waits no longer
      takeUntil(deps.deadline$),
      // unsubscribing ends the groups too, from the front: from behind it would not reach them
      finalize(() => stopped$.next()),
    );
  };

/**
 * Emits when a room's group is to end: nobody was in it for `roomLingerMs`, or `ends` says so. One object a room: as a
 * chain of operators it took 3 kB more, and a Subject that all rooms listen to is left in O(n).
 */
const life = (
  { clock, config }: RoomDeps,
  group$: GroupedObservable<Room, Command>,
  ends: Map<Room, () => void>,
): Observable<void> =>
  new Observable((subscriber) => {
    let members = 0;
    let linger: Subscription | undefined;
    const end = (): void => subscriber.next();
    const wait = (): void => {
      linger = clock.scheduler.schedule(end, config.limits.roomLingerMs);
    };
    ends.set(group$.key, end);
    wait();
    subscriber.add(() => {
      linger?.unsubscribe();
      if (ends.get(group$.key) === end) ends.delete(group$.key);
    });
    subscriber.add(
      group$.subscribe((command) => {
        members += change(command);
        if (members > 0) {
          linger?.unsubscribe();
          linger = undefined;
        } else if (linger === undefined) wait();
      }),
    );
  });

const change = (command: Command): number => {
  switch (command._tag) {
    case 'Join':
      return command.again ? 0 : 1;
    case 'Leave':
      return -1;
    case 'Publish':
      return 0;
  }
};
