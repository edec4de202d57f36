/**
 * Bytes ⇄ messages. Everything a client or a neighbour sends is read here and only here; every message is encoded here,
 * once, into the frame that all its receivers share. Bad input is a value (`Left`), as an error thrown through a
 * stream costs 13–20 µs.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import * as t from 'io-ts';
import { type Control, isControlEvent, type Refusal } from './control.js';
import {
  formatId,
  GLOBAL,
  type Id,
  isRoomName,
  parseId,
  type Room,
  ROOM_RULE,
} from './position.js';

/** `data` as it came: any JSON value. */
export type Json = unknown;

/** A client's message that is well-formed. `room` is undefined where the client named none, '' for the global one. */
export type ClientMessage =
  | {
      readonly type: 'chat';
      readonly room: Room | undefined;
      readonly data: Json;
      readonly ref: string | undefined;
    }
  | {
      readonly type: 'presence';
      readonly room: Room | undefined;
      readonly data: Json;
      readonly ref: string | undefined;
    }
  | { readonly type: 'ping'; readonly data: Json; readonly ref: string | undefined }
  | {
      readonly type: 'join';
      readonly room: Room | undefined;
      readonly lastId: string | undefined;
      readonly ref: string | undefined;
    }
  | { readonly type: 'leave'; readonly room: Room | undefined; readonly ref: string | undefined }
  | { readonly type: 'refresh'; readonly token: string; readonly ref: string | undefined };

/** A message that has everything but its id: `rest` is the JSON behind the id, encoded once. */
export interface Draft {
  readonly room: Room;
  readonly type: MessageType;
  readonly rest: string;
  /** Takes an offset and stands in the log. */
  readonly logged: boolean;
  /** Idempotency: the same key within 5 minutes is stored once, if `digest`, of the data, is the same too. */
  readonly key: string | undefined;
  readonly digest: string;
  /** The connection that must not hear this: nobody hears of their own coming. */
  readonly except: string | undefined;
}

/** A message with its place, as members get it. */
export interface Publication {
  readonly id: Id;
  readonly idText: string;
  readonly type: string;
  /** The JSON, UTF-8. */
  readonly payload: Buffer;
  /** As in `Draft`. */
  readonly except: string | undefined;
}

/** What members can be sent: types that have a room's place or pass through it. */
export type MessageType = 'chat' | 'presence' | 'notification' | 'system';

/** Contract sections 1 and 5: arrays and objects inside each other; bytes of a message as encoded again. */
export const MAX_DEPTH = 32;
export const MAX_ENCODED_BYTES = 131_072;
const MAX_REF = 64;

const CLIENT_TYPES: ReadonlySet<string> = new Set([
  'chat',
  'presence',
  'ping',
  'join',
  'leave',
  'refresh',
]);
const SERVER_TYPES: ReadonlySet<string> = new Set(['notification', 'system', 'error', 'pong']);

// reading what clients send

const Envelope = t.UnknownRecord;
type Fields = t.TypeOf<typeof Envelope>;

/**
 * Reads one text frame of a client.
 * Errors: `invalid_json`, `invalid_message`, `unknown_type`, `invalid_room`, `forbidden`, as contract section 1 says.
 */
export const decodeMessage = (frame: Buffer): E.Either<Refusal, ClientMessage> => {
  const text = frame.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refuse(
      'invalid_json',
      `expected one JSON object, got ${text.trim() === '' ? 'nothing' : 'text that is not JSON'}`,
    );
  }
  if (!Envelope.is(parsed) || Array.isArray(parsed)) {
    return refuse('invalid_message', `expected an object, got ${kindOf(parsed)}`);
  }
  const ref = refOf(parsed);
  if (E.isLeft(ref)) return ref;
  const message = messageOf(parsed, ref.right, text.includes('\\u'));
  return E.isLeft(message) && ref.right !== undefined
    ? E.left({ ...message.left, ref: ref.right })
    : message;
};

const refOf = ({ id }: Fields): E.Either<Refusal, string | undefined> => {
  if (id === undefined) return E.right(undefined);
  if (typeof id !== 'string') return wrong('id', 'a string of 1 to 64 characters', id);
  if (id === '' || id.length > MAX_REF)
    return refuse(
      'invalid_message',
      `id: expected a string of 1 to 64 characters, got ${id.length}`,
    );
  const flaw = flawIn(id, 0, true);
  return flaw === undefined ? E.right(id) : refuse('invalid_message', `id: ${flaw}`);
};

const messageOf = (
  fields: Fields,
  ref: string | undefined,
  escapes: boolean,
): E.Either<Refusal, ClientMessage> => {
  const { type, data } = fields;
  if (typeof type !== 'string') return wrong('type', 'a string', type);
  if (!CLIENT_TYPES.has(type)) {
    return SERVER_TYPES.has(type)
      ? refuse(
          'forbidden',
          `type: expected one that clients may send, got the server's own "${type}"`,
        )
      : refuse(
          'unknown_type',
          'type: expected chat, presence, ping, join, leave or refresh, got another',
        );
  }
  const flaw = flawIn(data, 0, escapes);
  if (flaw !== undefined) return refuse('invalid_message', `data: ${flaw}`);
  const room = roomOf(fields.room);
  if (E.isLeft(room)) return room;
  switch (type) {
    case 'chat':
      if (data === undefined) return wrong('data', 'any JSON value', data);
      return E.right({ type, room: room.right, data, ref });
    case 'presence':
      if (!Envelope.is(data)) return wrong('data', 'an object', data);
      if (data['status'] !== 'online' && data['status'] !== 'away')
        return wrong('data.status', '"online" or "away"', data['status']);
      return E.right({ type, room: room.right, data, ref });
    case 'ping':
      return E.right({ type, data, ref });
    case 'join':
      return E.map(
        (lastId: string | undefined): ClientMessage => ({ type, room: room.right, lastId, ref }),
      )(lastIdOf(data));
    case 'leave':
      return E.right({ type, room: room.right, ref });
    default: {
      const token = Envelope.is(data) ? data['token'] : undefined;
      if (typeof token !== 'string' || token === '') return wrong('data.token', 'a token', token);
      return E.right({ type: 'refresh', token, ref });
    }
  }
};

const roomOf = (room: unknown): E.Either<Refusal, Room | undefined> => {
  if (room === undefined) return E.right(undefined);
  if (room === null || room === GLOBAL) return E.right(GLOBAL);
  if (typeof room !== 'string') return wrong('room', 'a string', room);
  return isRoomName(room)
    ? E.right(room)
    : refuse('invalid_room', `room: expected ${ROOM_RULE}, got another text`);
};

const lastIdOf = (data: unknown): E.Either<Refusal, string | undefined> => {
  if (data === undefined || data === null) return E.right(undefined);
  if (!Envelope.is(data) || Array.isArray(data)) return wrong('data', 'an object', data);
  const id = data['last_id'];
  if (isAbsentId(id)) return E.right(undefined);
  if (typeof id !== 'string') return wrong('data.last_id', 'an id that a message bore', id);
  return O.isSome(parseId(id))
    ? E.right(id)
    : refuse(
        'invalid_message',
        'data.last_id: expected an id that a message bore, got another text',
      );
};

/** `last_id` as old clients send it before they have one (contract section 6). */
export const isAbsentId = (id: unknown): boolean =>
  id === undefined || id === null || id === '' || id === 'undefined' || id === 'null';

const refuse = (code: Refusal['code'], text: string): E.Either<Refusal, never> =>
  E.left({ code, text });

const wrong = (field: string, expected: string, came: unknown): E.Either<Refusal, never> =>
  refuse('invalid_message', `${field}: expected ${expected}, got ${kindOf(came)}`);

const kindOf = (value: unknown): string =>
  value === undefined
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'an array'
        : typeof value === 'object'
          ? 'an object'
          : `a ${typeof value}`;

/**
 * What makes a JSON value unfit to be sent on, or undefined. Goes at most 33 levels deep, so it cannot overflow the
 * stack where `JSON.stringify` would. Texts need a look only where the JSON had an escape: raw UTF-8 holds neither
 * U+0000 nor half a surrogate pair.
 */
const flawIn = (value: unknown, depth: number, escapes: boolean): string | undefined => {
  switch (typeof value) {
    case 'string':
      if (!escapes) return undefined;
      if (value.includes('\u0000')) return 'expected text without U+0000, got one with it';
      return value.isWellFormed()
        ? undefined
        : 'expected well-formed Unicode, got a lone surrogate';
    case 'number':
      return Number.isFinite(value)
        ? undefined
        : 'expected a number that a double can hold, got a larger one';
    case 'object': {
      if (value === null) return undefined;
      if (depth === MAX_DEPTH)
        return `expected at most ${MAX_DEPTH} arrays and objects inside each other, got more`;
      if (Array.isArray(value)) {
        for (const item of value) {
          const flaw = flawIn(item, depth + 1, escapes);
          if (flaw !== undefined) return flaw;
        }
        return undefined;
      }
      for (const [key, item] of Object.entries(value)) {
        const flaw =
          (escapes ? flawIn(key, depth, true) : undefined) ?? flawIn(item, depth + 1, escapes);
        if (flaw !== undefined) return flaw;
      }
      return undefined;
    }
    default:
      return undefined;
  }
};

// writing

export interface DraftFields {
  readonly room: Room;
  readonly type: MessageType;
  readonly from: string;
  readonly data: Json;
  /** Unix ms. */
  readonly at: number;
  readonly key?: string | undefined;
}

/** `{"id":"…36…",` */
const ID_PREFIX = '{"id":"';
const ID_SUFFIX = '",';
const ID_BYTES = ID_PREFIX.length + 36 + ID_SUFFIX.length;

/**
 * A message that waits for its id. Errors: `invalid_message` when it is over 131,072 bytes as encoded; no pod would
 * take it from a neighbour then (contract section 5), so it is refused before anyone has it.
 */
export const draftOf = ({
  room,
  type,
  from,
  data,
  at,
  key,
}: DraftFields): E.Either<Refusal, Draft> => {
  const json = JSON.stringify(data);
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  const rest = `"type":"${type}",${named}"from":${JSON.stringify(from)},"data":${json},"timestamp":"${isoOf(at)}"}`;
  // a UTF-16 unit is at most 3 bytes of UTF-8, so most messages need no count
  const fits = rest.length * 3 + ID_BYTES <= MAX_ENCODED_BYTES;
  if (!fits && Buffer.byteLength(rest) + ID_BYTES > MAX_ENCODED_BYTES) {
    return refuse(
      'invalid_message',
      `data: expected at most ${MAX_ENCODED_BYTES} bytes with the message around it when encoded again, got more`,
    );
  }
  return E.right({
    room,
    type,
    rest,
    logged: type !== 'presence',
    except: ownConnection(type, from, data),
    key,
    digest: key === undefined ? '' : digestOf(json),
  });
};

const digestOf = (json: string): string =>
  createHash('sha256').update(json).digest('base64url').slice(0, 22);

/**
 * The same for what a program says rather than a client: its data was not read from JSON, so it is checked first.
 * Errors: `invalid_message`; what JSON cannot say (undefined, a function, a cycle) is one too.
 */
export const programDraftOf = (fields: DraftFields): E.Either<Refusal, Draft> => {
  const { type, data } = fields;
  const flaw = programFlaw(data) ?? (type === 'system' ? eventFlaw(data) : undefined);
  return flaw === undefined ? draftOf(fields) : refuse('invalid_message', `data${flaw}`);
};

/** Undefined where JSON has no word for it, whatever the types say. */
const encoded = (data: unknown): unknown => JSON.stringify(data);

const programFlaw = (data: unknown): string | undefined => {
  try {
    const flaw = flawIn(data, 0, true);
    if (flaw !== undefined) return `: ${flaw}`;
    return typeof encoded(data) === 'string' ? undefined : ': expected any JSON value, got nothing';
  } catch {
    return ': expected any JSON value, got one that cannot be encoded';
  }
};

const eventFlaw = (data: unknown): string | undefined => {
  const event = Envelope.is(data) ? data['event'] : undefined;
  if (typeof event !== 'string') return `.event: expected a string, got ${kindOf(event)}`;
  return isControlEvent(event)
    ? ".event: expected an application's own, got one of the server's"
    : undefined;
};

/** The text that travels: what clients get, and what stands on the room's channel. */
export const payloadOf = (idText: string, rest: string): string =>
  ID_PREFIX + idText + ID_SUFFIX + rest;

/** What follows the id in a payload of our own: the same for a message however often and under whatever id it is said. */
export const restOf = (payload: Buffer): string => payload.toString('utf8', ID_BYTES);

/** A draft that got its place. */
export const publicationOf = (draft: Draft, id: Id): Publication => {
  const idText = formatId(id);
  return {
    id,
    idText,
    type: draft.type,
    payload: Buffer.from(payloadOf(idText, draft.rest)),
    except: draft.except,
  };
};

/** A control message; `id` is outside the log that its `data.room` names. */
export const controlPayload = (id: Id, at: number, data: Control): Buffer =>
  encodeServer(
    id,
    at,
    'system',
    'room' in data && data.room !== undefined ? data.room : GLOBAL,
    data,
  );

export const errorPayload = (id: Id, at: number, { code, text, ref, retryInMs }: Refusal): Buffer =>
  encodeServer(id, at, 'error', GLOBAL, { code, message: text, ref, retry_in_ms: retryInMs });

export const pongPayload = (id: Id, at: number, data: Json): Buffer =>
  encodeServer(id, at, 'pong', GLOBAL, data);

const encodeServer = (id: Id, at: number, type: string, room: Room, data: Json): Buffer => {
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  const value = data === undefined ? '' : `"data":${JSON.stringify(data)},`;
  return Buffer.from(
    `${ID_PREFIX}${formatId(id)}${ID_SUFFIX}"type":"${type}",${named}"from":"server",${value}"timestamp":"${isoOf(at)}"}`,
  );
};

let isoMs = Number.NaN;
let iso = '';
/** Many messages share a millisecond; `toISOString` costs 0.4 µs. */
const isoOf = (at: number): string => {
  if (at !== isoMs) {
    isoMs = at;
    iso = new Date(at).toISOString();
  }
  return iso;
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

/** Whom a message of the server's own presence is about. */
const ownConnection = (type: string, from: string, data: Json): string | undefined => {
  if (type !== 'presence' || from !== SERVER || !Envelope.is(data)) return undefined;
  return typeof data['connection_id'] === 'string' ? data['connection_id'] : undefined;
};

// frames

/** Unmasked, unfragmented text frames (RFC 6455 §5.2), one behind the other in one buffer that all receivers share. */
export const framesOf = (payloads: readonly Buffer[]): Buffer => {
  let total = 0;
  for (const { length } of payloads) total += headerBytes(length) + length;
  const frames = Buffer.allocUnsafe(total);
  let at = 0;
  for (const payload of payloads) {
    at = writeHeader(frames, at, payload.length);
    at += payload.copy(frames, at);
  }
  return frames;
};

export const frameOf = (payload: Buffer): Buffer => framesOf([payload]);

const headerBytes = (length: number): number => (length < 126 ? 2 : length < 65_536 ? 4 : 10);

const writeHeader = (frames: Buffer, at: number, length: number): number => {
  frames[at] = 0x81;
  if (length < 126) {
    frames[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    frames[at + 1] = 126;
    return frames.writeUInt16BE(length, at + 2);
  }
  frames[at + 1] = 127;
  return frames.writeBigUInt64BE(BigInt(length), at + 2);
};

// reading what neighbours publish

const FOREIGN_TYPES: ReadonlySet<string> = new Set<MessageType>([
  'chat',
  'presence',
  'notification',
  'system',
]);

/**
 * Reads a payload from a room's channel: another pod's, or any program's (contract section 5).
 * `Left` says in words why it is not one; such a payload is dropped and counted.
 */
export const decodePublication = (payload: Buffer, room: Room): E.Either<string, Publication> => {
  if (payload.length > MAX_ENCODED_BYTES)
    return E.left(`expected at most ${MAX_ENCODED_BYTES} bytes, got ${payload.length}`);
  if (!isUtf8(payload)) return E.left('expected UTF-8, got other bytes');
  const text = payload.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return E.left('expected JSON, got something else');
  }
  if (!Envelope.is(parsed) || Array.isArray(parsed))
    return E.left(`expected an object, got ${kindOf(parsed)}`);
  const { id: idText, type, from, data, timestamp } = parsed;
  if (typeof idText !== 'string') return E.left(`id: expected a UUIDv7, got ${kindOf(idText)}`);
  const id = parseId(idText);
  if (O.isNone(id)) return E.left('id: expected a UUIDv7, got another text');
  if (typeof type !== 'string' || !FOREIGN_TYPES.has(type))
    return E.left('type: expected chat, presence, notification or system, got another');
  const named = parsed['room'] ?? GLOBAL;
  if (named !== room) return E.left("room: expected the channel's, got another");
  if (typeof from !== 'string') return E.left(`from: expected a string, got ${kindOf(from)}`);
  if (typeof timestamp !== 'string')
    return E.left(`timestamp: expected a string, got ${kindOf(timestamp)}`);
  if (data === undefined) return E.left('data: expected a JSON value, got nothing');
  const flaw = flawIn(data, 0, text.includes('\\u'));
  if (flaw !== undefined) return E.left(`data: ${flaw}`);
  const wrongEvent = type === 'system' ? eventFlaw(data) : undefined;
  if (wrongEvent !== undefined) return E.left(`data${wrongEvent}`);
  return E.right({ id: id.value, idText, type, payload, except: ownConnection(type, from, data) });
};
