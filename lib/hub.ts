/**
 * THE PIPELINE. Every command of a connection goes this way, and this is all of it:
 *
 *   connection$ ─takeUntil(shutdown$)─merge(command$)─┐
 *                                                     ├─takeUntil(deadline$)─groupBy(room)─merge(room)─► ends
 *                                                     ┘        │                  │
 *                                a room lives until its last leave      up to the broker, and what the broker
 *                                and a linger; a failed one ends        returns down to the outboxes
 *                                at once
 *
 * Shutdown is completion: no connection is accepted any more, the open ones are closed, the rooms empty, the
 * hub completes. `deadline$` is the limit, at two places. The first one, before `groupBy`, ends the groups.
 * The second one, after the rooms, ends the publishes that still wait for the broker.
 */
import { type Observable, takeUntil } from 'rxjs';
import type { Command, Connection } from './connection/connection.js';
import type { HubEvent } from './hub-event.js';
import { groupBy } from './rx/group-by.js';
import { mergeMapSet } from './rx/merge-map-set.js';
import { room, type RoomDeps } from './room/room.js';

export interface HubDeps extends RoomDeps {
  /** When it emits, no more connections are accepted. */
  readonly shutdown$: Observable<unknown>;
  /** When it emits, everything ends. */
  readonly deadline$: Observable<unknown>;
}

/** Runs while it is subscribed. Completes when, after the shutdown, the last room has ended. Never errors. */
export const hub =
  (deps: HubDeps) =>
  (connection$: Observable<Connection>): Observable<HubEvent> => {
    const roomOf = room(deps);
    return connection$.pipe(
      takeUntil(deps.shutdown$),
      mergeMapSet(({ command$ }) => command$),
      // on purpose not the last operator: its completion ends the groups below
      takeUntil(deps.deadline$),
      groupBy({
        key: (command) => command.room,
        change,
        lingerMs: deps.config.limits.roomLingerMs,
        scheduler: deps.clock.scheduler,
      }),
      mergeMapSet(
        ({ key, value$ }) => roomOf(key)(value$),
        // the room has failed. Without this, its group would take the next join, and nobody would answer that
        // join
        (group) => group.end(),
      ),
      // ends the publishes that wait for a broker which does not answer
      takeUntil(deps.deadline$),
    );
  };

/** By how many the command changes the number of members. */
const change = (command: Command): number => {
  switch (command._tag) {
    case 'Join':
      return command.isMember ? 0 : 1;
    case 'Leave':
      return -1;
    case 'Publish':
      return 0;
  }
};
