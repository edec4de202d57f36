/**
 * How many members a room has on the other pods: told and asked at most once a second a room, so that a crowd that comes
 * and goes costs Redis one write. In between, and when nobody answers, it is the number known last.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import { AsyncSubject, defer, type Observable, of, Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Room } from '../position.js';
import type { Bus } from './bus.js';
import { within } from './patience.js';

export interface Counts {
  members(room: Room, own: number): Observable<number>;
  /** Redis may have lost what it was told: every room's number is told again, spread over a second. */
  again(): void;
  size(): number;
  close(): void;
}

interface Count {
  own: number;
  /** What Redis was told and confirmed; undefined: not known. */
  told: number | undefined;
  others: number;
  calledAt: number;
  /** A call is under way: whoever asks meanwhile is not kept waiting for it. */
  calling: boolean;
  due: Subscription | undefined;
}

const APART_MS = 1_000;

export interface CountsDeps {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly ready: () => boolean;
}

export const counts = ({ bus, clock, ready }: CountsDeps): Counts => {
  const { scheduler, random } = clock;
  const rooms = new Map<Room, Count>();
  const work = new Subscription();

  const tell = (room: Room, count: Count): Observable<number> => {
    const { own } = count;
    const others$ = new AsyncSubject<number>();
    count.calling = true;
    count.calledAt = scheduler.now();
    work.add(
      bus
        .members(room, own)
        .pipe(within(APART_MS, scheduler))
        .subscribe((answer) => {
          count.calling = false;
          count.told = isRight(answer) ? own : undefined;
          if (isRight(answer)) count.others = answer.right;
          if (count.told !== count.own) later(room, count, APART_MS);
          else if (own === 0) rooms.delete(room);
          others$.next(count.others);
          others$.complete();
        }),
    );
    return others$;
  };

  const later = (room: Room, count: Count, ms: number): void => {
    if (count.due !== undefined || work.closed) return;
    const due = scheduler.schedule(() => {
      work.remove(due);
      count.due = undefined;
      if (ready() && !count.calling) void tell(room, count);
    }, ms);
    count.due = due;
    work.add(due);
  };

  return {
    members: (room, own) =>
      defer(() => {
        const now = scheduler.now();
        const known = rooms.get(room);
        if (known === undefined && own === 0) return of(0);
        const count = known ?? {
          own,
          told: undefined,
          others: 0,
          calledAt: now - APART_MS,
          calling: false,
          due: undefined,
        };
        rooms.set(room, count);
        count.own = own;
        const wait = count.calledAt + APART_MS - now;
        if (ready() && !count.calling && count.due === undefined) {
          if (wait <= 0) return tell(room, count);
          if (own !== count.told) later(room, count, wait);
        }
        return of(count.others);
      }),
    again: () => {
      for (const [room, count] of rooms) {
        count.told = undefined;
        later(room, count, random() * APART_MS);
      }
    },
    size: () => rooms.size,
    close: () => {
      work.unsubscribe();
      rooms.clear();
    },
  };
};
