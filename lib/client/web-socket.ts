/**
 * One WebSocket as a stream of inputs for the state machine, until the socket has ended. Unsubscribing closes
 * it.
 *
 * Source: it makes a stream of the callbacks of one WebSocket, and ends with its subscriber.
 */
import { Observable } from './rx.js';
import { has } from './frames.js';
import { ended } from './connections.js';
import { received } from './received.js';
import type { Change, SocketNumber } from './state.js';

/** A class of the WHATWG WebSocket: that of a browser, of Node 22, or of `ws`. */
export type WebSocketClass = new (url: string, protocols?: string[]) => object;

/** The part of the events that the client uses; of `ws` the answer to a refused handshake, too. */
interface SocketEvent {
  readonly data: unknown;
  readonly code: number;
  readonly reason: string;
}

interface Refusal {
  readonly statusCode: number;
  readonly headers: { readonly 'retry-after'?: string };
}

interface WebSocketLike {
  send(data: string): void;
  close(code: number): void;
  addEventListener(type: string, listener: (event: SocketEvent) => void): void;
  on?(type: string, listener: (request: unknown, response: Refusal) => void): void;
}

const isWebSocket = (made: object): made is WebSocketLike => has(made, 'send');

export interface SocketDeps {
  readonly WebSocket: WebSocketClass;
  readonly url: string;
  readonly protocols: string[];
  readonly socket: SocketNumber;
  readonly send$: Observable<string>;
}

/** The close code for each status of a refused handshake. In a browser each of them is 1006. */
const CLOSES: Readonly<Record<number, number>> = {
  400: 4500,
  401: 4001,
  403: 4513,
  429: 4029,
  503: 1013,
};

export const webSocketInputs = (deps: SocketDeps): Observable<Change> =>
  new Observable((out) => {
    const { WebSocket, url, protocols, socket, send$ } = deps;
    const end = (code: number, because: string, retryInMs?: number): void => {
      out.next(ended(socket, code, because, retryInMs));
      out.complete();
    };
    try {
      const ws = new WebSocket(url, protocols);
      if (!isWebSocket(ws)) return;
      ws.addEventListener('message', ({ data }) => out.next(received(socket, data)));
      ws.addEventListener('close', ({ code, reason }) => end(code, reason || `code ${code}`));
      // `close` follows
      ws.addEventListener('error', () => undefined);
      ws.on?.('unexpected-response', (_, { statusCode, headers }) => {
        const seconds = Number(headers['retry-after']);
        end(
          CLOSES[statusCode] ?? 1006,
          `HTTP ${statusCode}`,
          seconds ? seconds * 1_000 : undefined,
        );
      });
      out.add(send$.subscribe((text) => ws.send(text)));
      out.add(() => ws.close(1000));
    } catch (thrown) {
      // 1002 is final: another try would throw again
      end(1002, String(thrown));
    }
  });
