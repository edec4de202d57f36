/**
 * When the log of a room began its last epoch. A client that resumes by an earlier time is sent `gap`, as the
 * time does not show which epoch its messages are of. A pod finds a new epoch itself, or reads in Redis that
 * another pod found it: so a pod that has just started knows it too. When no pod has found it yet, a pod that
 * has just started may find an empty global log. There are two cases. The log is the first one of the
 * service: then all ids of clients are later than its beginning. Or an earlier log was lost: then the time of
 * a client is before the beginning of the empty log, and the client is sent `gap`. The number of rooms is
 * bounded: the room whose first opening or last new epoch is the longest ago is forgotten.
 */
import { BoundedMap } from '../../bounded-map.js';
import type { Page } from '../../history/page.js';
import { GLOBAL, type Position, type Room, timeOf } from '../../protocol/position.js';
import { LAG_MS, OVERLAP_MS, type Resume, untoldOf } from '../../protocol/resume.js';
import type { Missed } from '../fallback-log.js';

export interface Epochs {
  /** The tag of the room's last epoch that this pod knew; undefined: it knew none. */
  readonly tagOf: (room: Room) => number | undefined;
  /** A page of the room's log was read. */
  readonly read: (room: Room, page: Pick<Page, 'top' | 'renewedMs'>) => void;
  /** The log of a room has this position now. */
  readonly reached: (room: Room, position: Position) => void;
  /**
   * The room is not open here any more. When its epoch has no message, the tag is forgotten: Redis keeps such
   * a position for a short time only, and the next epoch is no loss.
   */
  readonly closed: (room: Room, position: Position) => void;
  /** What a client has missed because the log began an epoch after the client's time; undefined: nothing. */
  readonly missed: (room: Room, resume: Resume) => Missed | undefined;
}

interface Known {
  /** Undefined: the epoch had no message when the room was closed. */
  readonly tag: number | undefined;
  /** The epoch replaced another one then. */
  readonly turned: Missed | undefined;
  /**
   * The global log began then. Clients with an earlier time have lost an earlier log, other clients nothing.
   */
  readonly begun?: Missed;
}

/** 3 MB. */
const MAX_ROOMS = 16_384;

/** `now`: Unix ms of Redis's clock, never before a position that this pod received. */
export const epochs = ({ now }: { readonly now: () => number }): Epochs => {
  /** In the order in which rooms were first opened, or last began a new epoch. */
  const rooms = new BoundedMap<Room, Known>(MAX_ROOMS);

  const set = (room: Room, tag: number | undefined, renewedMs: number | undefined): void => {
    rooms.delete(room);
    const turned =
      renewedMs === undefined ? undefined : { at: renewedMs, reason: 'log_lost' as const };
    rooms.put(room, { tag, turned });
  };

  const reached = (room: Room, tag: number): void => {
    const before = rooms.get(room);
    if (tag === before?.tag) return;
    set(room, tag, before?.tag === undefined ? before?.turned?.at : now());
  };

  return {
    tagOf: (room) => rooms.get(room)?.tag,
    read: (room, { top, renewedMs }) => {
      const { tag } = top;
      if (room === GLOBAL && top.offset === 0 && !rooms.has(room))
        rooms.put(room, { tag, turned: undefined, begun: { at: timeOf(top), reason: 'log_lost' } });
      reached(room, tag);
      const known = rooms.get(room)?.turned?.at ?? Number.NEGATIVE_INFINITY;
      // other pods find the same loss a little later
      if (renewedMs !== undefined && renewedMs > known + LAG_MS) set(room, tag, renewedMs);
    },
    reached: (room, { tag }) => reached(room, tag),
    closed: (room, { offset }) => {
      const known = rooms.get(room);
      if (offset > 0 || known === undefined) return;
      if (known.turned === undefined) rooms.delete(room);
      else set(room, undefined, known.turned.at);
    },
    missed: (room, resume) => {
      const { turned, begun } = rooms.get(room) ?? {};
      if (resume._tag === 'After') return undefined;
      const untoldMs = untoldOf(resume);
      // a time in the future is of the clock of an earlier Redis: its message may be older than the epoch
      const isForeign = untoldMs > now() + OVERLAP_MS;
      if (turned !== undefined && (isForeign || untoldMs <= turned.at + LAG_MS)) return turned;
      return begun !== undefined && (isForeign || untoldMs < begun.at) ? begun : undefined;
    },
  };
};
