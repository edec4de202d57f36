/**
 * What the client knows of its rooms, and what each frame changes: pure. The global log is a room, too: every
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
import type { SystemEvent } from '../protocol/system-event.js';
import { fullJitterMs } from './backoff.js';
import { send } from './connections.js';
import { connectionIdOf, type ErrorData, frame, GLOBAL, type Message } from './frames.js';
import { settled } from './outbox.js';
import { paced } from './pace.js';
import type { RoomEvent } from './room-event.js';
import {
  chain,
  type Connection,
  type Effect,
  type Membership,
  type Moment,
  type RoomState,
  roomState,
  type SocketNumber,
  type State,
  type Step,
  wake,
} from './state.js';

/** How many ids outside the log are remembered, to know a repeat on another connection. */
const MAX_OUTSIDE = 64;
const JOINED: Membership = { _tag: 'Joined', shown: undefined };
const LEAVING: Membership = { _tag: 'Leaving' };

const put = (state: State, room: RoomState): State => ({
  ...state,
  rooms: new Map(state.rooms).set(room.name, room),
});

/** Memberships of connections that have ended are forgotten. */
const enrolled = (
  state: State,
  room: RoomState,
  socket: SocketNumber,
  membership: Membership | undefined,
): State => {
  const memberships = new Map(
    [...room.memberships].filter(([of]) => state.connections.some((one) => one.socket === of)),
  );
  if (membership) memberships.set(socket, membership);
  else memberships.delete(socket);
  return put(state, { ...room, memberships });
};

const emit = ({ name }: RoomState, event: RoomEvent): Effect => ({
  _tag: 'Emit',
  room: name,
  event,
});

const inLog = (id: string | undefined): MessageId | undefined => {
  const read = id ? readId(id) : undefined;
  return read?.outside ? undefined : read;
};

export const use = (state: State, name: string, after: string | undefined): State => {
  const known = state.rooms.get(name) ?? roomState(name);
  const { lastId = after, last = inLog(after) } = name === GLOBAL ? known : roomState(name);
  return known.isUsed ? state : put(state, { ...known, isUsed: true, lastId, last });
};

export const unuse = (state: State, name: string): State => {
  const room = state.rooms.get(name);
  return room ? put(state, { ...room, isUsed: false }) : state;
};

/** Of the same epoch and not after the last message; or outside the log, and known. */
const isRepeat = ({ last, outside }: RoomState, { id, ref = id }: Message): boolean => {
  const read = readId(id);
  if (read?.outside) return outside.includes(id) || outside.includes(ref);
  return read !== undefined && last?.tag === read.tag && read.offset <= last.offset;
};

export const onMessage = (
  state: State,
  room: RoomState,
  socket: SocketNumber,
  message: Message,
): Step => {
  const { id, ref = id, type, data } = message;
  const isFirst = state.connections[0]?.socket === socket;
  const tag = room.memberships.get(socket)?._tag;
  if (type === 'presence')
    return isFirst && tag === 'Joined'
      ? [
          put(state, { ...room, lastId: id }),
          ...(state.ownIds.includes(String(connectionIdOf(data)))
            ? []
            : [emit(room, { _tag: 'Presence', message })]),
        ]
      : [state];
  if ((tag !== 'Joined' && tag !== 'Joining') || isRepeat(room, message)) return [state];
  const last = inLog(id);
  return [
    put(
      state,
      last
        ? { ...room, lastId: id, last }
        : {
            ...room,
            lastId: isFirst ? id : room.lastId,
            outside: [...room.outside, id, ref].slice(-MAX_OUTSIDE),
          },
    ),
    emit(room, { _tag: 'Message', message }),
  ];
};

type RoomControl = Extract<SystemEvent, { readonly event: 'gap' | 'joined' | 'left' }>;

export const onControl = (
  state: State,
  room: RoomState,
  socket: SocketNumber,
  id: string,
  event: RoomControl,
  { now, chance }: Moment,
): Step => {
  const [first, second] = state.connections;
  const isFirst = first?.socket === socket;
  const later = now + fullJitterMs(state.failures + 2, chance);
  if (event.event === 'gap') {
    const alone =
      first && second
        ? { ...state, connections: [first], retryAt: later, failures: state.failures + 1 }
        : state;
    return isFirst
      ? [
          put(alone, { ...room, last: undefined }),
          emit(room, { _tag: 'Gap', reason: event.reason, id }),
        ]
      : [alone];
  }
  if (event.event === 'joined') {
    const next = isFirst ? { ...room, lastId: id, members: event.members } : room;
    const { recovered = 0, scope } = event;
    return [
      enrolled(state, next, socket, JOINED),
      ...(isFirst ? [emit(room, { _tag: 'Joined', recovered, isPodOnly: scope === 'pod' })] : []),
    ];
  }
  const { reason } = event;
  const membership: Membership | undefined =
    reason === 'asked'
      ? undefined
      : {
          _tag: 'Refused',
          code: reason,
          text: `the server removed this connection from the room: ${reason}`,
          again: reason === 'failed' ? later : undefined,
        };
  const tag = room.memberships.get(socket)?._tag;
  return reason === 'asked' && tag !== 'Leaving'
    ? [state]
    : [
        enrolled(state, room, socket, membership),
        ...(membership && isFirst ? [emit(room, { _tag: 'Left', reason })] : []),
      ];
};

/** The server may take the join in a while. */
const PASSING: readonly string[] = ['unavailable', 'rate_limited'];

export const onError = (
  state: State,
  socket: SocketNumber,
  { ref = '', code, message: text, retry_in_ms = 1_000 }: ErrorData,
  { now, chance }: Moment,
): Step => {
  for (const room of state.rooms.values()) {
    const membership = room.memberships.get(socket);
    if (membership?._tag !== 'Joining' || membership.ref !== ref) continue;
    const again = PASSING.includes(code) ? now + retry_in_ms * (1 + chance) : undefined;
    return [
      enrolled(state, room, socket, { _tag: 'Refused', code, text, again }),
      emit(room, { _tag: 'Refused', code, text }),
    ];
  }
  return settled(state, (entry) => entry.ref === ref, { _tag: 'Failed', code, text });
};

/** Rule: joins what is used, leaves what is not, and shows the presence that was set. */
export const tend = (state: State, moment: Moment): Step =>
  chain(
    state,
    ...state.connections
      .filter(({ session }) => session)
      .flatMap((connection) =>
        [...state.rooms.keys()].map(
          (name) =>
            (at: State): Step =>
              tendRoom(at, name, connection, moment),
        ),
      ),
  );

const tendRoom = (state: State, name: string, connection: Connection, { now }: Moment): Step => {
  const room = state.rooms.get(name);
  if (!room) return [state];
  const { isUsed, memberships, lastId } = room;
  const { socket } = connection;
  const membership = memberships.get(socket);
  switch (membership?._tag) {
    case undefined: {
      const ref = `join ${state.count + 1}`;
      const joining = (at: State): State =>
        enrolled({ ...at, count: at.count + 1 }, room, socket, { _tag: 'Joining', ref });
      if (name === GLOBAL) return [joining(state)];
      if (isUsed)
        return paced(
          state,
          connection,
          frame('join', { id: ref, room: name, data: { last_id: lastId } }),
          now,
          joining,
        );
      if (state.connections.some((one) => memberships.has(one.socket))) return [state];
      const rooms = new Map(state.rooms);
      rooms.delete(name);
      return [{ ...state, rooms }];
    }
    case 'Joined': {
      if (!isUsed && name !== GLOBAL)
        return [
          enrolled(state, room, socket, LEAVING),
          send(socket, frame('leave', { room: name })),
        ];
      const status = state.presences.get(name);
      return status === membership.shown
        ? [state]
        : paced(state, connection, frame('presence', { room: name, data: { status } }), now, (at) =>
            enrolled(at, room, socket, { _tag: 'Joined', shown: status }),
          );
    }
    case 'Refused': {
      const { again = Infinity } = membership;
      return [
        isUsed && now < again ? wake(state, again) : enrolled(state, room, socket, undefined),
      ];
    }
    default:
      return [state];
  }
};
