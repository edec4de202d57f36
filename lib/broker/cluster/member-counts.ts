/**
 * How many members a room has on the other pods. For each room, a pod writes its own number and reads the
 * others' in one call. A changed number is written at most once a second, also when many connections come and
 * go. Between the calls, and when Redis does not answer, the number is the last one known.
 *
 * The numbers of rooms with members are read again and again; the room whose last call is the oldest comes
 * first. With up to 1,000 rooms on a pod, each is read about once a second; with 5,000 rooms, every 5 s.
 *
 * Source: it subscribes to its own ticks and to Redis's answers; `close` ends them.
 */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { AsyncSubject, defer, interval, map, type Observable, of, Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Room } from '../../protocol/position.js';
import type { RedisPort } from '../redis/port.js';
import { orTimeout } from './timeout.js';

export interface MemberCounts {
  members(room: Room, own: number): Observable<number>;
  /** Writes no count of this pod. Undefined when the number is not known and Redis does not answer. */
  membersElsewhere(room: Room): Observable<number | undefined>;
  /** Redis may have lost the counts: those of all rooms are written again, spread over a second. */
  again(): void;
  size(): number;
  close(): void;
}

interface Count {
  own: number;
  /** The count that Redis has confirmed; undefined: not known. */
  written: number | undefined;
  others: number;
  calledAt: number;
  /** When the last call wrote a changed count. */
  reportedAt: number;
  /** The call that is running. A caller waits for it only when the last answer is older than a second. */
  call$?: Observable<number> | undefined;
  receivedAt: number;
  due: Subscription | undefined;
}

const APART_MS = 1_000;
const ROUND_MS = 250;
/** Rooms that are asked for in one round: 1,000 a second, about 1.5 % of a core here and 0.5 % in Redis. */
const MAX_ASKED = 250;

export interface MemberCountsDeps {
  readonly redis: RedisPort;
  readonly clock: Clock;
  readonly ready: () => boolean;
  /** Called when the number of members on other pods has changed. */
  readonly changed: (room: Room, others: number) => void;
}

export const memberCounts = ({ redis, clock, ready, changed }: MemberCountsDeps): MemberCounts => {
  const { scheduler, random } = clock;
  /** In the order of their last calls. */
  const rooms = new Map<Room, Count>();
  const work = new Subscription();

  const write = (room: Room, count: Count): Observable<number> => {
    const { own } = count;
    const others$ = new AsyncSubject<number>();
    count.call$ = others$;
    count.calledAt = scheduler.now();
    if (own !== count.written) count.reportedAt = count.calledAt;
    rooms.delete(room);
    rooms.set(room, count);
    work.add(
      redis
        .members(room, own)
        .pipe(orTimeout(APART_MS, scheduler))
        .subscribe((answer) => {
          count.call$ = undefined;
          count.written = isRight(answer) ? own : undefined;
          const before = count.others;
          if (isRight(answer)) {
            count.others = answer.right;
            count.receivedAt = scheduler.now();
          }
          if (isLeft(answer)) later(room, count, APART_MS);
          else if (count.written !== count.own) later(room, count, waitOf(count));
          else if (own === 0) rooms.delete(room);
          if (count.others !== before) changed(room, count.others);
          others$.next(count.others);
          others$.complete();
        }),
    );
    return others$;
  };

  const waitOf = ({ reportedAt: reportedAt }: Count): number =>
    Math.max(0, reportedAt + APART_MS - scheduler.now());

  const later = (room: Room, count: Count, ms: number): void => {
    if (count.due !== undefined || work.closed) return;
    const due = scheduler.schedule(() => {
      work.remove(due);
      count.due = undefined;
      if (ready() && count.call$ === undefined) void write(room, count);
    }, ms);
    count.due = due;
    work.add(due);
  };

  const askRound = (): void => {
    if (!ready()) return;
    const before = scheduler.now() - APART_MS;
    let asked = 0;
    for (const [room, count] of rooms) {
      if (count.calledAt > before || asked === MAX_ASKED) return;
      if (count.own === 0 || count.call$ !== undefined || count.due !== undefined) continue;
      asked++;
      void write(room, count);
    }
  };

  work.add(interval(ROUND_MS, scheduler).subscribe(askRound));

  return {
    members: (room, own) =>
      defer(() => {
        const now = scheduler.now();
        const known = rooms.get(room);
        if (known === undefined && own === 0) return of(0);
        const count: Count = known ?? {
          own,
          written: undefined,
          others: 0,
          calledAt: now - APART_MS,
          reportedAt: now - APART_MS,
          receivedAt: now - APART_MS,
          due: undefined,
        };
        if (known === undefined) rooms.set(room, count);
        count.own = own;
        const stale = now - count.receivedAt > APART_MS;
        if (count.call$ !== undefined) return stale ? count.call$ : of(count.others);
        if (!ready() || count.due !== undefined) return of(count.others);
        const wait = waitOf(count);
        if (own === count.written ? stale : wait === 0) return write(room, count);
        if (own !== count.written) later(room, count, wait);
        return of(count.others);
      }),
    membersElsewhere: (room) =>
      defer(() => {
        const known = rooms.get(room);
        if (known !== undefined && scheduler.now() - known.receivedAt < APART_MS)
          return of(known.others);
        return redis.members(room, undefined).pipe(
          orTimeout(APART_MS, scheduler),
          map((answer) => (isRight(answer) ? answer.right : known?.others)),
        );
      }),
    again: () => {
      for (const [room, count] of rooms) {
        count.written = undefined;
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
