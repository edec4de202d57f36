/**
 * The positions of rooms in memory, with a bound. A position is kept while its room is open. A position of a
 * closed room is kept for `positionTtlMs` after the last message (at most 10 minutes when there was none), or
 * until too many other rooms were used after it.
 */
import type { Clock } from '../clock.js';
import { drawTag, GLOBAL, LastMessage, type LogPosition, type Room } from '../protocol/position.js';
import { type Draft, type Publication, publicationOf } from '../protocol/publication.js';

/** The position of a room, and who has the room open. */
export interface RoomPosition<Opener> {
  top: LogPosition;
  /** When the epoch began, Unix ms. */
  begunMs: number;
  opener: Opener | undefined;
}

export interface RoomPositions<Opener> {
  /** The position of a room, unless its epoch has ended. For an open room this costs a look into one map. */
  readonly find: (room: Room) => RoomPosition<Opener> | undefined;
  /** As `find`; a room without an epoch begins one with `tag` (by default a drawn one). */
  readonly use: (room: Room, tag?: number) => RoomPosition<Opener>;
  /** The room was closed. */
  readonly closed: (room: Room, position: RoomPosition<Opener>) => void;
}

export interface RoomPositionsOptions {
  readonly clock: Clock;
  readonly positionTtlMs: number;
  /** The epoch of a room has ended, with this position. */
  readonly forgotten: (room: Room, top: LogPosition) => void;
}

/**
 * Gives a message the next position of its room. `wallMs`: Unix ms; time does not go back within a room. The
 * caller appends the message to the log and delivers it.
 */
export const publicationAt = (
  position: RoomPosition<unknown>,
  draft: Draft,
  nonce: number,
  wallMs: number,
): Publication => {
  const { room, logged } = draft;
  const before = position.top;
  const { tag } = before;
  const offset = before.offset + (logged ? 1 : 0);
  const ms = Math.max(before.ms, wallMs);
  const global = room === GLOBAL;
  // written out, here and in later steps: a spread costs 2 µs when objects of several shapes come along
  const publication = publicationOf(draft, { tag, offset, ms, global, outside: !logged, nonce });
  // `before.id` is read only here: `LastMessage` writes the text of an id when it is read, which costs 2 µs
  position.top = logged ? new LastMessage(publication.id) : { tag, offset, ms, id: before.id };
  return publication;
};

/** How many positions are kept: about 25 MB. Only those of closed rooms are forgotten. */
const MAX_POSITIONS = 100_000;
/**
 * How many positions of closed rooms without a message are kept, and for how long: else a client that joins
 * many rooms would push out the positions of used ones.
 */
const MAX_EMPTY = 10_000;
const EMPTY_TTL_MS = 600_000;

export const roomPositions = <Opener>({
  clock,
  positionTtlMs,
  forgotten,
}: RoomPositionsOptions): RoomPositions<Opener> => {
  const positions = new Map<Room, RoomPosition<Opener>>();
  /** Closed rooms without a message, by the time when they were closed, the oldest first. */
  const empty = new Map<Room, number>();

  const forget = (room: Room, { top }: RoomPosition<Opener>): void => {
    positions.delete(room);
    empty.delete(room);
    forgotten(room, top);
  };

  const find = (room: Room): RoomPosition<Opener> | undefined => {
    const position = positions.get(room);
    if (position === undefined || position.opener !== undefined) return position;
    const emptySince = empty.get(room);
    const lives =
      emptySince === undefined
        ? clock.wall() - position.top.ms < positionTtlMs
        : clock.wall() - emptySince < Math.min(EMPTY_TTL_MS, positionTtlMs);
    if (lives) return position;
    forget(room, position);
    return undefined;
  };

  const forgetOldest = (): void => {
    for (const [room, position] of positions) {
      if (position.opener !== undefined) continue;
      forget(room, position);
      return;
    }
  };

  const begun = (tag: number): RoomPosition<Opener> => {
    const ms = Math.floor(clock.wall());
    return { top: { tag, offset: 0, ms, id: null }, begunMs: ms, opener: undefined };
  };

  return {
    find,
    use: (room, tag) => {
      const position = find(room) ?? begun(tag ?? drawTag(clock.random));
      // to the end of the map: so the first entry is the room that was not used for longest
      positions.delete(room);
      positions.set(room, position);
      empty.delete(room);
      if (positions.size > MAX_POSITIONS) forgetOldest();
      return position;
    },
    closed: (room, { top, opener }) => {
      if (opener !== undefined || top.offset > 0) return;
      const now = clock.wall();
      empty.delete(room);
      empty.set(room, now);
      for (const [oldest, since] of empty) {
        if (empty.size <= MAX_EMPTY && now - since < EMPTY_TTL_MS) return;
        const position = positions.get(oldest);
        empty.delete(oldest);
        if (position !== undefined) forget(oldest, position);
      }
    },
  };
};
