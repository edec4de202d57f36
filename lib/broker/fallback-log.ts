/**
 * The positions of messages that reached the members on this pod only, by room. No log has them, so a client
 * that resumes from before them is sent `gap`. Only the last one of each room is kept, as it has the highest
 * position. The number of rooms is bounded. For all rooms that were forgotten, one common time is kept: a
 * client that resumes from before it is sent `gap`, even if its room had no such messages.
 *
 *   an id of the same epoch: before the position, or at it ────▶ missed, except for the last message's own id
 *   an id of the other log that has the same tag ──────────────▶ missed
 *   any other id, or a time: up to `LAG_MS` after the message ─▶ missed
 *
 * An id at the position itself does not show whether it was sent before the message or after it. A needless
 * `gap` costs the client one look at the history; a missing one costs it a message.
 */
import { BoundedMap } from '../bounded-map.js';
import type { GapReason } from '../protocol/system-event.js';
import type { MessageId, Room } from '../protocol/position.js';
import { LAG_MS, type Resume, untoldOf } from '../protocol/resume.js';

/** Compared by identity: another object means that more was missed since. */
export interface Missed {
  /** Unix ms by Redis's clock, as far as this pod knows it. */
  readonly at: number;
  readonly reason: GapReason;
  /** The messages were of an epoch that has ended: an archive has them. */
  readonly isArchived?: true;
}

export interface FallbackLog {
  /** A message reached the members on this pod only. */
  readonly add: (room: Room, id: MessageId, idText: string) => void;
  /** What a client with this resume has missed; undefined: nothing. */
  readonly missed: (room: Room, resume: Resume) => Missed | undefined;
  /** The number of rooms with a known last message. */
  readonly size: () => number;
}

interface Last extends Missed {
  readonly id: MessageId;
  readonly idText: string;
}

/** 4 MB. */
const MAX_ROOMS = 16_384;
const REASON = 'broker_outage';

/** `now`: Unix ms by Redis's clock. */
export const fallbackLog = ({ now }: { readonly now: () => number }): FallbackLog => {
  /** In the order of the last message. */
  const rooms = new BoundedMap<Room, Last>(MAX_ROOMS);
  /** The last message of all rooms that were forgotten. */
  let forgotten: Missed | undefined;

  return {
    add: (room, id, idText) => {
      // the time of a log may be ahead of a clock that was set back
      const at = Math.max(now(), id.ms);
      rooms.delete(room);
      const gone = rooms.put(room, { at, reason: REASON, id, idText });
      if (gone === undefined) return;
      forgotten = { at: Math.max(gone[1].at, forgotten?.at ?? 0), reason: REASON };
    },
    missed: (room, resume) => {
      const last = rooms.get(room);
      if (last !== undefined && isMissed(last, resume)) return last;
      return forgotten !== undefined && isBefore(forgotten, resume) ? forgotten : undefined;
    },
    size: () => rooms.size,
  };
};

const isMissed = (last: Last, resume: Resume): boolean => {
  if (resume._tag !== 'After' || resume.id.tag !== last.id.tag) return isBefore(last, resume);
  if (resume.id.global !== last.id.global) return true;
  if (resume.id.offset !== last.id.offset) return resume.id.offset < last.id.offset;
  return resume.text !== last.idText;
};

/**
 * Compares times: positions of two epochs cannot be compared. The clock of Redis is known to the accuracy of
 * a probe's round trip.
 */
const isBefore = ({ at }: Missed, resume: Resume): boolean =>
  (resume._tag === 'After' ? resume.id.ms : untoldOf(resume)) <= at + LAG_MS;
