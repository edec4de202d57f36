/**
 * The events of rooms, shared by all who use a room: the first subscription joins it, and it is left one
 * second after the last one has ended. So a page that mounts twice joins once.
 *
 * Source: it dispatches the begin and the end of each use to the client's state machine.
 */
import { filter, mergeMap, Observable, type SchedulerLike, share, takeUntil, timer } from 'rxjs';
import type { RoomEvent } from './room-event.js';
import type { Runner } from './runner.js';

const LINGER_MS = 1_000;

/** `after`: the id to go on from, when nobody uses the room yet. */
export type UseRoom = (name: string, after: string | undefined) => Observable<RoomEvent>;

export const roomUses = (
  { state$, effect$, dispatch }: Runner,
  scheduler: SchedulerLike,
): UseRoom => {
  const closed$ = state$.pipe(filter(({ link }) => link.phase._tag === 'Closed'));
  const uses = new Map<string, Observable<RoomEvent>>();

  const begin = (name: string, after: string | undefined): Observable<RoomEvent> =>
    new Observable((out) => {
      const event$ = effect$.pipe(
        mergeMap((effect) =>
          effect._tag === 'Emit' && effect.room === name ? [effect.event] : [],
        ),
        takeUntil(closed$),
      );
      out.add(event$.subscribe(out));
      dispatch({ _tag: 'Used', room: name, after });
      out.add(() => {
        uses.delete(name);
        dispatch({ _tag: 'Unused', room: name });
      });
    });

  return (name, after) => {
    const known$ = uses.get(name);
    if (known$ !== undefined) return known$;
    const shared$ = begin(name, after).pipe(
      share({ resetOnRefCountZero: () => timer(LINGER_MS, scheduler) }),
    );
    uses.set(name, shared$);
    return shared$;
  };
};
