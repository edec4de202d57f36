/** The JSON of messages: what clients get, what is on a room's channel, and the server's own messages. */
import * as E from 'fp-ts/lib/Either.js';
import type { SystemEvent, Refusal } from './system-event.js';
import { BLANK_ID, formatId, GLOBAL, type MessageId, type Room, writeId } from './position.js';
import { frameOf, payloadStart } from './frame.js';
import { type Json, MAX_ENCODED_BYTES, refuse } from './json.js';

/** `{"id":"…36…",` */
const ID_PREFIX = '{"id":"';
const ID_SUFFIX = '",';
/** The bytes before the JSON that follows the id. */
export const ID_BYTES = ID_PREFIX.length + 36 + ID_SUFFIX.length;

/** The JSON text of a message: what clients get, and what is on the room's channel. */
export const payloadOf = (idText: string, rest: string): string =>
  ID_PREFIX + idText + ID_SUFFIX + rest;

/**
 * The fault of a message that exceeds 131,072 bytes; `rest` follows its id. Data can grow when it is encoded
 * again: `1e20` becomes 21 digits.
 */
export const oversize = (rest: string): E.Either<Refusal, never> | undefined =>
  // a UTF-16 unit has at most 3 bytes of UTF-8, so most messages need no exact count
  rest.length * 3 + ID_BYTES <= MAX_ENCODED_BYTES ||
  Buffer.byteLength(rest) + ID_BYTES <= MAX_ENCODED_BYTES
    ? undefined
    : refuse(
        'invalid_message',
        `data: expected at most ${MAX_ENCODED_BYTES} bytes for the whole message as the server encodes it, got more`,
      );

const BLANK_HEAD = payloadOf(BLANK_ID, '');

/** The JSON text in a WebSocket frame. */
export const frameWithId = (id: MessageId, rest: string): Buffer => {
  const frame = frameOf(BLANK_HEAD + rest);
  writeId(id, frame, payloadStart(frame) + ID_PREFIX.length);
  return frame;
};

/** A control message. `connection/control-id.ts` and `room/channel.ts` make its `id`. */
export const systemFrame = (id: MessageId, at: number, data: SystemEvent): Buffer =>
  encodeServer(
    id,
    at,
    'system',
    'room' in data && data.room !== undefined ? data.room : GLOBAL,
    data,
  );

export const errorFrame = (
  id: MessageId,
  at: number,
  { code, text, ref, retryInMs }: Refusal,
): Buffer =>
  encodeServer(id, at, 'error', GLOBAL, { code, message: text, ref, retry_in_ms: retryInMs });

/**
 * The answer to a ping, with its data. Errors: `invalid_message` when it exceeds 131,072 bytes, as for a
 * chat.
 */
export const pongFrame = (id: MessageId, at: number, data: Json): E.Either<Refusal, Buffer> => {
  const rest = serverRest(at, 'pong', GLOBAL, data);
  return oversize(rest) ?? E.right(frameOf(payloadOf(formatId(id), rest)));
};

const encodeServer = (id: MessageId, at: number, type: string, room: Room, data: Json): Buffer =>
  frameOf(payloadOf(formatId(id), serverRest(at, type, room, data)));

const serverRest = (at: number, type: string, room: Room, data: Json): string => {
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  const value = data === undefined ? '' : `"data":${JSON.stringify(data)},`;
  return `"type":"${type}",${named}"from":"server",${value}"timestamp":"${isoOf(at)}"}`;
};

let isoSecond = Number.NaN;
let iso = '';
/** Cached by second, as many messages share one; `toISOString` costs 0.5 µs. */
export const isoOf = (at: number): string => {
  const second = Math.floor(at / 1000);
  if (second !== isoSecond) {
    isoSecond = second;
    iso = new Date(second * 1000).toISOString().slice(0, -4);
  }
  const ms = Math.floor(at - second * 1000);
  return `${iso}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
};

/** The `data` of the server's presence messages (docs/protocol.md, section 9). */
export const presenceData = (
  userId: string | null,
  connectionId: string,
  status: 'online' | 'offline',
): Json => ({
  user_id: userId,
  connection_id: connectionId,
  status,
});

/** The `from` of the server's own messages. */
export const SERVER = 'server';
