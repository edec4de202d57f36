/** The steps of the reader of the SQL outbox (`reader-state.ts` has the diagram). Pure. */
import type { SqlRow } from '../../history/archive/sql-outbox-port.js';
import type { Room } from '../../protocol/position.js';
import {
  type Answer,
  type Effect,
  type Input,
  NONE,
  type Reader,
  type RoomState,
  sizeOf,
  type Tries,
} from './reader-state.js';

export type Step = readonly [Reader, readonly Effect[]];

/** Rows in memory, without the heads of rooms that rest. */
const MAX_ROWS = 1_000;
const MAX_LENGTH = 8_388_608;
const READ_ROWS = 500;
/** When so many rooms rest, all are refused: no more rows are read. */
const MAX_RESTING = 256;

const NO_TRIES: Tries = { failures: 0, since: undefined };
/** One step. */
export const step = (reader: Reader, input: Input): Step => {
  const [taken, effects] = take(reader, input);
  const [next, statement] = nextStatement(taken);
  return [next, statement === undefined ? effects : [...effects, statement]];
};

const take = (reader: Reader, input: Input): Step => {
  switch (input._tag) {
    case 'Began':
      return [reader, []];
    case 'Notified':
      return [{ ...reader, isBehind: true }, []];
    case 'Tick':
      return [{ ...reader, isBehind: true, isDue: true }, []];
    case 'Paused':
      return [{ ...reader, isBehind: true, isPausing: false }, []];
    case 'Read':
      return read({ ...reader, statement: 'None' }, input.rows);
    case 'Slept':
      return input.isAsleep
        ? [{ ...reader, statement: 'None', isAsleep: true, isBehind: true }, []]
        : [{ ...reader, statement: 'None', isPausing: true }, [{ _tag: 'Pause' }]];
    case 'Removed':
      return [
        { ...reader, statement: 'None', rooms: without(reader.rooms, 'Leaving'), isBehind: true },
        [],
      ];
    case 'Woken':
      return [{ ...reader, statement: 'None', isAsleep: false }, []];
    case 'Pinged':
      return [{ ...reader, statement: 'None' }, []];
    case 'Answered':
      return answered(reader, input.room, input.answer);
    case 'Elapsed':
      return elapsed(reader, input.room);
    case 'Ending':
      return [{ ...reader, isEnding: true }, []];
  }
};

/** A read that was sent before the end is left to the next owner. */
const read = (reader: Reader, rows: readonly SqlRow[]): Step => {
  if (rows.length === 0 || reader.isEnding) return [reader, []];
  const groups = byRoom(rows);
  const rooms = new Map(reader.rooms);
  for (const [room, some] of groups)
    rooms.set(room, { _tag: 'Publishing', rows: some, tries: NO_TRIES });
  return [
    { ...reader, rooms, isBehind: true },
    groups.map(([room, some]) => ({ _tag: 'Publish', room, rows: some, since: undefined })),
  ];
};

const byRoom = (rows: readonly SqlRow[]): readonly (readonly [Room, readonly SqlRow[]])[] => {
  const groups = new Map<Room, SqlRow[]>();
  for (const row of rows) {
    const some = groups.get(row.room);
    if (some === undefined) groups.set(row.room, [row]);
    else some.push(row);
  }
  return [...groups];
};

const answered = (reader: Reader, room: Room, { published, rejected, refused }: Answer): Step => {
  const state = reader.rooms.get(room);
  if (state?._tag !== 'Publishing') return [reader, []];
  const settled = {
    published: [...reader.settled.published, ...published],
    rejected: [...reader.settled.rejected, ...rejected],
  };
  if (refused === undefined)
    return [
      { ...reader, settled, rooms: new Map(reader.rooms).set(room, { _tag: 'Removing' }) },
      [],
    ];
  const isNew = published.length + rejected.length > 0;
  const { failures, since } = isNew ? NO_TRIES : state.tries;
  const tries = { failures: failures + 1, since: since ?? refused.at };
  const resting: RoomState = { _tag: 'Resting', head: refused.row, tries };
  return [
    { ...reader, settled, rooms: new Map(reader.rooms).set(room, resting) },
    [{ _tag: 'Rest', room, failures }],
  ];
};

const elapsed = (reader: Reader, room: Room): Step => {
  const state = reader.rooms.get(room);
  if (state?._tag !== 'Resting' || reader.isEnding) return [reader, []];
  const { head, tries } = state;
  const rows = [head];
  return [
    { ...reader, rooms: new Map(reader.rooms).set(room, { _tag: 'Publishing', rows, tries }) },
    [{ _tag: 'Publish', room, rows, since: tries.since }],
  ];
};

const nextStatement = (reader: Reader): readonly [Reader, Effect | undefined] => {
  if (reader.statement !== 'None') return [reader, undefined];
  const { settled, isAsleep, isBehind, isPausing, isDue, isEnding } = reader;
  const { rows, length, resting, publishing } = sizeOf(reader);
  if (isAsleep && rows > 0 && !isEnding) return sent(reader, { _tag: 'Wake' });
  if (settled.published.length + settled.rejected.length > 0)
    return [
      { ...reader, ...REMOVING, settled: NONE, rooms: leaving(reader.rooms) },
      { _tag: 'Remove', settled },
    ];
  if (isEnding) return [reader, publishing === 0 ? { _tag: 'Finish' } : undefined];
  const mayRead = rows < MAX_ROWS && length < MAX_LENGTH && resting < MAX_RESTING;
  if (isBehind && mayRead)
    return sent(
      { ...reader, isBehind: false },
      {
        _tag: 'Read',
        except: [...reader.rooms.keys()],
        limit: Math.min(READ_ROWS, MAX_ROWS - rows),
      },
    );
  const isIdle = !isAsleep && !isPausing;
  if (isIdle && rows === 0) return sent(reader, { _tag: 'Sleep' });
  if (isDue) return sent(reader, { _tag: 'Ping' });
  // commits do not notify now, and a room that is slow does not delay the others
  return isIdle && mayRead
    ? [{ ...reader, isPausing: true }, { _tag: 'Pause' }]
    : [reader, undefined];
};

const REMOVING = { statement: 'Remove', isDue: false } as const;

const sent = (
  reader: Reader,
  effect: Extract<Effect, { readonly _tag: Exclude<Reader['statement'], 'None' | 'Remove'> }>,
): readonly [Reader, Effect] => [{ ...reader, statement: effect._tag, isDue: false }, effect];

const without = (
  rooms: ReadonlyMap<Room, RoomState>,
  tag: RoomState['_tag'],
): ReadonlyMap<Room, RoomState> => new Map([...rooms].filter(([, { _tag }]) => _tag !== tag));

/** All that is settled goes into one statement. */
const leaving = (rooms: ReadonlyMap<Room, RoomState>): ReadonlyMap<Room, RoomState> =>
  new Map(
    [...rooms].map(([room, state]) => [
      room,
      state._tag === 'Removing' ? { _tag: 'Leaving' } : state,
    ]),
  );
