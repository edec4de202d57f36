/**
 * The ids that were received last in a room, by offset. A repeat is known by its whole id, never by its
 * offset alone: after a failover new messages have old offsets. 128 slots, allocated as they are used: a
 * quiet room costs nothing.
 */
import { isSome } from 'fp-ts/lib/Option.js';
import type { Publication } from '../../protocol/publication.js';
import { parseId } from '../../protocol/position.js';

const SLOTS = 128;

export interface RecentIds {
  add(offset: number, idText: string): void;
  has(publication: Publication): boolean;
  /** Another message of the same epoch was received with this offset. */
  contradicts(publication: Publication): boolean;
}

export const recentIds = (): RecentIds => {
  const slots = new Map<number, string>();
  const at = (offset: number): string | undefined => slots.get(offset % SLOTS);
  return {
    add: (offset, idText) => {
      slots.set(offset % SLOTS, idText);
    },
    has: ({ id, idText }) => at(id.offset) === idText,
    contradicts: ({ id, idText }) => {
      const there = at(id.offset);
      if (there === undefined || there === idText) return false;
      const other = parseId(there);
      return isSome(other) && other.value.offset === id.offset && other.value.tag === id.tag;
    },
  };
};
