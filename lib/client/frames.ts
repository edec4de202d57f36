/**
 * The frames of the protocol as the client reads and writes them (docs/protocol.md, sections 2 to 6). The
 * server's own types are used; a frame that is none of them is skipped, so a newer server breaks no client.
 */
import type { MessageType } from '../protocol/publication.js';
import { type ErrorCode, isSystemEvent, type SystemEvent } from '../protocol/system-event.js';

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
  /** The id that the sender gave it, on the sender's own connection; else another program's own id. */
  readonly ref?: string;
}

export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly ref?: string;
  readonly retry_in_ms?: number;
}

export type ServerFrame =
  | { readonly _tag: 'Message'; readonly room: string; readonly message: Message }
  | { readonly _tag: 'Presence'; readonly room: string; readonly message: Message }
  /** `room` is empty for the global log. */
  | {
      readonly _tag: 'Control';
      readonly room: string;
      readonly id: string;
      readonly event: SystemEvent;
    }
  | { readonly _tag: 'Error'; readonly error: ErrorData }
  | { readonly _tag: 'Other' };

const OTHER: ServerFrame = { _tag: 'Other' };

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const isMessage = (frame: unknown): frame is Message =>
  isRecord(frame) &&
  [frame['id'], frame['type'], frame['from'], frame['timestamp']].every(
    (field) => typeof field === 'string',
  );

const isError = (data: unknown): data is ErrorData =>
  isRecord(data) && typeof data['code'] === 'string' && typeof data['message'] === 'string';

const isControl = (data: unknown): data is SystemEvent =>
  isRecord(data) && isSystemEvent(data['event']);

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const readFrame = (text: string): ServerFrame => {
  const message = parsed(text);
  if (!isMessage(message)) return OTHER;
  const { id, type, data, room = GLOBAL } = message;
  switch (type) {
    case 'chat':
    case 'notification':
      return { _tag: 'Message', room, message };
    case 'presence':
      return { _tag: 'Presence', room, message };
    case 'system': {
      if (!isControl(data)) return { _tag: 'Message', room, message };
      const of = 'room' in data ? (data.room ?? GLOBAL) : GLOBAL;
      return { _tag: 'Control', room: of, id, event: data };
    }
    case 'error':
      return isError(data) ? { _tag: 'Error', error: data } : OTHER;
    default:
      return OTHER;
  }
};

/** `ref` comes back in the answer. */
export const joinFrame = (ref: string, room: string, lastId: string | undefined): string =>
  JSON.stringify({
    type: 'join',
    id: ref,
    room,
    data: lastId === undefined ? {} : { last_id: lastId },
  });

export const leaveFrame = (room: string): string => JSON.stringify({ type: 'leave', room });
export const pingFrame = (): string => '{"type":"ping"}';
export const refreshFrame = (token: string): string =>
  JSON.stringify({ type: 'refresh', data: { token } });
export const presenceFrame = (room: string, status: string): string =>
  JSON.stringify({ type: 'presence', room, data: { status } });
/** Throws a TypeError for data that JSON cannot represent. */
export const chatFrame = (ref: string, room: string, data: unknown): string => {
  const encoded = JSON.stringify(data) as string | undefined;
  if (encoded === undefined)
    throw new TypeError('data: expected a value that JSON can represent; null is one');
  return `{"type":"chat","id":${JSON.stringify(ref)},"room":${JSON.stringify(room)},"data":${encoded}}`;
};
