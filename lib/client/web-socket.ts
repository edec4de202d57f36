/**
 * One WebSocket as a stream of inputs for the state machine, until the socket has ended. Unsubscribing closes
 * it.
 *
 * Source: it makes a stream of the callbacks of one WebSocket, and ends with its subscriber.
 */
import { Observable } from './rx.js';
import { ended } from './connections.js';
import { has } from './frames.js';
import { CLOSES, type WebSocketLike, WHICH_CLASS } from './web-socket-class.js';
import { received } from './received.js';
import type { SocketNumber } from './connection.js';
import type { Change } from './state.js';

export const webSocketInputs = (
  socket: SocketNumber,
  open: () => object,
  send$: Observable<string>,
): Observable<Change> =>
  new Observable((out) => {
    const end = (code: number, because: string, retryInMs?: number): void => {
      out.next(ended(socket, code, because, retryInMs));
      out.complete();
    };
    try {
      const ws = open();
      if (!has<WebSocketLike>(ws, 'send')) throw new TypeError(WHICH_CLASS);
      ws.addEventListener('message', ({ data }) => out.next(received(socket, data)));
      ws.addEventListener('close', ({ code, reason, retryInMs }) =>
        end(code, reason || `code ${code}`, retryInMs),
      );
      // `close` follows
      ws.addEventListener('error', () => undefined);
      ws.on?.('unexpected-response', (_, { statusCode, headers }) => {
        const seconds = Number(headers['retry-after']);
        end(
          CLOSES[statusCode] ?? 1006,
          `HTTP ${statusCode}`,
          seconds > 0 ? seconds * 1_000 : undefined,
        );
      });
      out.add(send$.subscribe((text) => ws.send(text)));
      out.add(() => ws.close(1000));
    } catch (thrown) {
      // 1002 is final: another try would throw again
      end(1002, String(thrown));
    }
  });
