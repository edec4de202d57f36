/**
 * The ids that were received last in a room, by offset. A repeat is known by its whole id, never by its
 * offset alone: after a failover new messages have old offsets. 128 slots, allocated as they are used: a
 * quiet room costs nothing.
 */
import type { Publication } from '../../protocol/publication.js';
import { type MessageId, isSameId } from '../../protocol/position.js';

const SLOTS = 128;

export interface RecentIds {
  add(id: MessageId): void;
  has(publication: Publication): boolean;
  /** Another message of the same epoch was received with this offset. */
  contradicts(publication: Publication): boolean;
}

export const recentIds = (): RecentIds => {
  const slots = new Map<number, MessageId>();
  const at = ({ offset }: MessageId): MessageId | undefined => slots.get(offset % SLOTS);
  return {
    add: (id) => {
      slots.set(id.offset % SLOTS, id);
    },
    has: ({ id }) => {
      const there = at(id);
      return there !== undefined && isSameId(there, id);
    },
    contradicts: ({ id }) => {
      const there = at(id);
      return there?.offset === id.offset && there.tag === id.tag && !isSameId(there, id);
    },
  };
};
