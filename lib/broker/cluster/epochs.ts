/**
 * When the log of a room began its last epoch. A client that resumes by an earlier time is sent `gap`, as the
 * time does not show which epoch its messages are of.
 *
 *   a pod that knew another epoch found this one ─────────────▶ missed, up to `LAG_MS` after that
 *   the global log began after the client's time ─────────────▶ missed: Redis has lost its data, or no pod was
 *     there for long. When the service is new, no client has such a time
 *   the log of a room began after the client's time
 *     ├─ and so did the global log ───────────────────────────▶ missed
 *     ├─ and later than a position lives after a message ─────▶ missed: the earlier epoch may have had some
 *     └─ otherwise ───────────────────────────────────────────▶ not missed: the position of a room without a
 *                                                               message lives for 10 minutes only
 *
 * A pod finds a new epoch itself, or reads in Redis that another pod found it, and when the epoch began: so a
 * pod that has just started knows it too. The number of rooms is bounded: the room whose first opening or last
 * new epoch is the longest ago is forgotten.
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
  readonly read: (room: Room, page: Pick<Page, 'top' | 'renewedMs' | 'begunMs'>) => void;
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
  /** The epoch began then. */
  readonly begun: Missed | undefined;
  /** The same, for a client of an earlier Redis, whose clock was ahead. */
  readonly replaced: Missed | undefined;
  /** Whether this pod knew no epoch of the log before, and found this one without a message. */
  readonly isFoundEmpty: boolean;
}

export interface EpochsDeps {
  /** Unix ms of Redis's clock, never before a position that this pod received. */
  readonly now: () => number;
  /** How long a position lives after the last message. */
  readonly positionTtlMs: number;
}

/** 5 MB. */
const MAX_ROOMS = 16_384;

export const epochs = ({ now, positionTtlMs }: EpochsDeps): Epochs => {
  /** In the order in which rooms were first opened, or last began a new epoch. */
  const rooms = new BoundedMap<Room, Known>(MAX_ROOMS);

  const set = (room: Room, tag: number | undefined, renewedMs: number | undefined): void => {
    rooms.delete(room);
    const turned =
      renewedMs === undefined ? undefined : { at: renewedMs, reason: 'log_lost' as const };
    rooms.put(room, {
      ...{ tag, turned, isFoundEmpty: false },
      ...{ begun: undefined, replaced: undefined },
    });
  };

  const reached = (room: Room, tag: number): void => {
    const before = rooms.get(room);
    if (tag === before?.tag) return;
    set(room, tag, before?.tag === undefined ? before?.turned?.at : now());
  };

  const begin = (room: Room, at: number | undefined, isFoundEmpty: boolean): void => {
    const known = rooms.get(room);
    if (known === undefined || known.begun !== undefined || at === undefined) return;
    const replaced: Missed = { at, reason: 'log_lost' };
    rooms.put(room, { ...known, begun: { ...replaced, isArchived: true }, replaced, isFoundEmpty });
  };

  /** Whether a client of this time may lack messages of the epoch before. */
  const isEnded = (room: Room, { at }: Missed, ms: number): boolean => {
    if (room === GLOBAL || at - ms >= positionTtlMs) return true;
    const everybody = rooms.get(GLOBAL)?.begun;
    return everybody !== undefined && ms < everybody.at;
  };

  return {
    tagOf: (room) => rooms.get(room)?.tag,
    read: (room, { top, renewedMs, begunMs }) => {
      const { tag, offset } = top;
      const isFirst = !rooms.has(room);
      reached(room, tag);
      const known = rooms.get(room)?.turned?.at ?? Number.NEGATIVE_INFINITY;
      // other pods find the same loss a little later
      if (renewedMs !== undefined && renewedMs > known + LAG_MS) set(room, tag, renewedMs);
      // an older version of the service does not write when an epoch began
      const isFoundEmpty = room === GLOBAL && isFirst && offset === 0;
      begin(room, begunMs ?? (isFoundEmpty ? timeOf(top) : undefined), isFoundEmpty);
    },
    reached: (room, { tag }) => reached(room, tag),
    closed: (room, { offset }) => {
      const known = rooms.get(room);
      if (offset > 0 || known === undefined) return;
      if (known.turned === undefined) rooms.delete(room);
      else set(room, undefined, known.turned.at);
    },
    missed: (room, resume) => {
      const { turned, begun, replaced } = rooms.get(room) ?? {};
      if (resume._tag === 'After') return undefined;
      const untoldMs = untoldOf(resume);
      // a time in the future is of the clock of an earlier Redis: its message may be older than the epoch
      const isForeign = untoldMs > now() + OVERLAP_MS;
      if (turned !== undefined && (isForeign || untoldMs <= turned.at + LAG_MS)) return turned;
      if (begun === undefined) return undefined;
      if (isForeign) return rooms.get(GLOBAL)?.isFoundEmpty === true ? replaced : undefined;
      return untoldMs < begun.at && isEnded(room, begun, untoldMs) ? begun : undefined;
    },
  };
};
