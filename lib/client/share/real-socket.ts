/** The WebSocket of a leader: its callbacks become calls, until it has ended or is closed. */
import { has } from '../frames.js';
import { CLOSES, type OpenSocket, type WebSocketLike, WHICH_CLASS } from '../web-socket-class.js';

export interface RealSocket {
  send(text: string): void;
  close(): void;
}

export interface RealSocketDeps {
  readonly open: OpenSocket;
  readonly url: string;
  readonly token: string;
  readonly lastId: string | undefined;
  readonly received: (text: string) => void;
  readonly ended: (code: number, reason: string, retryInMs?: number) => void;
}

export const realSocket = (deps: RealSocketDeps): RealSocket => {
  const { open, url, token, lastId, received } = deps;
  let isOver = false;
  const end = (code: number, reason: string, retryInMs?: number): void => {
    if (!isOver) deps.ended(code, reason, retryInMs);
    isOver = true;
  };
  const to = lastId ? `${url}${url.includes('?') ? '&' : '?'}last_id=${lastId}` : url;
  const ws = open(to, ['realtime.v1', ...(token ? [`bearer.${token}`] : [])]);
  if (!has<WebSocketLike>(ws, 'send')) throw new TypeError(WHICH_CLASS);
  ws.addEventListener('message', ({ data }) => {
    if (!isOver) received(String(data));
  });
  ws.addEventListener('close', ({ code, reason }) => end(code, reason || `code ${code}`));
  // `close` follows
  ws.addEventListener('error', () => undefined);
  ws.on?.('unexpected-response', (_, { statusCode, headers }) => {
    const seconds = Number(headers['retry-after']);
    end(
      CLOSES[statusCode] ?? 1006,
      `HTTP ${statusCode}`,
      seconds > 0 ? seconds * 1_000 : undefined,
    );
    // with a listener for this event, ws leaves the connection of the handshake open
    ws.close(1000);
  });
  return {
    send: (text) => ws.send(text),
    close: () => {
      isOver = true;
      ws.close(1000);
    },
  };
};
