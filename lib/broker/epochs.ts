/**
 * When a room's log began anew, as this pod saw it: whoever goes on from a time of before that cannot say of which epoch it
 * had what, so it is told `gap`. Bounded by number: of a room that was let go nothing is known.
 */
import { type Position, type Room } from '../position.js';
import { LAG_MS, type Resume, untoldOf } from '../resume.js';
import type { Missed } from './pod-only.js';

export interface Epochs {
  /** A room's log stands there now. */
  readonly reached: (room: Room, place: Position) => void;
  /** The log began anew after the time that somebody goes on from. */
  readonly missed: (room: Room, resume: Resume) => Missed | undefined;
}

interface Known {
  readonly tag: number;
  readonly turned: Missed | undefined;
}

/** 3 MB. */
const MAX_ROOMS = 16_384;

/** `now`: Unix ms by Redis's clock. */
export const epochs = ({ now }: { readonly now: () => number }): Epochs => {
  /** In the order in which they were opened or turned. */
  const rooms = new Map<Room, Known>();
  return {
    reached: (room, { tag }) => {
      const before = rooms.get(room);
      if (tag === before?.tag) return;
      rooms.delete(room);
      const turned = before && { at: now(), reason: 'log_lost' as const };
      rooms.set(room, { tag, turned });
      if (rooms.size <= MAX_ROOMS) return;
      for (const oldest of rooms.keys()) {
        rooms.delete(oldest);
        return;
      }
    },
    missed: (room, resume) => {
      const turned = rooms.get(room)?.turned;
      return turned !== undefined &&
        resume._tag === 'Since' &&
        untoldOf(resume) <= turned.at + LAG_MS
        ? turned
        : undefined;
    },
  };
};
