/** The JSON that travels: what clients get, and what stands on a room's channel. Also what the server says itself. */
import type { Control, Refusal } from '../control.js';
import { BLANK_ID, formatId, GLOBAL, type Id, type Room, writeId } from '../position.js';
import { frameOf, payloadStart } from './frame.js';
import type { Json } from './json.js';

/** `{"id":"…36…",` */
const ID_PREFIX = '{"id":"';
const ID_SUFFIX = '",';
/** Bytes in front of what follows the id. */
export const ID_BYTES = ID_PREFIX.length + 36 + ID_SUFFIX.length;

/** The text that travels: what clients get, and what stands on the room's channel. */
export const payloadOf = (idText: string, rest: string): string =>
  ID_PREFIX + idText + ID_SUFFIX + rest;

const BLANK_HEAD = payloadOf(BLANK_ID, '');

/** The same in its frame. */
export const placedFrame = (id: Id, rest: string): Buffer => {
  const frame = frameOf(BLANK_HEAD + rest);
  writeId(id, frame, payloadStart(frame) + ID_PREFIX.length);
  return frame;
};

/** A control message; `id` is outside the log that its `data.room` names, or the global one. */
export const controlFrame = (id: Id, at: number, data: Control): Buffer =>
  encodeServer(
    id,
    at,
    'system',
    'room' in data && data.room !== undefined ? data.room : GLOBAL,
    data,
  );

export const errorFrame = (id: Id, at: number, { code, text, ref, retryInMs }: Refusal): Buffer =>
  encodeServer(id, at, 'error', GLOBAL, { code, message: text, ref, retry_in_ms: retryInMs });

export const pongFrame = (id: Id, at: number, data: Json): Buffer =>
  encodeServer(id, at, 'pong', GLOBAL, data);

const encodeServer = (id: Id, at: number, type: string, room: Room, data: Json): Buffer => {
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  const value = data === undefined ? '' : `"data":${JSON.stringify(data)},`;
  return frameOf(
    `${ID_PREFIX}${formatId(id)}${ID_SUFFIX}"type":"${type}",${named}"from":"server",${value}"timestamp":"${isoOf(at)}"}`,
  );
};

let isoSecond = Number.NaN;
let iso = '';
/** Many messages share a second; `toISOString` costs 0.5 µs. */
export const isoOf = (at: number): string => {
  const second = Math.floor(at / 1000);
  if (second !== isoSecond) {
    isoSecond = second;
    iso = new Date(second * 1000).toISOString().slice(0, -4);
  }
  const ms = Math.floor(at - second * 1000);
  return `${iso}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
};

/** The server's texts of presence (contract section 1). */
export const presenceData = (
  userId: string | null,
  connectionId: string,
  status: 'online' | 'offline',
): Json => ({
  user_id: userId,
  connection_id: connectionId,
  status,
});

/** The `from` of what the server says itself. */
export const SERVER = 'server';
