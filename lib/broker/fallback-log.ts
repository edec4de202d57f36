/**
 * Where messages were said on this pod alone: they stand in no log, so whoever comes back with an id of before them cannot be
 * given them, and is told `gap`. Kept is the last one of each room, as it is at the furthest place. Bounded by the number of
 * rooms: of a room that was let go only the time is known, one for all of them, and whoever comes with an id of before that
 * time is told `gap`, whether the room had any or not.
 *
 *   an id of the same epoch: before the place, or at it ─▶ missed, but for the last message's own id
 *   any other id, or a time: not later than the message ─▶ missed
 *
 * At the place itself an id does not say whether it was sent before the message or after: a `gap` too many costs the client
 * one look at the history, one too few costs it a message.
 */
import { BoundedMap } from '../bounded-map.js';
import type { GapReason } from '../protocol/system-event.js';
import type { MessageId, Room } from '../protocol/position.js';
import { LAG_MS, type Resume, untoldOf } from '../protocol/resume.js';

/** Compared by identity: another one has come since, when it is another. */
export interface Missed {
  /** Unix ms by Redis's clock, as far as this pod knows it. */
  readonly at: number;
  readonly reason: GapReason;
}

export interface FallbackLog {
  /** A message was said to this pod's members alone. */
  readonly add: (room: Room, id: MessageId, idText: string) => void;
  /** What somebody who goes on from there has missed; undefined: nothing. */
  readonly missed: (room: Room, resume: Resume) => Missed | undefined;
  /** Rooms of which the last one is known. */
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
  /** Of rooms that were let go, the last message of all. */
  let forgotten: Missed | undefined;

  return {
    add: (room, id, idText) => {
      // a log's time may be ahead of the clock, which went back
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

/** By time: the places of two epochs say nothing of each other. The clock of Redis is known to a probe's round trip. */
const isBefore = ({ at }: Missed, resume: Resume): boolean =>
  (resume._tag === 'After' ? resume.id.ms : untoldOf(resume)) <= at + LAG_MS;
