/**
 * Tells members of the global room, which all connections are, when the broker is degraded and when it is
 * restored. Each gets a message under an id of its own, which takes 8 µs, so 512 are told in a turn of the
 * loop.
 */
import { concatMap, EMPTY, map, Observable, type OperatorFunction, pairwise } from 'rxjs';
import type { BrokerStatus } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { Membership } from '../connection/connection.js';
import type { SystemEvent } from '../protocol/system-event.js';

export interface MemberNoticeDeps {
  readonly turn: Clock['turn'];
  /** All who are in the room or on the way in. */
  readonly all: () => readonly Membership[];
  readonly has: (membership: Membership) => boolean;
}

const PER_TURN = 512;

export const statusEvent = (status: BrokerStatus): SystemEvent => ({
  event: status._tag === 'Degraded' ? 'degraded' : 'restored',
  since: new Date(status._tag === 'Starting' ? 0 : status.since).toISOString(),
});

/**
 * Never emits. A change is for those who are there when it comes, and waits until all were told of the one
 * before.
 */
export const noticeStatus =
  (deps: MemberNoticeDeps): OperatorFunction<BrokerStatus, never> =>
  (status$) =>
    status$.pipe(
      pairwise(),
      map(([before, next]) =>
        isNews(before, next) ? sendInTurns(deps, statusEvent(next)) : EMPTY,
      ),
      concatMap((sent$) => sent$),
    );

const isNews = (before: BrokerStatus, { _tag }: BrokerStatus): boolean =>
  _tag !== before._tag && (_tag === 'Degraded' || (_tag === 'Up' && before._tag === 'Degraded'));

/** For those who are there now, whenever it is subscribed. */
const sendInTurns = (
  { turn, all, has }: MemberNoticeDeps,
  event: SystemEvent,
): Observable<never> => {
  const members = all();
  return new Observable((out) => {
    const from = (start: number): void => {
      const end = start + PER_TURN;
      for (const membership of members.slice(start, end))
        if (has(membership)) membership.connection.send(event);
      if (end >= members.length) out.complete();
      else out.add(turn(() => from(end)));
    };
    from(0);
  });
};
