/**
 * A connection on a socket: the methods of its state (`state.ts`), which call the modules, and the events of
 * ws. Only this file and `inbound.ts` listen to the WebSocket; only this file, `lifecycle.ts` and the outbox
 * write to the socket.
 */
import type { Socket } from 'node:net';
import type { Observable } from 'rxjs';
import type { WebSocket } from 'ws';
import type { Close } from '../protocol/close-codes.js';
import type { Room } from '../protocol/position.js';
import type { LeaveReason, SystemEvent } from '../protocol/system-event.js';
import { commandsOf, onMembershipAnswered } from './connect.js';
import type { Command, Connection, Membership } from './connection.js';
import { handleFrame, receiveFrames } from './inbound.js';
import { close, onSocketClosed, onSocketError } from './lifecycle.js';
import { kick } from './memberships.js';
import { sendControl } from './sender.js';
import { revoke } from './session.js';
import { type Admission, type ConnectionDeps, ConnectionState } from './state.js';
import { isMidMessage } from './ws-internals.js';

export const connection =
  (deps: ConnectionDeps) =>
  (webSocket: WebSocket, socket: Socket, admission: Admission): Connection =>
    new SocketConnection(deps, webSocket, socket, {
      ...admission,
      resumes: deps.catchUps.resumesOf(admission.room, admission.resumes),
    });

class SocketConnection extends ConnectionState {
  constructor(deps: ConnectionDeps, webSocket: WebSocket, socket: Socket, admission: Admission) {
    super(deps, webSocket, socket, admission);
    deps.connections.add(this);
    receiveFrames(this);
    webSocket.on('error', (error: Error & { readonly code?: string }) =>
      onSocketError(this, error.code),
    );
    webSocket.on('close', (code: number) => onSocketClosed(this, code));
  }

  get command$(): Observable<Command> {
    return commandsOf(this);
  }

  send(control: SystemEvent, membership?: Membership): void {
    sendControl(this, control, membership);
    const isAnswer = control.event === 'joined' || control.event === 'left';
    if (isAnswer) onMembershipAnswered(this, membership);
  }

  handleFrame(frame: Buffer): void {
    handleFrame(this, frame);
  }

  close(why: Close): void {
    close(this, why);
  }

  kick(room: Room, reason: LeaveReason): void {
    kick(this, room, reason);
  }

  revoke(): void {
    revoke(this);
  }

  terminate(): void {
    this.webSocket.terminate();
  }

  ping(): void {
    this.webSocket.ping();
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get isMidMessage(): boolean {
    return isMidMessage(this.webSocket);
  }

  get isPaused(): boolean {
    return this.webSocket.isPaused;
  }
}
