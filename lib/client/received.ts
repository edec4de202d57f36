/** What each frame of the server changes: pure. */
import { isOutside, offsetIn, tagIn } from '../protocol/message-id.js';
import { SILENT_MS } from './connections.js';
import {
  connectionIdOf,
  type ErrorData,
  GLOBAL,
  isControl,
  isError,
  type Message,
  readFrame,
} from './frames.js';
import { settled } from './outbox.js';
import { inLog, inRoom } from './rooms.js';
import {
  type Change,
  type Connection,
  emit,
  enrolled,
  later,
  patched,
  type RoomState,
  type SocketNumber,
  type State,
} from './state.js';
import type { SystemEvent } from '../protocol/system-event.js';

/** The second socket is opened in this part of the time that is left to the first one. */
const HANDOVER = 0.5;
/** How many of its connections' ids a client knows, as the server may report their end late. */
const MAX_OWN_IDS = 8;
/** How many ids outside the log are remembered, to know a repeat on another connection. */
const MAX_OUTSIDE = 64;

export const received =
  (socket: SocketNumber, text: unknown): Change =>
  (before) => {
    const silentAt = before.now + SILENT_MS;
    const state = patched(before, socket, { silentAt, isPinged: false });
    const connection = state.connections.find((one) => one.socket === socket);
    const message = readFrame(text);
    if (!connection || !message) return state;
    const { type, id, data } = message;
    if (type === 'error') return isError(data) ? refused(state, connection, data) : state;
    if (type === 'system' && isControl(data)) return controlled(state, connection, id, data);
    const room = state.rooms.get(message.room ?? GLOBAL);
    return room && type !== 'pong' ? delivered(state, room, connection, message) : state;
  };

/** Of the same epoch and not after the last message; or outside the log, and known. */
const isRepeat = ({ last, outside }: RoomState, { id, ref = id }: Message): boolean =>
  isOutside(id)
    ? outside.includes(id) || outside.includes(ref)
    : !!last && tagIn(last) === tagIn(id) && offsetIn(id) <= offsetIn(last);

const delivered = (
  state: State,
  room: RoomState,
  connection: Connection,
  message: Message,
): State => {
  const { id, ref = id, type, data } = message;
  const { name, outside } = room;
  const tag = connection.rooms.get(name)?._tag;
  const isFirst = connection === state.connections[0];
  const lastId = isFirst ? id : room.lastId;
  if (type === 'presence') {
    if (!isFirst || tag !== 'Joined') return state;
    const next = inRoom(state, room, { lastId });
    return state.ownIds.includes(connectionIdOf(data))
      ? next
      : emit(next, name, { _tag: 'Presence', message });
  }
  if ((tag !== 'Joined' && tag !== 'Joining') || isRepeat(room, message)) return state;
  const last = inLog(id);
  const change = last
    ? { lastId: id, last }
    : { lastId, outside: [...outside, id, ref].slice(-MAX_OUTSIDE) };
  return emit(inRoom(state, room, change), name, { _tag: 'Message', message });
};

const controlled = (
  state: State,
  connection: Connection,
  id: string,
  event: SystemEvent,
): State => {
  const { now, chance, ownIds } = state;
  const { socket } = connection;
  const [first, second] = state.connections;
  const isFirst = connection === first;
  const room = state.rooms.get(('room' in event && event.room) || GLOBAL);
  switch (event.event) {
    case 'welcome': {
      const ids = [...ownIds, event.connection_id].slice(-MAX_OWN_IDS);
      return patched({ ...state, ownIds: ids }, socket, { session: event, liveAt: now });
    }
    case 'degraded':
    case 'restored':
      return patched(state, socket, { isDegraded: event.event === 'degraded' });
    case 'draining': {
      const retryAt = now + event.reconnect_in_ms * HANDOVER * chance;
      return patched({ ...state, retryAt }, socket, { isDraining: true });
    }
    case 'token_expiring':
      return { ...state, refreshAt: now };
    case 'ack': {
      const { ref, event: _, ...ack } = event;
      return settled(state, (entry) => entry.ref === ref, ack);
    }
  }
  if (!room) return state;
  const { name } = room;
  switch (event.event) {
    case 'gap': {
      const next =
        first && second ? { ...state, connections: [first], retryAt: later(state) } : state;
      return isFirst
        ? emit(inRoom(next, room, { last: undefined }), name, {
            _tag: 'Gap',
            reason: event.reason,
            id,
          })
        : next;
    }
    case 'joined': {
      const { recovered = 0, scope, members } = event;
      const joined = enrolled(state, connection, name, { _tag: 'Joined', shown: undefined });
      return isFirst
        ? emit(inRoom(joined, room, { lastId: id, members }), name, {
            _tag: 'Joined',
            recovered,
            isPodOnly: scope === 'pod',
          })
        : joined;
    }
    case 'left': {
      const { reason: code } = event;
      if (code === 'asked')
        return connection.rooms.get(name)?._tag === 'Leaving'
          ? enrolled(state, connection, name)
          : state;
      const message = 'the server removed you';
      return emit(
        enrolled(state, connection, name, {
          _tag: 'Refused',
          because: { code, message },
          again: code === 'failed' ? later(state) : Infinity,
        }),
        name,
        { _tag: 'Left', reason: code },
      );
    }
  }
};

const refused = (state: State, connection: Connection, error: ErrorData): State => {
  const { ref, code, message, retry_in_ms: ms } = error;
  for (const [name, membership] of connection.rooms) {
    if (membership?._tag !== 'Joining' || membership.ref !== ref) continue;
    const again = ms || code === 'unavailable' ? later(state, ms) : Infinity;
    return emit(
      enrolled(state, connection, name, { _tag: 'Refused', because: error, again }),
      name,
      { _tag: 'Refused', code, message },
    );
  }
  return settled(state, (entry) => entry.ref === ref, error);
};
