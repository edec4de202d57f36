/** Reads what clients get, once: the text of a message that another client got before is only compared. */
import * as O from 'fp-ts/lib/Option.js';
import { isSystemEvent } from '../../../lib/protocol/system-event.js';
import { GLOBAL, type MessageId, parseId, type Room } from '../../../lib/protocol/position.js';

export interface Frame {
  readonly id: string;
  readonly type: string;
  readonly room?: string | undefined;
  readonly from: string;
  readonly data?: unknown;
  /** The id that another program gave the message. */
  readonly ref?: string;
  readonly timestamp?: string;
}

/** The position of the id in a message of the service. */
const ID_AT = [7, 43] as const;

export const idTextOf = (text: string): string => text.slice(...ID_AT);

export const idOf = (text: string): MessageId | undefined => {
  const id = parseId(text);
  return O.isSome(id) ? id.value : undefined;
};

export const positionText = ({ tag, offset, outside }: Position & { outside?: boolean }): string =>
  `${tag}/${offset}${outside === true ? ' outside the log' : ''}`;

export const roomText = (room: Room): string => (room === GLOBAL ? 'the global log' : room);

export interface Position {
  readonly tag: number;
  readonly offset: number;
}

export const recordOf = (data: unknown): Readonly<Record<string, unknown>> =>
  typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};

export const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Whether the server sends it to one connection: it is no message of a room. */
export const isControl = ({ type, data }: Frame): boolean =>
  type === 'error' ||
  type === 'pong' ||
  (type === 'system' && isSystemEvent(recordOf(data)['event']));
