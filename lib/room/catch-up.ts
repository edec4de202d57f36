/**
 * How a joiner with a `last_id` gets what it missed: from the log, or, when the log cannot be read, a `gap`.
 * Messages that no log has (they reached the members on this pod only, or are of an earlier epoch) are a
 * `gap` too. That gap is sent first. Another one is sent when more such messages came while the joiner caught
 * up.
 */
import { defer, type Observable, of, tap } from 'rxjs';
import type { Broker } from '../broker/index.js';
import type { Clock } from '../clock.js';
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
  readonly clock: Clock;
  readonly broker: Pick<Broker, 'missedHere'>;
  readonly channel: Pick<RoomChannel, 'isAtTop'>;
  readonly fanOut: Pick<FanOut, 'position'>;
  readonly recovery: Pick<Recovery, 'recover' | 'foretell'>;
  /** Whether, at the moment, messages reach the members on this pod only, and the log cannot be read. */
  readonly isPodOnly: () => boolean;
  readonly sendGap: (membership: Membership, reason: GapReason) => void;
  readonly emit: (event: HubEvent) => void;
}

export interface CatchUp {
  /**
   * For a joiner that waits for another room: sends the gap that is due by the log as it is now, so that
   * messages of the other room come after it. Emits the reason of the gap once; undefined: none was sent.
   */
  readonly foretell: (
    membership: Membership,
    resume: Resume | undefined,
  ) => Observable<GapReason | undefined>;
  /**
   * Emits once, in the turn in which the joiner has what the members have. Emits undefined when it does not
   * resume.
   */
  readonly run: (
    membership: Membership,
    resume: Resume | undefined,
    foretold: GapReason | undefined,
  ) => Observable<Recovered | undefined>;
}

export const catchUp = (deps: CatchUpDeps): CatchUp => {
  const { room, clock, broker, channel, fanOut, recovery, isPodOnly, sendGap, emit } = deps;

  /**
   * Messages of other pods are not known at the moment: the joiner is sent a gap, unless it has been sent
   * one, or nothing can be missing.
   */
  const onPodAlone = (
    membership: Membership,
    resume: Resume,
    isGapSent: boolean,
  ): Observable<Recovered> =>
    defer((): Observable<Recovered> => {
      const at = fanOut.position();
      if (channel.isAtTop(resume, at)) return of({ at, messages: 0, gap: undefined });
      membership.position = at;
      if (!isGapSent) sendGap(membership, 'broker_outage');
      return of({ at, messages: 0, gap: 'broker_outage' });
    });

  return {
    foretell: (membership, resume) => {
      if (resume === undefined) return of(undefined);
      const missed = broker.missedHere?.(room, resume);
      if (missed !== undefined) {
        sendGap(membership, missed.reason);
        return of(missed.reason);
      }
      return isPodOnly() ? of(undefined) : recovery.foretell(membership, resume);
    },
    run: (membership, resume, foretold) => {
      if (resume === undefined) return of(undefined);
      const begunAt = clock.scheduler.now();
      const missed = broker.missedHere?.(room, resume);
      if (missed !== undefined && foretold === undefined) sendGap(membership, missed.reason);
      const caughtUp$ = isPodOnly()
        ? onPodAlone(membership, resume, (foretold ?? missed) !== undefined)
        : recovery.recover(membership, resume, foretold);
      return caughtUp$.pipe(
        tap(({ messages, gap }) => {
          const more = broker.missedHere?.(room, resume);
          if (more !== undefined && more !== missed) sendGap(membership, more.reason);
          const result = foretold ?? gap ?? (missed ?? more)?.reason ?? 'recovered';
          const seconds = (clock.scheduler.now() - begunAt) / 1000;
          emit({ _tag: 'Recovered', result, messages, room, seconds });
        }),
      );
    },
  };
};
