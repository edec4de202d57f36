/**
 * Sends `degraded` and `restored` to the members of the global room, so to all connections. Each gets the
 * message under an id of its own, which takes 8 µs, so 512 are sent in a turn of the event loop.
 */
import { concatMap, EMPTY, map, Observable, type OperatorFunction, pairwise } from 'rxjs';
import type { BrokerStatus } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { Membership } from '../connection/connection.js';
import type { SystemEvent } from '../protocol/system-event.js';

export interface MemberNoticeDeps {
  readonly turn: Clock['turn'];
  /** All members, and all who are joining. */
  readonly all: () => readonly Membership[];
  readonly has: (membership: Membership) => boolean;
}

const PER_TURN = 512;

export const statusEvent = (status: BrokerStatus): SystemEvent => ({
  event: status._tag === 'Degraded' ? 'degraded' : 'restored',
  since: new Date(status._tag === 'Starting' ? 0 : status.since).toISOString(),
});

/**
 * Never emits. A change is sent to all who are members, or are joining, when the change comes, except those
 * who leave before their turn. Changes are sent one after the other.
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

/** For those who are members, or are joining, when this function is called. */
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
