/**
 * The end of a connection.
 *
 *   Open ─┬─ close(why) ─────────────────────► Closing(by server, code) ─┐
 *         ├─ ws refuses a frame ─────────────► Closing(by server, code) ─┼─ socket closed ─► Closed
 *         ├─ the socket breaks ──────────────► Closing(by peer) ──────────┘
 *         └─ the socket is closed ───────────► Closed(by peer)
 *
 * Leaving `Open` always has the same effects, once: unsent messages and unhandled frames are dropped, all
 * rooms are left, and `command$` completes.
 */
import { hasHooks } from '../hooks.js';
import type { Life, Peer } from '../hub-event.js';
import { type Close, protocolClose } from '../protocol/close-codes.js';
import { GLOBAL } from '../protocol/position.js';
import { infoOf, notifyHook, roomsOf } from './application.js';
import { readAgain } from './pace.js';
import type { ConnectionState, Phase } from './state.js';

export type EndEvent =
  /** The server sends the close: this service does, or ws by itself. */
  | { readonly _tag: 'CloseSent'; readonly code: number }
  | { readonly _tag: 'SocketBroken' }
  | { readonly _tag: 'SocketClosed' };

const SOCKET_BROKEN: EndEvent = { _tag: 'SocketBroken' };
const SOCKET_CLOSED: EndEvent = { _tag: 'SocketClosed' };

/** The first event decides who closed, and with which code. */
export const step = (phase: Phase, event: EndEvent): Phase => {
  const isClosed = event._tag === 'SocketClosed';
  if (phase._tag !== 'Open') return isClosed ? { ...phase, _tag: 'Closed' } : phase;
  const _tag = isClosed ? 'Closed' : 'Closing';
  return event._tag === 'CloseSent'
    ? { _tag, by: 'server', code: event.code }
    : { _tag, by: 'peer', code: null };
};

/** `why`: the close to send; absent when ws has sent one by itself, and when the socket broke or closed. */
const advance = (connection: ConnectionState, event: EndEvent, why?: Close): void => {
  const before = connection.phase;
  connection.phase = step(before, event);
  if (before._tag !== 'Open') return;
  connection.outbox.end();
  readAgain(connection);
  if (why !== undefined) connection.webSocket.close(why.code, why.reason);
  leaveAll(connection);
};

/** Closes with a code. Only the first close counts. */
export const close = (connection: ConnectionState, why: Close): void =>
  advance(connection, { _tag: 'CloseSent', code: why.code }, why);

/** A frame that breaks RFC 6455, to which ws has sent a close by itself; or a socket that broke. */
export const onSocketError = (connection: ConnectionState, error: string | undefined): void =>
  advance(
    connection,
    error?.startsWith('WS_ERR_') === true
      ? { _tag: 'CloseSent', code: protocolClose(error).code }
      : SOCKET_BROKEN,
  );

export const onSocketClosed = (connection: ConnectionState, peerCode: number): void => {
  const { connections, hooks, emit } = connection.deps;
  advance(connection, SOCKET_CLOSED);
  connections.delete(connection);
  const { phase } = connection;
  const code = phase._tag === 'Open' ? null : phase.code;
  emit({
    _tag: 'Disconnected',
    code,
    peerCode,
    peer: () => peerOf(connection),
    life: () => lifeOf(connection),
  });
  const { onDisconnect } = hooks;
  if (onDisconnect !== undefined)
    notifyHook(connection, 'onDisconnect', () => onDisconnect(infoOf(connection), code));
};

/**
 * Called only when a receiver of the event asks for it, such as a log line: Node keeps the address of a
 * socket once it was read, 0.3 kB each.
 */
export const peerOf = ({ id, userId, admission, socket }: ConnectionState): Peer => ({
  id,
  userId,
  address: admission.address ?? socket.remoteAddress ?? '',
  room: admission.room,
});

const lifeOf = ({ deps, openedAt, messagesRead, outbox }: ConnectionState): Life => ({
  seconds: Math.round(deps.clock.scheduler.now() - openedAt) / 1_000,
  messagesIn: messagesRead,
  messagesOut: outbox.written,
});

const leaveAll = (connection: ConnectionState): void => {
  const { hub, admission, memberships, catchingUp } = connection;
  if (hub !== undefined && hasHooks(connection.deps.hooks))
    connection.lastRooms = roomsOf(connection);
  connection.hub = undefined;
  catchingUp?.cut(memberships.get(admission.room ?? GLOBAL)?.position.offset ?? 0);
  connection.catchingUp = undefined;
  for (const membership of memberships.values()) {
    const { room } = membership;
    hub?.next({ _tag: 'Leave', room, membership, reason: 'closed', ref: undefined });
  }
  memberships.clear();
  hub?.complete();
};
