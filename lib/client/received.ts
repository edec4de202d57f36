/** What each frame of the server changes: pure. */
import { isOutside, tagIn } from '../protocol/message-id.js';
import { SILENT_MS } from './connections.js';
import {
  type ConnectionPresence,
  type ErrorData,
  GLOBAL,
  has,
  type Message,
  readFrame,
  type Received,
} from './frames.js';
import { settled } from './outbox.js';
import { inRoom } from './rooms.js';
import type { Connection, Failure, Membership, SocketNumber } from './connection.js';
import {
  type Change,
  connectionOf,
  emit,
  enrolled,
  later,
  patched,
  type RoomState,
  type State,
} from './state.js';
import type { SystemEvent } from '../protocol/system-event.js';

/** The second socket is opened at a random time in this first part of `reconnect_in_ms`. */
const HANDOVER = 0.5;
/** How many ids of its own connections a client remembers, as the server may report their end late. */
const MAX_OWN_IDS = 8;
/**
 * How many ids outside the log are remembered, to know a repeat on another connection. Each message has two:
 * its `id`, and its `ref` (or the `id` again).
 */
const MAX_OUTSIDE = 512;

export const received =
  (socket: SocketNumber, text: unknown): Change =>
  (before) => {
    const silentAt = before.nowMs + SILENT_MS;
    const state = patched(before, socket, { silentAt, isPinged: false });
    const connection = connectionOf(state, socket);
    const message = readFrame(text);
    if (!connection || !message) return state;
    const { type, data } = message;
    try {
      if (type === 'error')
        return has<ErrorData>(data, 'code') ? refused(state, connection, data) : state;
      return type === 'pong'
        ? state
        : taken(
            state,
            connection,
            message,
            type === 'system' && has<SystemEvent>(data, 'event') ? data : {},
          );
    } catch {
      // a frame with other fields than those of the protocol
      return state;
    }
  };

/**
 * A message of the log is repeated when it is not after the last one of its epoch. (An epoch may come back
 * after another one.) A message outside the log is repeated when its id or its `ref` is known.
 */
const isRepeat = ({ lasts, outside }: RoomState, { id, ref = id }: Message): boolean =>
  isOutside(id) ? outside.includes(id) || outside.includes(ref) : id <= (lasts[tagIn(id)] ?? '');

const delivered = (
  state: State,
  message: Received,
  room: RoomState | undefined,
  tag: Membership['_tag'] | undefined,
  isFirst: boolean,
): State => {
  if (!room) return state;
  const { id, ref = id, data } = message;
  // of two connections, the other one may be further: only a message of the log moves the position
  const lastId = state.connections[1] ? room.lastId : id;
  if (message.type === 'presence') {
    if (!isFirst || tag !== 'Joined') return state;
    const next = inRoom(state, room, { lastId });
    return has<ConnectionPresence['data']>(data, 'connection_id') &&
      state.ownIds.includes(data.connection_id)
      ? next
      : emit(next, room.name, { _tag: 'Presence', message });
  }
  if ((tag !== 'Joined' && tag !== 'Joining') || isRepeat(room, message)) return state;
  const change = isOutside(id)
    ? { lastId, outside: [...room.outside, id, ref].slice(-MAX_OUTSIDE) }
    : { lastId: id, lasts: { ...room.lasts, [tagIn(id)]: id } };
  return emit(inRoom(state, room, change), room.name, { _tag: 'Message', message });
};

/** A message, or an event of the server. For both, the `room` of the message names the room. */
const taken = (
  state: State,
  connection: Connection,
  message: Received,
  event: SystemEvent | { readonly event?: undefined },
): State => {
  const { nowMs, chance, ownIds } = state;
  const { id, room: name = GLOBAL } = message;
  const { socket } = connection;
  const isFirst = connection === state.connections[0];
  const room = state.rooms.get(name);
  const tag = connection.rooms.get(name)?._tag;
  const isLeaving = tag === 'Leaving';
  switch (event.event) {
    case 'welcome': {
      const ids = [...ownIds, event.connection_id].slice(-MAX_OWN_IDS);
      const { rate: perSecond } = event.limits;
      return patched({ ...state, ownIds: ids }, socket, {
        session: event,
        perSecond,
        liveAt: nowMs,
      });
    }
    case 'degraded':
    case 'restored':
      return patched(state, socket, { isDegraded: event.event === 'degraded' });
    case 'draining': {
      const retryAt = nowMs + event.reconnect_in_ms * HANDOVER * chance;
      // the tries of a handover are counted from here: what failed before this connection does not count
      const next = { ...state, retryAt, failures: 0, isTokenRefused: false };
      return patched(next, socket, { isDraining: true });
    }
    case 'token_expiring':
      // comes 30 s before the end, or at once for a token with less than that. When the token itself gave an
      // earlier time, that time stays
      return { ...state, refreshAt: Math.min(state.refreshAt, later(state, 10_000)) };
    case 'ack': {
      const { ref, event: _, ...ack } = event;
      return settled(state, (entry) => entry.ref === ref, ack);
    }
    case 'gap': {
      // a gap ends a handover: the second connection is closed, and another one is tried later
      const alone = {
        ...state,
        connections: state.connections.slice(0, 1),
        retryAt: later(state),
      };
      // in a room that is being left, the gap belongs to the earlier use: the next use gets no gap from it
      return isFirst && !isLeaving
        ? emit(alone, name, { _tag: 'Gap', reason: event.reason, id })
        : alone;
    }
    case 'joined': {
      const { recovered, scope, members } = event;
      // it answers the join of an earlier use; or the server has put the client into the room, which the
      // client then does not leave
      if (isLeaving || (!room && !tag)) return state;
      // it comes again when its field `presence` changes (docs/protocol.md, section 5.1)
      const joined =
        tag === 'Joined' ? state : enrolled(state, connection, name, { _tag: 'Joined' });
      // during a handover the room may be joined on the second connection only
      return room && (isFirst || state.connections[0]?.rooms.get(name)?._tag !== 'Joined')
        ? emit(inRoom(joined, room, { lastId: id, members }), name, {
            _tag: 'Joined',
            recovered,
            scope,
          })
        : joined;
    }
    case 'left': {
      const { reason: code } = event;
      // in a room that is being left, the answer to the leave still comes
      if (isLeaving !== (code === 'asked')) return state;
      if (isLeaving) return enrolled(state, connection, name);
      return out(
        state,
        connection,
        name,
        { code, message: 'removed by the server' },
        code === 'failed' ? later(state) : Infinity,
      );
    }
    default:
      // an event of the application, or no event
      return delivered(state, message, room, tag, isFirst);
  }
};

/** Not in the room, until `again`. */
const out = (
  state: State,
  connection: Connection,
  name: string,
  because: Failure,
  again: number,
): State =>
  emit(enrolled(state, connection, name, { _tag: 'Refused', because, again }), name, {
    _tag: 'Refused',
    ...because,
  });

const refused = (state: State, connection: Connection, error: ErrorData): State => {
  const { ref, code, retry_in_ms: ms } = error;
  for (const [name, membership] of connection.rooms)
    if (membership._tag === 'Joining' && membership.ref === ref)
      return out(
        state,
        connection,
        name,
        error,
        ms || code === 'unavailable' ? later(state, ms) : Infinity,
      );
  return settled(state, (entry) => entry.ref === ref, error);
};
