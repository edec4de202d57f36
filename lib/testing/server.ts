/**
 * A server in memory for specs of an application and of the client. It answers join, leave, chat and ping as
 * the service does (docs/protocol.md), but `left` has no `ref`. Any `id` is an idempotency key, for ever and
 * whatever the data. `fetch` answers `room.history()`. The server ignores presence and refresh, and checks no
 * tokens and no limits. A message with `scope: "pod"` is in the log all the same. A spec can make it cut
 * connections, lose messages, drain, refuse or be silent. All of it happens in the time of the clock that is
 * given.
 */
import { Subject } from 'rxjs';
import type { Message } from '../client/frames.js';
import type { ScriptedServer, ScriptedServerOptions } from './scripted-server.js';
import { historyOf } from './history.js';
import { type RoomLog, roomLog } from './room-log.js';
import { type Frame, serverSocket, type ServerSocket, socketClass } from './server-socket.js';

export const scriptedServer = (options: ScriptedServerOptions): ScriptedServer => {
  const { clock, latencyMs = 1, rate = 100 } = options;
  const { scheduler, wall } = clock;
  const sockets: ServerSocket[] = [];
  const logs = new Map<string, RoomLog>();
  const refusals = new Map<string, string>();
  const answers = new Map<string, string>();
  const frame$ = new Subject<{ readonly socket: ServerSocket; readonly frame: Frame }>();
  const message$ = new Subject<Message>();
  const accept$ = new Subject<ServerSocket>();
  let isUp = true;
  let isSilent = false;
  let isDegraded = false;
  let areAcksSent = true;

  const logOf = (room: string): RoomLog => {
    const known = logs.get(room);
    if (known !== undefined) return known;
    const made = roomLog(room);
    logs.set(room, made);
    return made;
  };
  const open = (): readonly ServerSocket[] => sockets.filter(({ isOpen }) => isOpen());

  const control = (to: ServerSocket, room: string, data: Readonly<Record<string, unknown>>): void =>
    to.send({
      id: logOf(room).controlId(wall()),
      type: 'system',
      ...(room === '' ? {} : { room }),
      from: 'server',
      data,
      timestamp: new Date(wall()).toISOString(),
    });

  const fault = (to: ServerSocket, ref: unknown, code: string): void =>
    to.send({
      id: logOf('').controlId(wall()),
      type: 'error',
      from: 'server',
      data: {
        code,
        message: `refused: ${code}`,
        ref,
        ...(code === 'rate_limited' ? { retry_in_ms: 1_000 } : {}),
      },
      timestamp: new Date(wall()).toISOString(),
    });

  const enter = (
    to: ServerSocket,
    room: string,
    lastId: string | undefined,
    ref?: unknown,
  ): void => {
    const log = logOf(room);
    const missed = lastId === undefined ? undefined : log.after(lastId);
    if (missed?.gap !== undefined)
      control(to, room, { event: 'gap', ...(room === '' ? {} : { room }), reason: missed.gap });
    for (const message of missed?.messages ?? []) to.send(message);
    to.rooms.add(room);
    control(to, room, {
      event: 'joined',
      ...(room === '' ? {} : { room }),
      position: log.lastId() ?? null,
      members: open().filter(({ rooms }) => rooms.has(room)).length,
      presence: room !== '',
      ...(missed === undefined ? {} : { recovered: missed.messages.length }),
      ...(isDegraded ? { scope: 'pod' } : {}),
      ...(ref === undefined ? {} : { ref }),
    });
  };

  const deliver = (room: string, data: unknown, from: string, type: Message['type']): Message => {
    const message = logOf(room).append(
      { type, ...(room === '' ? {} : { room }), from, data },
      wall(),
    );
    message$.next(message);
    for (const socket of open()) if (socket.rooms.has(room)) socket.send(message);
    return message;
  };

  const chat = (socket: ServerSocket, frame: Frame, room: string): void => {
    const refusal = refusals.get(room) ?? (socket.rooms.has(room) ? undefined : 'not_a_member');
    const { id: ref, data } = frame;
    if (refusal !== undefined) return fault(socket, ref, refusal);
    const key = `${room} ${String(ref)}`;
    const known = answers.get(key);
    const id = known ?? deliver(room, data, socket.connectionId, 'chat').id;
    if (typeof ref !== 'string') return;
    answers.set(key, id);
    if (areAcksSent)
      control(socket, '', {
        event: 'ack',
        ref,
        id,
        duplicate: known !== undefined,
        ...(isDegraded ? { scope: 'pod' } : {}),
      });
  };

  const received = (socket: ServerSocket, frame: Frame): void => {
    frame$.next({ socket, frame });
    const room = frame.room ?? '';
    switch (frame.type) {
      case 'ping':
        return socket.send({
          id: logOf('').controlId(wall()),
          type: 'pong',
          from: 'server',
          data: frame.data,
          timestamp: new Date(wall()).toISOString(),
        });
      case 'join': {
        const refusal = refusals.get(room);
        if (refusal !== undefined) return fault(socket, frame.id, refusal);
        return enter(socket, room, lastIdOf(frame.data), frame.id);
      }
      case 'leave':
        socket.rooms.delete(room);
        return control(socket, room, { event: 'left', room, reason: 'asked' });
      case 'chat':
        return chat(socket, frame, room);
      default:
        return;
    }
  };

  const accepted = (socket: ServerSocket): void => {
    control(socket, '', {
      event: 'welcome',
      connection_id: socket.connectionId,
      user_id: null,
      server_id: 'scripted',
      protocol: 1,
      limits: { message_bytes: 65_536, buffer_messages: 256, rate },
    });
    if (isDegraded)
      control(socket, '', { event: 'degraded', since: new Date(wall()).toISOString() });
    enter(socket, '', socket.lastId);
    accept$.next(socket);
  };

  const WebSocket = socketClass((url, protocols, client) => {
    const socket = serverSocket({
      url,
      protocols,
      client,
      scheduler,
      latencyMs,
      number: sockets.length + 1,
      isSilent: () => isSilent,
      isUp: () => isUp,
      accepted,
      received,
    });
    sockets.push(socket);
    return socket;
  });

  return {
    WebSocket,
    fetch: historyOf(logOf),
    sockets,
    open,
    frame$,
    message$,
    accept$,
    publish: (room, data, from = 'somebody') => deliver(room, data, from, 'chat'),
    cut: () => open().forEach((socket) => socket.end(1006, '')),
    close: (code, reason = '') => open().forEach((socket) => socket.end(code, reason)),
    setUp: (yes) => {
      isUp = yes;
    },
    setSilent: (yes) => {
      isSilent = yes;
      if (!yes) sockets.forEach((socket) => socket.release());
    },
    drain: (ms) => {
      for (const socket of open()) {
        control(socket, '', { event: 'draining', reconnect_in_ms: ms });
        scheduler.schedule(() => socket.end(1001, 'pod going away'), ms);
      }
    },
    setDegraded: (yes) => {
      isDegraded = yes;
      const event = yes ? 'degraded' : 'restored';
      for (const socket of open())
        control(socket, '', { event, since: new Date(wall()).toISOString() });
    },
    refuse: (room, code) => {
      if (code === undefined) refusals.delete(room);
      else refusals.set(room, code);
    },
    announce: (room, connectionId, status) => {
      for (const socket of open())
        if (socket.rooms.has(room))
          socket.send({
            id: logOf(room).controlId(wall()),
            type: 'presence',
            room,
            from: 'server',
            data: { user_id: null, connection_id: connectionId, status },
            timestamp: new Date(wall()).toISOString(),
          });
    },
    expire: () => {
      const expires_at = new Date(wall() + 30_000).toISOString();
      for (const socket of open()) control(socket, '', { event: 'token_expiring', expires_at });
    },
    remove: (room, reason) => {
      for (const socket of open())
        if (socket.rooms.delete(room)) control(socket, room, { event: 'left', room, reason });
    },
    setAcks: (yes) => {
      areAcksSent = yes;
    },
    lose: (room) => logOf(room).lose(),
    trim: (room, keep) => logOf(room).trim(keep),
  };
};

const lastIdOf = (data: unknown): string | undefined =>
  typeof data === 'object' && data !== null && 'last_id' in data && typeof data.last_id === 'string'
    ? data.last_id
    : undefined;
