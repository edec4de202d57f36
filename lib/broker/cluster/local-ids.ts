/**
 * Ids that this pod makes itself, outside the log, at the position of the room on this pod. While the room
 * has none, the pod makes a position of its own. Its time is that of the pod's clock, which may be wrong.
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
  /** Whether a position is one of these. It is of no log, though once in 4,094 a log has the same tag. */
  readonly isOwn: (position: LogPosition) => boolean;
  /** An id outside the log, at the position of the room on this pod. */
  readonly idOutside: (room: Room, nonce: number) => MessageId;
}

/** `positionOf`: the position of a room on this pod. */
export const localIds = (
  { random, wall }: Clock,
  positionOf: (room: Room) => LogPosition | undefined,
): LocalIds => {
  /** One tag for the pod, so its ids sort among each other. */
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
      // the later time of a member's two logs: members of this pod have both logs up to the pod's positions
      const later = Math.max(ms, positionOf(GLOBAL)?.ms ?? ms);
      return { tag, offset, ms: later, global: room === GLOBAL, outside: true, nonce };
    },
  };
};
