/**
 * What comes on a room's channel (contract section 5): another pod's message, or any program's. Nothing in
 * it tells the two apart: a message is a pod's own when the log holds it (`broker/cluster/confirmation.ts`).
 * What the log does not hold reaches members in another form (`broker/cluster/unlogged.ts`): under an id of
 * ours and with the fields that we know, never as the bytes that came.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { GLOBAL, type MessageId, parseId, type Room } from './position.js';
import { frameAround } from './frame.js';
import { DATA, Envelope, type Json, JsonText, kindOf, MAX_ENCODED_BYTES } from './json.js';
import { ID_BYTES, oversize, frameWithId, SERVER } from './payload.js';
import {
  eventFlaw,
  type MessageType,
  ownConnection,
  parseStored,
  Publication,
  textFlaw,
} from './publication.js';

const FOREIGN_TYPES: ReadonlySet<string> = new Set<MessageType>([
  'chat',
  'presence',
  'notification',
  'system',
]);

/** A payload's fields, all of them as they should be. */
interface Fields {
  readonly id: MessageId;
  /** As it was written: in capitals it is the same one. */
  readonly idText: string;
  readonly type: string;
  readonly from: string;
  readonly data: Json;
  readonly timestamp: string;
}

/** `Left` says in words why a payload is no message of this room; such a payload is dropped and counted. */
export const decodePublication = (payload: Buffer, room: Room): E.Either<string, Publication> =>
  E.map(
    ({ id, idText, type, from, data }: Fields) =>
      new Publication(
        id,
        idText.toLowerCase(),
        type,
        frameAround(payload),
        ownConnection(type, from, data),
      ),
  )(fieldsOf(payload, room));

/** What a pod's script gives a place; presence has none. */
const PLACED_TYPES: ReadonlySet<string> = new Set<MessageType>(['chat', 'notification', 'system']);

/**
 * The same, read as far as it must be while it waits for the log's word: what the log holds a pod's script
 * has written, so of what begins as that does the head alone is read, 1 µs rather than 4. What the log does
 * not hold is judged by `decodePublication` then.
 */
export const pushedPublication = (payload: Buffer, room: Room): E.Either<string, Publication> => {
  const flaw = bytesFlaw(payload);
  if (flaw !== undefined) return E.left(flaw);
  const placed = parseStored(frameAround(payload));
  return O.isSome(placed) && mayBePlaced(placed.value, room)
    ? E.right(placed.value)
    : decodePublication(payload, room);
};

/** `}` */
const LAST_BYTE = 0x7d;

const mayBePlaced = ({ id, type, payload }: Publication, room: Room): boolean => {
  const at = ID_BYTES + '"type":"",'.length + type.length;
  const next = room === GLOBAL ? '"from":"' : `"room":"${room}","from":"`;
  return (
    !id.outside &&
    id.global === (room === GLOBAL) &&
    PLACED_TYPES.has(type) &&
    payload[payload.length - 1] === LAST_BYTE &&
    payload.toString('latin1', at, at + next.length) === next
  );
};

/**
 * The message in our words, under this id. `isForeign`: another program's, whose own id members find in
 * `ref`; else what a pod said outside the log, which shows a place that this pod need not believe.
 */
export const reissued = (
  { payload, except }: Publication,
  room: Room,
  id: MessageId,
  isForeign: boolean,
): E.Either<string, Publication> => {
  const fields = fieldsOf(payload, room);
  if (E.isLeft(fields)) return fields;
  const { idText, type, from, data, timestamp } = fields.right;
  // only a pod knows who has come and gone, and takes nobody's word for it
  if (isForeign && type === 'presence' && from === SERVER)
    return E.left('from: a presence from outside may not be from the server');
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  const rest = `"type":"${type}",${named}"from":${JSON.stringify(from)},"data":${JSON.stringify(data)},"timestamp":"${timestamp}"`;
  // as large as a message of ours may be; `ref` stands beside it
  return oversize(`${rest}}`) === undefined
    ? E.right(
        new Publication(
          id,
          undefined,
          type,
          frameWithId(id, isForeign ? `${rest},"ref":"${idText}"}` : `${rest}}`),
          isForeign ? undefined : except,
        ),
      )
    : E.left(`expected at most ${MAX_ENCODED_BYTES} bytes when encoded again, got more`);
};

/** By it a message that was passed on is known again. */
export const digestOfPayload = ({ payload }: Publication): string =>
  createHash('sha1').update(payload).digest('base64');

const bytesFlaw = (payload: Buffer): string | undefined => {
  if (payload.length > MAX_ENCODED_BYTES)
    return `expected at most ${MAX_ENCODED_BYTES} bytes, got ${payload.length}`;
  return isUtf8(payload) ? undefined : 'expected UTF-8, got other bytes';
};

const fieldsOf = (payload: Buffer, room: Room): E.Either<string, Fields> => {
  const wrongBytes = bytesFlaw(payload);
  if (wrongBytes !== undefined) return E.left(wrongBytes);
  const json = JsonText.read(payload.toString('utf8'));
  if (json === undefined) return E.left('expected JSON, got something else');
  const parsed = json.value;
  if (!Envelope.is(parsed) || Array.isArray(parsed))
    return E.left(`expected an object, got ${kindOf(parsed)}`);
  const { id: idText, type, from, data, timestamp } = parsed;
  if (typeof idText !== 'string') return E.left(`id: expected a UUIDv7, got ${kindOf(idText)}`);
  const id = parseId(idText);
  if (O.isNone(id)) return E.left('id: the text is no UUIDv7');
  if (typeof type !== 'string' || !FOREIGN_TYPES.has(type))
    return E.left('type: publish chat, presence, notification or system');
  if (parsed['room'] !== (room === GLOBAL ? undefined : room))
    return E.left('room: name the room of the channel, and none on the global channel');
  const wrongFrom = textFlaw(from);
  if (typeof from !== 'string' || wrongFrom !== undefined)
    return E.left(`from: ${wrongFrom ?? ''}`);
  if (!isTime(timestamp))
    return E.left(
      'timestamp: expected ISO 8601 in UTC with milliseconds, of a day that there is, got something else',
    );
  if (data === undefined) return E.left('data: expected a JSON value, got nothing');
  const flaw = json.flawIn(data, DATA);
  if (flaw !== undefined) return E.left(`data: ${flaw}`);
  const wrongEvent = type === 'system' ? eventFlaw(data) : undefined;
  if (wrongEvent !== undefined) return E.left(`data${wrongEvent}`);
  return E.right({ id: id.value, idText, type, from, data, timestamp });
};

const TIME = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z$/;

/** The last text that was a time: many messages share a millisecond. */
let lastTime = '';
const isTime = (text: unknown): text is string => {
  if (typeof text !== 'string') return false;
  if (text === lastTime) return true;
  if (!TIME.test(text)) return false;
  const at = Date.parse(text);
  // of a month without that day it makes the next month's first days
  if (Number.isNaN(at) || new Date(at).toISOString() !== text) return false;
  lastTime = text;
  return true;
};
