/** What an application can set when it connects. */
import type { Observable, SchedulerLike } from 'rxjs';
import type { PageEvent } from './state.js';
import type { BroadcastChannelClass, Locks } from './share/browser.js';
import type { TokenSource } from './token.js';
import type { WebSocketClass } from './web-socket-class.js';

/** Time and chance, so that an application's specs can run in virtual time. */
export interface ClientClock {
  readonly scheduler: SchedulerLike;
  /** Unix ms. */
  readonly wall: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** The part of `fetch` that the client uses. */
export type Fetch = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>> },
) => Promise<{ readonly status: number; json(): Promise<unknown> }>;

export interface ConnectOptions {
  /** The address of WebSockets, such as `wss://host/api/chat-api/ws`. */
  readonly url: string;
  /**
   * A JWT for connections and for `history`. The client asks for one before each connection, and 30 s before
   * the token in use ends (for a token of less than a minute: after half of its time). With `share` the tab
   * that leads asks: before each connection, and 10 to 20 s after the server's `token_expiring`.
   */
  readonly token?: TokenSource | undefined;
  /** The class of WebSockets; by default that of the platform. Node 20 has none: pass that of `ws`. */
  readonly WebSocket?: WebSocketClass | undefined;
  /** For `room.history()`; by default that of the platform. */
  readonly fetch?: Fetch | undefined;
  /** How long a publish may take, over any number of connections, in ms; 60,000 by default. */
  readonly publishTimeoutMs?: number | undefined;
  readonly clock?: ClientClock | undefined;
  /**
   * True: all tabs of a browser with the same `url` use one socket. With a text, only the tabs that also have
   * the same text: pass the id of the user when tabs may have different users.
   */
  readonly share?: boolean | string | undefined;
  /** For `share`; by default `navigator.locks`. */
  readonly locks?: Locks | undefined;
  /** For `share`; by default that of the platform. */
  readonly BroadcastChannel?: BroadcastChannelClass | undefined;
  /** What happens to the page; by default the events of the browser, nothing in Node. */
  readonly page$?: Observable<PageEvent> | undefined;
}
