/**
 * THE PIPELINE. Every message of the pod goes this way, and this is all of it:
 *
 *   connection$ ──takeUntil(shutdown$)──mergeMap(command$)──┐
 *                                                            ├─takeUntil(deadline$)─groupBy(room)─mergeMap(room)─► ends
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
  filter,
  groupBy,
  map,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  type OperatorFunction,
  scan,
  startWith,
  Subject,
  switchMap,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { Command, Connection } from './command.js';
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
    const failed$ = new Subject<Room>();
    const roomOf = room(deps);
    return connection$.pipe(
      takeUntil(deps.shutdown$),
      mergeMap(({ command$ }) => command$),
      takeUntil(deps.deadline$),
      groupBy((command) => command.room, {
        duration: (group) => merge(group.pipe(emptyFor(deps)), failed$.pipe(filter((name) => name === group.key))),
      }),
      mergeMap((group) =>
        group.pipe(
          roomOf(group.key),
          // a dead group would swallow what the next join sends it
          catchError(() => EMPTY.pipe(tap({ complete: () => failed$.next(group.key) }))),
        ),
      ),
    );
  };

/** Emits when a room has had nobody for `roomLingerMs`. */
const emptyFor = ({ clock, config }: RoomDeps): OperatorFunction<Command, number> => (command$) =>
  command$.pipe(
    map(change),
    filter((delta) => delta !== 0),
    scan((members, delta) => members + delta, 0),
    startWith(0),
    switchMap((members) => (members <= 0 ? timer(config.limits.roomLingerMs, clock.scheduler) : NEVER)),
  );

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
