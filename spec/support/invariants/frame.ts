/** What clients are told, read once: a message that somebody was told before is compared with what they were told. */
import * as O from 'fp-ts/lib/Option.js';
import { isSystemEvent } from '../../../lib/protocol/system-event.js';
import { GLOBAL, type MessageId, parseId, type Room } from '../../../lib/protocol/position.js';

export interface Frame {
  readonly id: string;
  readonly type: string;
  readonly room?: string | undefined;
  readonly from: string;
  readonly data?: unknown;
  /** The id that another program gave it. */
  readonly ref?: string;
  readonly timestamp?: string;
}

/** Where the id stands in a message of ours. */
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

/** Said by the server to one connection: no message of a room. */
export const isControl = ({ type, data }: Frame): boolean =>
  type === 'error' ||
  type === 'pong' ||
  (type === 'system' && isSystemEvent(recordOf(data)['event']));
