/**
 * How a joiner with a `last_id` gets what it missed: from the log, or, while the log cannot be read, a `gap`. What no log
 * has (messages of this pod alone, an epoch that is over) is a `gap` too: sent first, and once more when there was more of
 * it while the joiner caught up.
 */
import { defer, type Observable, of, tap } from 'rxjs';
import type { Broker } from '../broker/index.js';
import type { Membership } from '../connection/connection.js';
import type { HubEvent } from '../hub-event.js';
import type { Room } from '../protocol/position.js';
import type { Resume } from '../protocol/resume.js';
import type { GapReason } from '../protocol/system-event.js';
import type { RoomChannel } from './channel.js';
import type { FanOut } from './fan-out.js';
import type { Recovered, Recovery } from './recovery/recovery.js';

export interface CatchUpDeps {
  readonly room: Room;
  readonly broker: Pick<Broker, 'missedHere'>;
  readonly channel: Pick<RoomChannel, 'isAtTop'>;
  readonly fanOut: Pick<FanOut, 'position'>;
  readonly recovery: Pick<Recovery, 'recover'>;
  /** Whether the room reaches this pod alone now, so that its log cannot be read. */
  readonly isPodOnly: () => boolean;
  readonly sendGap: (membership: Membership, reason: GapReason) => void;
  readonly emit: (event: HubEvent) => void;
}

/** Emits once, in the turn in which the joiner has what the members have. Undefined: it wants to resume nothing. */
export const catchUp =
  ({ room, broker, channel, fanOut, recovery, isPodOnly, sendGap, emit }: CatchUpDeps) =>
  (membership: Membership, resume: Resume | undefined): Observable<Recovered | undefined> => {
    if (resume === undefined) return of(undefined);
    const missed = broker.missedHere?.(room, resume);
    if (missed !== undefined) sendGap(membership, missed.reason);

    /** What was published elsewhere is not known: a gap, unless nothing can be missing. */
    const resumed$ = defer((): Observable<Recovered> => {
      const at = fanOut.position();
      if (channel.isAtTop(resume, at)) return of({ at, messages: 0, gap: undefined });
      membership.position = at;
      if (missed === undefined) sendGap(membership, 'broker_outage');
      return of({ at, messages: 0, gap: 'broker_outage' });
    });

    return (isPodOnly() ? resumed$ : recovery.recover(membership, resume)).pipe(
      tap(({ messages, gap }) => {
        const more = broker.missedHere?.(room, resume);
        if (more !== undefined && more !== missed) sendGap(membership, more.reason);
        const result = gap ?? (missed ?? more)?.reason ?? 'recovered';
        emit({ _tag: 'Recovered', result, messages });
      }),
    );
  };
