/**
 * Payloads of a room's channel (docs/protocol.md, section 3.4): messages of pods, or of other programs. The
 * payload does not show which. A message was sent by a pod when the log has it
 * (`broker/cluster/confirmation.ts`). A message that the log does not have is encoded again for the members
 * (`reissued`, for `broker/cluster/outside-log.ts`): with a new id and the known fields only. The bytes of
 * such a message, as they were received, are never sent.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { GLOBAL, type MessageId, parseId, type Room } from './position.js';
import { frameAround } from './frame.js';
import { DATA, Envelope, type Json, JsonText, kindOf, MAX_ENCODED_BYTES } from './json.js';
import { ID_BYTES, oversize, frameWithId, SERVER } from './payload.js';
import { eventFlaw, ownConnection, parseStored, Publication, textFlaw } from './publication.js';
import type { MessageType } from './system-event.js';

const FOREIGN_TYPES: ReadonlySet<string> = new Set<MessageType>([
  'chat',
  'presence',
  'notification',
  'system',
]);

/** The fields of a payload, all valid. */
interface Fields {
  readonly id: MessageId;
  /** The text of the id as it was received: perhaps in upper case, which is the same id. */
  readonly idText: string;
  readonly type: string;
  readonly from: string;
  readonly data: Json;
  readonly timestamp: string;
}

/** `Left` says why a payload is no message of this room. Such a payload is dropped and counted. */
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

/** The types that a pod's script gives an offset; presence has none. */
const PLACED_TYPES: ReadonlySet<string> = new Set<MessageType>(['chat', 'notification', 'system']);

/**
 * Decodes a payload only as far as needed before the log has answered. Of a payload that begins as a pod
 * writes it, only the head is read: 1 µs instead of 4. When the log has the message, a pod has written it.
 * When the log does not have it, `decodePublication` decodes all of it.
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
 * The message in this pod's own form, under this id. `isForeign`: another program's message, whose own id
 * becomes `ref`. Otherwise it is a pod's message outside the log, and its position may be forged.
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
  // only the server knows who joins and leaves: such a message of another program is refused
  if (isForeign && type === 'presence' && from === SERVER)
    return E.left('from: "server" is reserved in a presence; write another name');
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  const rest = `"type":"${type}",${named}"from":${JSON.stringify(from)},"data":${JSON.stringify(data)},"timestamp":"${timestamp}"`;
  // the bytes of `ref` are not counted: without them, the message has the same limit as a pod's message
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
    : E.left(
        `expected at most ${MAX_ENCODED_BYTES} bytes for the whole message as the server encodes it, got more`,
      );
};

/** A digest by which a delivered message is recognised. */
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
      'timestamp: expected ISO 8601 in UTC with milliseconds, of a day that exists, got something else',
    );
  if (data === undefined) return E.left('data: expected a JSON value, got nothing');
  const flaw = json.flawIn(data, DATA);
  if (flaw !== undefined) return E.left(`data: ${flaw}`);
  const wrongEvent = type === 'system' ? eventFlaw(data) : undefined;
  if (wrongEvent !== undefined) return E.left(`data${wrongEvent}`);
  return E.right({ id: id.value, idText, type, from, data, timestamp });
};

const TIME = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z$/;

/** The last text that was a valid time: many messages share a millisecond. */
let lastTime = '';
const isTime = (text: unknown): text is string => {
  if (typeof text !== 'string') return false;
  if (text === lastTime) return true;
  if (!TIME.test(text)) return false;
  const at = Date.parse(text);
  // Date reads a day that the month does not have (31 June) as a day of the next month
  if (Number.isNaN(at) || new Date(at).toISOString() !== text) return false;
  lastTime = text;
  return true;
};
