/**
 * What the client knows of its rooms, and what it does about them: pure. The global log is a room, too: every
 * connection is in it, so no join is sent for it.
 *
 *            used, paced             joined                not used
 *     (none) ───────────▶ Joining ──────────▶ Joined ──────────────────▶ Leaving ── left ──▶ (none)
 *       ▲                   │                   │
 *       └─── at `again` ── Refused ◀────────────┘
 *
 * A room that is not used any more is left from Joining, too. From Refused it goes to (none) at once.
 *
 * A room has a membership on each connection. During a handover two connections receive the room. Each one
 * alone gets the messages of the log in order and without a hole, so a message is delivered when it is after
 * the last one, whichever connection it comes on. A gap on either connection ends the handover: the second
 * connection is closed, and another one resumes from what the first one has given.
 */
import { frame, GLOBAL } from './frames.js';
import { paced } from './pace.js';
import type { SocketNumber } from './connection.js';
import {
  type Change,
  connectionOf,
  enrolled,
  fresh,
  type RoomState,
  type State,
  wake,
} from './state.js';

/** Changes one room. */
export const inRoom = (state: State, room: RoomState, change: Partial<RoomState>): State => ({
  ...state,
  rooms: new Map(state.rooms).set(room.name, { ...room, ...change }),
});

export const use =
  (name: string, after: string | undefined, count = 1): Change =>
  (state) => {
    const known = state.rooms.get(name);
    // the state of the global log is kept: its messages came also while nobody used it
    return inRoom(
      { ...state, uses: state.uses + count },
      known?.lastId ? known : fresh(name, after),
      {},
    );
  };

/** The room is forgotten, so it is left; except when the use that follows goes on from its position. */
export const unuse =
  (name: string, after?: string, count = 1): Change =>
  (state) => {
    const rooms = new Map(state.rooms);
    if (name !== GLOBAL && (!after || rooms.get(name)?.lastId !== after)) rooms.delete(name);
    return { ...state, uses: state.uses - count, rooms };
  };

export const presence =
  (name: string, status: string): Change =>
  (state) => ({ ...state, presences: new Map(state.presences).set(name, status) });

/** Rule: joins what is used, leaves what is not, and shows the presence that was set. */
export const tend: Change = (state) =>
  state.connections.reduce(
    (at, { session, socket, rooms }) =>
      session
        ? [...rooms.keys(), ...at.rooms.keys()].reduce(
            (then, name) => tended(then, name, socket),
            at,
          )
        : at,
    state,
  );

const tended = (state: State, name: string, socket: SocketNumber): State => {
  const connection = connectionOf(state, socket);
  if (!connection) return state;
  const room = state.rooms.get(name);
  const membership = connection.rooms.get(name);
  const again = membership?.again ?? 0;
  if (membership?._tag === 'Leaving' ? !membership.isSent : membership && !room && !again)
    return paced(
      enrolled(state, connection, name, { _tag: 'Leaving' }),
      connection,
      frame('leave', { room: name }),
      (at) => enrolled(at, connection, name, { _tag: 'Leaving', isSent: true }),
    );
  if (membership?._tag === 'Joined') {
    const status = state.presences.get(name);
    return status === membership.shown
      ? state
      : paced(state, connection, frame('presence', { room: name, data: { status } }), (at) =>
          enrolled(at, connection, name, { _tag: 'Joined', shown: status }),
        );
  }
  if (!room) return again ? enrolled(state, connection, name) : state;
  if (state.nowMs < again) return wake(state, again);
  // the first connection of a handover says where the room begins: the second one goes on from there
  const isEarly = !room.lastId && state.connections[0]?.rooms.get(name)?._tag === 'Joining';
  if (membership ? !again : isEarly) return state;
  const ref = `join ${state.counter}`;
  const joining: Change = (at) =>
    enrolled({ ...at, counter: at.counter + 1 }, connection, name, { _tag: 'Joining', ref });
  return name === GLOBAL
    ? joining(state)
    : paced(
        state,
        connection,
        frame('join', { id: ref, room: name, data: { last_id: room.lastId } }),
        joining,
      );
};
