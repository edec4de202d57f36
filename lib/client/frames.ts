/**
 * The frames of the protocol as the client reads and writes them (docs/protocol.md, sections 2 to 6). The
 * server's own types are used. A text that is no JSON object with an `id` is skipped. A frame of an unknown
 * type is delivered as a message of its room.
 */
import type { MessageType } from '../protocol/system-event.js';
import type { ErrorCode } from '../protocol/system-event.js';

/** The name of the global log. */
export const GLOBAL = '';

/** A message of a room, as the server sent it. `room` is absent in a global message. */
export interface Message<T = unknown> {
  readonly id: string;
  readonly type: MessageType | 'error' | 'pong';
  readonly room?: string;
  readonly from: string;
  readonly data: T;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  /**
   * Only in a message that came through Redis and is in no log: the id that it had on Redis
   * (docs/protocol.md, section 3.4).
   */
  readonly ref?: string;
}

/** The server's report: a connection has joined or left the room, or its socket has broken. */
export interface ConnectionPresence
  extends Message<{
    readonly connection_id: string;
    /** Null without a token. */
    readonly user_id: string | null;
    readonly status: 'online' | 'offline';
  }> {
  readonly type: 'presence';
}

/** What a member says of itself, by `setPresence`; `from` is the member. Other clients may add fields. */
export interface MemberPresence
  extends Message<{
    readonly connection_id?: undefined;
    readonly status: 'online' | 'away';
    readonly [field: string]: unknown;
  }> {
  readonly type: 'presence';
}

/**
 * The report of the server has `from: 'server'` and a `connection_id`. This library sends no `connection_id`;
 * the server does not remove one that another client sends.
 */
export type Presence = ConnectionPresence | MemberPresence;

/** Any message of the server. */
export type Received =
  | Presence
  | (Message & { readonly type: Exclude<Message['type'], 'presence'> });

export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly ref?: string;
  readonly retry_in_ms?: number;
}

/**
 * Takes a value with this field for a T. The field alone is checked; the other ones are as they came. A guard
 * of its own for each type would cost 0.1 kB.
 */
export const has = <T>(value: unknown, field: string & keyof T): value is T =>
  field in Object(value);

/** Undefined for a text that is no JSON object with a text as `id`. */
export const readFrame = (text: unknown): Received | undefined => {
  try {
    const frame: unknown = JSON.parse(String(text));
    return has<Received>(frame, 'id') && typeof frame.id === 'string' ? frame : undefined;
  } catch {
    return undefined;
  }
};

export const frame = (type: string, rest?: object): string => JSON.stringify({ type, ...rest });

/**
 * Throws a TypeError for data that is no JSON value, such as undefined or a function. What is inside of the
 * data is not looked at: JSON leaves out or changes what it cannot hold, and a check would cost 60 bytes.
 */
export const chatFrame = (id: string, room: string, data: unknown): string => {
  const text = frame('chat', { id, room, data });
  if ('data' in JSON.parse(text)) return text;
  throw new TypeError('data: pass a JSON value');
};
