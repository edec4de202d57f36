/**
 * The hooks of an application, and what they get. The messages of a connection pass `onMessage` one after the
 * other. A hook that throws, rejects, takes longer than a second or gives an invalid answer affects only its
 * message (`unavailable` to the sender: docs/protocol.md, section 6).
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Observable } from 'rxjs';
import type { Claims } from './auth/index.js';
import type { Json } from './protocol/json.js';
import type { Room } from './protocol/position.js';

/** A hook answers at once, with a promise, or with a stream, of which the first value counts. */
export type MaybeAsync<A> = A | PromiseLike<A> | Observable<A>;

/** The request with which a connection began. */
export interface Handshake {
  /** Path and query of the request. `token=***` stands for `token` and its value. */
  readonly url: string;
  /** With names in lower case, as in Node. Headers contain cookies and credentials: do not log them. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /**
   * The address of the client: the socket's, or, behind `TRUSTED_PROXIES`, the one that the proxies name. Of
   * an IPv6 address only its block, such as `2001:db8:1:2::/64`.
   */
  readonly address: string;
}

/** A connection as applications see it. */
export interface ConnectionInfo extends Handshake {
  /** Distinguishes a connection from programs and HTTP (`Sender`). */
  readonly via: 'socket';
  /** The `data.connection_id` of `welcome`. */
  readonly id: string;
  /** The authenticated user, or null. */
  readonly userId: string | null;
  /** The claims of its token; after a `refresh`, of the new one; null without a token. */
  readonly claims: Claims | null;
  /**
   * The rooms that the connection is in or has asked to join: the URL's room from `onConnect` on, never the
   * global log. In `onDisconnect`: the same rooms at the moment when the connection ended.
   */
  readonly rooms: () => readonly Room[];
  /** Sends a `notification` to this connection only; no log has it. `data` is any JSON value. */
  readonly notify: (data: Json) => void;
  /**
   * Closes the connection with 1000 or a code of 3000–4999, and a reason of at most 123 bytes; throws a
   * RangeError for other codes and longer reasons. The client reconnects unless the code is 1000 or
   * 4500–4999.
   */
  readonly close: (code: number, reason: string) => void;
}

/** The sender of a message: a connection, a program over HTTP, or the embedding program. */
export type Sender = ConnectionInfo | HttpSender | ProgramSender;

/** `POST …/messages`. */
export interface HttpSender {
  readonly via: 'http';
  /** The user of the request's token; null without a token, or when authentication is off. */
  readonly userId: string | null;
}

/** `publish` of the library. */
export interface ProgramSender {
  readonly via: 'program';
  /** The `from` of the message. */
  readonly from: string;
}

/** A message on its way to a room; the empty room name is the global log. */
export interface Incoming {
  /** `presence`: a client's `online` or `away`. A hook cannot change the type. */
  readonly type: 'chat' | 'presence';
  readonly room: Room;
  readonly data: Json;
}

/** The message that a hook passes on: as it came, or changed. */
export type Outgoing = Pick<Incoming, 'room' | 'data'>;

/** An answer to the sender in place of the message: an error with the code `rejected` and this text. */
export interface Rejection {
  readonly rejected: string;
}

/**
 * Rejects a message with a text for its sender, who gets the first 1,024 characters. Half a surrogate pair
 * becomes U+FFFD.
 */
export const reject = (text: string): Rejection => ({ rejected: text });

/** The hooks of an application. Those of a connection are called in the order of its events. */
export interface Hooks {
  /** A connection was accepted and has got `welcome`. */
  readonly onConnect?: (connection: ConnectionInfo) => MaybeAsync<void>;
  /**
   * Called with every chat, from a socket, HTTP or the program, and with every presence of a client. Pass the
   * message on as it is or changed, drop it with null (the sender gets no error), or answer with
   * `reject(text)`. `from.via` says where the message came from. Not called for `notification` and `system`,
   * which come from programs only, nor for messages of other pods. The hook counts as failed when its answer
   * has no room or no `data`. For a message of a socket it also counts as failed when the answer has a room
   * that the connection has not joined.
   */
  readonly onMessage?: (message: Incoming, from: Sender) => MaybeAsync<Outgoing | Rejection | null>;
  /** A connection has ended. `code`: the code that the server sent; null when the server sent none. */
  readonly onDisconnect?: (connection: ConnectionInfo, code: number | null) => MaybeAsync<void>;
}

/** Whether any hook is set. Data that only hooks need is not kept otherwise. */
export const hasHooks = ({ onConnect, onMessage, onDisconnect }: Hooks): boolean =>
  (onConnect ?? onMessage ?? onDisconnect) !== undefined;
