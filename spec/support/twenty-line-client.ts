/**
 * The client that many write first: it keeps the id of the last frame, and comes back with this id. It loses
 * no message, as `spec/one-id-pods.spec.ts` shows. Do not copy it: its pauses never become shorter again, it
 * comes back after a refusal, it shows repeats, and a message that it sends while the connection breaks may
 * be lost. `docs/protocol.md`, section 12, has a client to copy.
 */
import type { WebSocket } from 'ws';
import type { Frame } from './invariants/frame.js';

/** What the client uses of the platform. */
export interface Platform {
  readonly WebSocket: new (url: string) => Pick<WebSocket, 'onmessage' | 'onclose' | 'onerror'>;
  readonly setTimeout: (work: () => void, ms: number) => unknown;
}

export class TwentyLineClient {
  lastId: string | undefined;
  retries = 0;

  constructor(
    readonly url: string,
    readonly onMessage: (message: Frame) => void,
    readonly platform: Platform,
  ) {}

  connect(): void {
    const socket = new this.platform.WebSocket(`${this.url}?last_id=${this.lastId}`);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data as string) as Frame;
      this.lastId = message.id;
      this.onMessage(message);
    };
    socket.onerror = () => undefined;
    socket.onclose = () => this.comeBack();
  }

  comeBack(): void {
    const ms = Math.min(1_000 * 2 ** this.retries, 30_000);
    this.retries += 1;
    this.platform.setTimeout(() => this.connect(), ms);
  }
}
