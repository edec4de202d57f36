/**
 * The reader of the SQL outbox, as data: what it has of each room, and which statement is under way, one at a
 * time. `reader-step.ts` has the steps, `reader.ts` performs the effects.
 *
 *   a room:   (absent) ── read ──▶ Publishing ── all settled ──▶ Removing ── a statement takes them ──▶ Leaving
 *                ▲                  ▲  │ refused                                                          │
 *                │   wait is over:  │  ▼                                                                  │
 *                │   the head alone Resting                                                    removed    │
 *                └────────────────────────────────────────────────────────────────────────────────────────┘
 *
 *   the next statement:   wake, when it is asleep and has rows  ─▶  remove what is settled  ─▶
 *                         read, when rows may be there  ─▶  sleep, when it has no rows  ─▶  ping, each second
 *                         ─▶  while it is awake: read again, a moment later
 *
 * The rows of a room that is not absent are not read, so a room is published in order. A room that rests
 * keeps its head only, and does not delay the others. `Asleep`: commits notify (`SqlSession.sleep`).
 */
import type { Settled, SqlRow } from '../../history/archive/sql-outbox-port.js';
import type { Room } from '../../protocol/position.js';

export type RoomState =
  | { readonly _tag: 'Publishing'; readonly rows: readonly SqlRow[]; readonly tries: Tries }
  | { readonly _tag: 'Resting'; readonly head: SqlRow; readonly tries: Tries }
  | { readonly _tag: 'Removing' }
  | { readonly _tag: 'Leaving' };

/** `failures`: refusals of the head in a row. `since`: the time of the first one. */
export interface Tries {
  readonly failures: number;
  readonly since: number | undefined;
}

export interface Reader {
  readonly rooms: ReadonlyMap<Room, RoomState>;
  /** Rows that are to be removed. */
  readonly settled: Settled;
  readonly statement: 'None' | 'Read' | 'Remove' | 'Sleep' | 'Wake' | 'Ping';
  /** There may be rows that were not read. */
  readonly isBehind: boolean;
  readonly isAsleep: boolean;
  /** It reads again a moment later: it is awake, or a transaction was committing when it wanted to sleep. */
  readonly isPausing: boolean;
  /** A second has passed. */
  readonly isDue: boolean;
  readonly isEnding: boolean;
}

/** What became of the rows of a room. `refused`: the first one that can be published later. */
export interface Answer extends Settled {
  readonly refused: { readonly row: SqlRow; readonly at: number } | undefined;
}

export type Input =
  | { readonly _tag: 'Began' }
  | { readonly _tag: 'Notified' }
  | { readonly _tag: 'Tick' }
  | { readonly _tag: 'Paused' }
  | { readonly _tag: 'Read'; readonly rows: readonly SqlRow[] }
  | { readonly _tag: 'Slept'; readonly isAsleep: boolean }
  | { readonly _tag: 'Removed' }
  | { readonly _tag: 'Woken' }
  | { readonly _tag: 'Pinged' }
  | { readonly _tag: 'Answered'; readonly room: Room; readonly answer: Answer }
  /** The wait of a room is over. */
  | { readonly _tag: 'Elapsed'; readonly room: Room }
  /** The pod ends: what is being published is finished. */
  | { readonly _tag: 'Ending' };

export type Effect =
  | { readonly _tag: 'Read'; readonly except: readonly Room[]; readonly limit: number }
  | { readonly _tag: 'Remove'; readonly settled: Settled }
  | { readonly _tag: 'Sleep' | 'Wake' | 'Ping' }
  /** `Paused` comes a moment later. */
  | { readonly _tag: 'Pause' }
  | {
      readonly _tag: 'Publish';
      readonly room: Room;
      readonly rows: readonly SqlRow[];
      readonly since: number | undefined;
    }
  /** `Elapsed` comes after the backoff of so many failures. */
  | { readonly _tag: 'Rest'; readonly room: Room; readonly failures: number }
  | { readonly _tag: 'Finish' };

/** Nothing is settled. */
export const NONE: Settled = { published: [], rejected: [] };

export const START: Reader = {
  rooms: new Map(),
  settled: NONE,
  statement: 'None',
  isBehind: true,
  isAsleep: false,
  isPausing: false,
  isDue: false,
  isEnding: false,
};

/** What it has in memory. `rows`: without the heads of rooms that rest. */
export const sizeOf = ({ rooms, settled }: Reader) => {
  const size = {
    rows: settled.published.length + settled.rejected.length,
    length: 0,
    resting: 0,
    publishing: 0,
  };
  for (const state of rooms.values()) {
    const rows = state._tag === 'Publishing' ? state.rows : [];
    size.rows += rows.length;
    size.length += rows.reduce((sum, { json }) => sum + json.length, 0);
    if (rows.length > 0) size.publishing += 1;
    if (state._tag === 'Resting') {
      size.resting += 1;
      size.length += state.head.json.length;
    }
  }
  return size;
};
