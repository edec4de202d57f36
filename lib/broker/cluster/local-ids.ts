/**
 * Ids that this pod gives by itself, outside the log: of messages that reach this pod only, and of the time before any log is
 * known. Their time is the one that may be wrong: it is the pod's own.
 */
import type { Clock } from '../../clock.js';
import {
  drawTag,
  GLOBAL,
  type LogPosition,
  type MessageId,
  type Room,
} from '../../protocol/position.js';

export interface LocalIds {
  /** A position while no log is known. */
  readonly podPosition: () => LogPosition;
  /** Whether a position is one of these: it is of no log, though once in 4,095 a log has the same tag. */
  readonly isOwn: (position: LogPosition) => boolean;
  /** An id outside the log, at the position that the room has reached here. */
  readonly idOutside: (room: Room, nonce: number) => MessageId;
}

/** `positionOf`: the position that a room has reached here. */
export const localIds = (
  { random, wall }: Clock,
  positionOf: (room: Room) => LogPosition | undefined,
): LocalIds => {
  /** One for the pod, so that its ids sort among each other. */
  const podTag = drawTag(random);
  let podMs = 0;
  const own = new WeakSet<LogPosition>();

  const podPosition = (): LogPosition => {
    podMs = Math.max(podMs, Math.floor(wall()));
    const position: LogPosition = { tag: podTag, offset: 0, ms: podMs, id: null };
    own.add(position);
    return position;
  };

  return {
    podPosition,
    isOwn: (position) => own.has(position),
    idOutside: (room, nonce) => {
      const { tag, offset, ms } = positionOf(room) ?? podPosition();
      // the later time of a member's two logs: both were live here
      const later = Math.max(ms, positionOf(GLOBAL)?.ms ?? ms);
      return { tag, offset, ms: later, global: room === GLOBAL, outside: true, nonce };
    },
  };
};
