/** The WebSocket that a client is given: its class, and what is used of its events. */
/** A class of the WHATWG WebSocket: that of a browser, of Node 22, or of `ws`. */
export type WebSocketClass = new (url: string, protocols?: string[]) => object;

/** Makes a WebSocket. */
export type OpenSocket = (url: string, protocols: string[]) => object;

/** The part of the events that the client uses. */
interface SocketEvent {
  readonly data: unknown;
  readonly code: number;
  readonly reason: string;
  /** Only from the WebSocket of `share/`: how long to wait before the next try. */
  readonly retryInMs?: number | undefined;
}

/** The answer to a refused handshake. Only `ws` has it. */
interface Refusal {
  readonly statusCode: number;
  readonly headers: { readonly 'retry-after'?: string };
}

export interface WebSocketLike {
  send(data: string): void;
  close(code: number): void;
  addEventListener(type: string, listener: (event: SocketEvent) => void): void;
  on?(type: string, listener: (request: unknown, response: Refusal) => void): void;
}

/** The text of the error when there is no class, or when the class makes no WebSockets. */
export const WHICH_CLASS = "WebSocket: pass that of 'ws'";

/**
 * The close code that the client uses for the status of a refused handshake; for another status, and in a
 * browser, it is 1006.
 */
export const CLOSES: Readonly<Record<number, number>> = {
  400: 4500,
  401: 4001,
  403: 4513,
};
