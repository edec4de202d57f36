/**
 * The times of handshakes, for spans. chat-api's public types import this file, so it imports no types of ws:
 * a program that uses chat-api may not have @types/ws.
 */
import type { IncomingMessage } from 'node:http';

/** Learns when a handshake begins and ends. */
export interface HandshakeTrace {
  readonly begun: (request: IncomingMessage) => void;
  /** `connection`: its id after 101; undefined when the handshake was refused with `status`. */
  readonly ended: (request: IncomingMessage, status: number, connection?: string) => void;
}
