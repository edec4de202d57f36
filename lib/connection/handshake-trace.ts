/** The times of handshakes, for spans. It imports no types of ws: the types of the package lead here. */
import type { IncomingMessage } from 'node:http';

/** Learns when a handshake begins and ends. */
export interface HandshakeTrace {
  readonly begun: (request: IncomingMessage) => void;
  /** `connection`: its id after 101; undefined when the handshake was refused with `status`. */
  readonly ended: (request: IncomingMessage, status: number, connection?: string) => void;
}
