/** What a spec can ask of the server in memory (`server.ts`). */
import type { Observable } from 'rxjs';
import type { Message } from '../client/frames.js';
import type { ClientClock, Fetch } from '../client/options.js';
import type { WebSocketClass } from '../client/web-socket-class.js';
import type { LeaveReason } from '../protocol/system-event.js';
import type { Frame, ServerSocket } from './server-socket.js';

export interface ScriptedServer {
  /** To be given to `connect` as `WebSocket`. */
  readonly WebSocket: WebSocketClass;
  /** To be given to `connect` as `fetch`: then `room.history()` reads the logs of this server. */
  readonly fetch: Fetch;
  /** All connections, the first one first. */
  readonly sockets: readonly ServerSocket[];
  /** The connections that are open. */
  open(): readonly ServerSocket[];
  /** Every frame of every client, as it comes. */
  readonly frame$: Observable<{ readonly socket: ServerSocket; readonly frame: Frame }>;
  /** Each connection, after its welcome. */
  readonly accept$: Observable<ServerSocket>;
  /** Every message of every room, as it is published. */
  readonly message$: Observable<Message>;
  /** Publishes a chat as another client, whose name is `from`. `room`: the empty name is the global log. */
  publish(room: string, data: unknown, from?: string): Message;
  /** All open connections are broken, with no close frame: the client sees code 1006. */
  cut(): void;
  /** All open connections are closed with a code (docs/protocol.md, section 7) and a reason. */
  close(code: number, reason?: string): void;
  /** While false, no connection can be opened. */
  setUp(isUp: boolean): void;
  /**
   * While true, the server sends no frame. `close`, `cut` and the end of a drain still close connections.
   * What was held back is sent afterwards, on the connections that are still open.
   */
  setSilent(isSilent: boolean): void;
  /** Connections get `draining`, and are closed with 1001 after this many ms. */
  drain(ms: number): void;
  /** Connections get `degraded` or `restored`. While true, `joined` and `ack` have `scope: "pod"`. */
  setDegraded(isDegraded: boolean): void;
  /** Joins of the room and publishes to it get this error code, such as `forbidden`; `undefined`: no more. */
  refuse(room: string, code: string | undefined): void;
  /** The members get the server's report of a connection that joined or left; `connectionId` is any text. */
  announce(room: string, connectionId: string, status: 'online' | 'offline'): void;
  /** Connections get `token_expiring`: the client asks its `token` function again after 10 to 20 s. */
  expire(): void;
  /** All connections are removed from a room: `forbidden`, or `failed`, after which a client joins again. */
  remove(room: string, reason: LeaveReason): void;
  /** While false, publishes are taken and not acked. */
  setAcks(areSent: boolean): void;
  /** The messages of the room are lost. */
  lose(room: string): void;
  /** Only the last messages of the room stay. */
  trim(room: string, keep: number): void;
}

export interface ScriptedServerOptions {
  readonly clock: ClientClock;
  /** How long a frame takes; 1 ms by default. */
  readonly latencyMs?: number;
  /** `limits.rate` of `welcome`, 100 by default. The server does not enforce it. */
  readonly rate?: number;
}
