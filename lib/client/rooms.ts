/**
 * What the client knows of its rooms, and what it does about them: pure. The global log is a room, too: every
 * connection is in it, so no join is sent for it.
 *
 *            used, paced             joined                not used
 *     (none) ───────────▶ Joining ──────────▶ Joined ──────────────────▶ Leaving ── left ──▶ (none)
 *       ▲                   │                   │
 *       └── in a while ── Refused ◀─────────────┘
 *
 * A room has a membership on each connection. During a handover two connections receive the room. Each one
 * alone gets the messages of the log in order and without a hole, so a message is delivered when it is after
 * the last one, whichever connection it comes on. A gap ends the handover: the second connection is closed,
 * and another one resumes from what the first one has given.
 */
import { type MessageId, readId } from '../protocol/message-id.js';
import { frame, GLOBAL } from './frames.js';
import { paced } from './pace.js';
import {
  type Change,
  type Connection,
  isOpen,
  type Membership,
  type RoomState,
  roomState,
  send,
  type SocketNumber,
  type State,
  wake,
} from './state.js';

/** Changes one room. */
export const inRoom = (state: State, room: RoomState, change: Partial<RoomState>): State => ({
  ...state,
  rooms: new Map(state.rooms).set(room.name, { ...room, ...change }),
});

/** Changes the membership on one connection. Memberships of connections that have ended are forgotten. */
export const enrolled = (
  state: State,
  room: RoomState,
  socket: SocketNumber,
  membership: Membership | undefined,
): State =>
  inRoom(state, room, {
    memberships: new Map(
      [...room.memberships, [socket, membership] as const].filter(
        (one): one is [SocketNumber, Membership] =>
          isOpen(state, one[0]) && (one[0] !== socket || one[1] === membership) && !!one[1],
      ),
    ),
  });

/** The position of a message that is in the log. */
export const inLog = (id: string | undefined): MessageId | undefined => {
  const read = id ? readId(id) : undefined;
  return read?.outside ? undefined : read;
};

export const use =
  (name: string, after: string | undefined): Change =>
  (state) => {
    const known = state.rooms.get(name);
    if (known?.isUsed) return state;
    const room = name === GLOBAL && known ? known : roomState(name);
    return inRoom(state, room, {
      isUsed: true,
      memberships: known?.memberships ?? room.memberships,
      lastId: room.lastId ?? after,
      last: room.last ?? inLog(after),
    });
  };

export const unuse =
  (name: string): Change =>
  (state) => {
    const room = state.rooms.get(name);
    return room ? inRoom(state, room, { isUsed: false }) : state;
  };

export const presence =
  (name: string, status: string): Change =>
  (state) => ({ ...state, presences: new Map(state.presences).set(name, status) });

/** Rule: joins what is used, leaves what is not, and shows the presence that was set. */
export const tend: Change = (state) =>
  state.connections.reduce(
    (at, connection) =>
      connection.session
        ? [...at.rooms.values()].reduce((then, room) => tended(then, room, connection), at)
        : at,
    state,
  );

const tended = (state: State, room: RoomState, connection: Connection): State => {
  const { name, isUsed, memberships, lastId } = room;
  const { socket } = connection;
  const membership = memberships.get(socket);
  switch (membership?._tag) {
    case undefined: {
      const count = state.count + 1;
      const ref = `join ${count}`;
      const joining: Change = (at) =>
        enrolled({ ...at, count }, room, socket, { _tag: 'Joining', ref });
      if (name === GLOBAL) return joining(state);
      if (isUsed)
        return paced(
          state,
          connection,
          frame('join', { id: ref, room: name, data: { last_id: lastId } }),
          joining,
        );
      if ([...memberships.keys()].some((of) => isOpen(state, of))) return state;
      return { ...state, rooms: new Map([...state.rooms].filter(([of]) => of !== name)) };
    }
    case 'Joined': {
      const status = state.presences.get(name);
      if (!isUsed && name !== GLOBAL)
        return send(
          enrolled(state, room, socket, { _tag: 'Leaving' }),
          socket,
          frame('leave', { room: name }),
        );
      return status === membership.shown
        ? state
        : paced(state, connection, frame('presence', { room: name, data: { status } }), (at) =>
            enrolled(at, room, socket, { _tag: 'Joined', shown: status }),
          );
    }
    case 'Refused':
      return isUsed && state.now < membership.again
        ? wake(state, membership.again)
        : enrolled(state, room, socket, undefined);
    default:
      return state;
  }
};
