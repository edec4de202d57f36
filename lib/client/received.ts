/** What each frame of the server changes: pure. */
import type { SystemEvent } from '../protocol/system-event.js';
import { readId } from '../protocol/message-id.js';
import { fullJitterMs } from './backoff.js';
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
import { failed, settled } from './outbox.js';
import { enrolled, inLog, inRoom } from './rooms.js';
import {
  type Change,
  emit,
  isOpen,
  patched,
  type RoomState,
  type SocketNumber,
  type State,
} from './state.js';

/** The second socket is opened in this part of the time that is left to the first one. */
const HANDOVER = 0.5;
/** How many of its connections' ids a client knows, as the server may report their end late. */
const MAX_OWN_IDS = 8;
/** How many ids outside the log are remembered, to know a repeat on another connection. */
const MAX_OUTSIDE = 64;

export const received =
  (socket: SocketNumber, text: unknown): Change =>
  (before) => {
    if (!isOpen(before, socket)) return before;
    const silentAt = before.now + SILENT_MS;
    const state = patched(before, socket, { silentAt, isPinged: false });
    const message = readFrame(text);
    if (!message) return state;
    const { type, id, data } = message;
    if (type === 'error') return isError(data) ? refused(state, socket, data) : state;
    if (type === 'system' && isControl(data)) return controlled(state, socket, id, data);
    const room = state.rooms.get(message.room ?? GLOBAL);
    return room && type !== 'pong' ? delivered(state, room, socket, message) : state;
  };

/** Of the same epoch and not after the last message; or outside the log, and known. */
const isRepeat = ({ last, outside }: RoomState, { id, ref = id }: Message): boolean => {
  const read = readId(id);
  return read?.outside
    ? outside.includes(id) || outside.includes(ref)
    : last?.tag === read?.tag && (read?.offset ?? 1) <= (last?.offset ?? 0);
};

const delivered = (
  state: State,
  room: RoomState,
  socket: SocketNumber,
  message: Message,
): State => {
  const { id, ref = id, type, data } = message;
  const tag = room.memberships.get(socket)?._tag;
  const isFirst = state.connections[0]?.socket === socket;
  const lastId = isFirst ? id : room.lastId;
  if (type === 'presence') {
    if (!isFirst || tag !== 'Joined') return state;
    const next = inRoom(state, room, { lastId });
    return state.ownIds.includes(connectionIdOf(data))
      ? next
      : emit(next, room.name, { _tag: 'Presence', message });
  }
  if ((tag !== 'Joined' && tag !== 'Joining') || isRepeat(room, message)) return state;
  const last = inLog(id);
  const change = last
    ? { lastId: id, last }
    : { lastId, outside: [...room.outside, id, ref].slice(-MAX_OUTSIDE) };
  return emit(inRoom(state, room, change), room.name, { _tag: 'Message', message });
};

const controlled = (state: State, socket: SocketNumber, id: string, event: SystemEvent): State => {
  const { now, chance, connections, failures, ownIds } = state;
  const name = ('room' in event && event.room) || GLOBAL;
  const room = state.rooms.get(name);
  const isFirst = connections[0]?.socket === socket;
  const later = now + fullJitterMs(failures + 2, chance);
  switch (event.event) {
    case 'welcome': {
      const { connection_id: connectionId, user_id: userId, server_id: serverId, limits } = event;
      const { rate, message_bytes: maxBytes } = limits;
      const session = { connectionId, userId, serverId, rate, maxBytes };
      return patched({ ...state, ownIds: [...ownIds, connectionId].slice(-MAX_OWN_IDS) }, socket, {
        session,
        liveAt: now,
      });
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
      const { ref, id: acked, duplicate, scope } = event;
      return settled(state, (entry) => entry.ref === ref, {
        _tag: 'Acked',
        ack: { id: acked, duplicate, ...(scope && { scope }) },
      });
    }
    case 'gap': {
      // a second connection is closed, see above
      const next = connections[1]
        ? { ...state, connections: connections.slice(0, 1), retryAt: later, failures: failures + 1 }
        : state;
      return room && isFirst
        ? emit(inRoom(next, room, { last: undefined }), name, {
            _tag: 'Gap',
            reason: event.reason,
            id,
          })
        : next;
    }
    case 'joined': {
      if (!room) return state;
      const { recovered = 0, scope, members } = event;
      const next = isFirst ? { ...room, lastId: id, members } : room;
      const joined = enrolled(state, next, socket, { _tag: 'Joined', shown: undefined });
      return isFirst
        ? emit(joined, name, { _tag: 'Joined', recovered, isPodOnly: scope === 'pod' })
        : joined;
    }
    case 'left': {
      const { reason } = event;
      const tag = room?.memberships.get(socket)?._tag;
      if (!room) return state;
      if (reason === 'asked')
        return tag === 'Leaving' ? enrolled(state, room, socket, undefined) : state;
      const text = 'the server removed this connection from the room';
      return emit(
        enrolled(state, room, socket, {
          _tag: 'Refused',
          code: reason,
          text,
          again: reason === 'failed' ? later : Infinity,
        }),
        name,
        { _tag: 'Left', reason },
      );
    }
  }
};

/** The server may take the join in a while. */
const PASSING: readonly string[] = ['unavailable', 'rate_limited'];

const refused = (
  state: State,
  socket: SocketNumber,
  { ref, code, message: text, retry_in_ms = 1_000 }: ErrorData,
): State => {
  for (const room of state.rooms.values()) {
    const membership = room.memberships.get(socket);
    if (membership?._tag !== 'Joining' || membership.ref !== ref) continue;
    const again = PASSING.includes(code) ? state.now + retry_in_ms * (1 + state.chance) : Infinity;
    return emit(enrolled(state, room, socket, { _tag: 'Refused', code, text, again }), room.name, {
      _tag: 'Refused',
      code,
      text,
    });
  }
  return settled(state, (entry) => entry.ref === ref, failed(code, text));
};
