/** Decodes the messages of clients (docs/protocol.md, section 4). */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type * as t from 'io-ts';
import type { Refusal } from './system-event.js';
import { GLOBAL, isRoomName, parseId, ROOM_RULE, type Room } from './position.js';
import { notJson } from './json-fault.js';
import { DATA, Envelope, flawIn, type Json, JsonText, kindOf, refuse, wrong } from './json.js';

/** A valid message of a client. `room` is undefined when the client named none, and '' for the global log. */
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
const SEND_TYPE = 'send chat, presence, ping, join, leave or refresh';

type Fields = t.TypeOf<typeof Envelope>;

/**
 * Decodes one text frame of a client. Errors (docs/protocol.md, section 6): `invalid_json`,
 * `invalid_message`, `unknown_type`, `invalid_room`, `forbidden`.
 */
export const decodeMessage = (frame: Buffer): E.Either<Refusal, ClientMessage> => {
  const text = frame.toString('utf8');
  const json = JsonText.read(text);
  if (json === undefined) {
    return refuse('invalid_json', `expected one JSON object, got ${notJson(text)}`);
  }
  const parsed = json.value;
  if (!Envelope.is(parsed) || Array.isArray(parsed)) {
    return refuse('invalid_message', `expected an object, got ${kindOf(parsed)}`);
  }
  const ref = refOf(parsed);
  if (E.isLeft(ref)) return ref;
  const message = messageOf(parsed, ref.right, json);
  return E.isLeft(message) && ref.right !== undefined
    ? E.left({ ...message.left, ref: ref.right })
    : message;
};

/** The client's own `id` of a message. */
export const refOf = ({ id }: Fields): E.Either<Refusal, string | undefined> => {
  if (id === undefined) return E.right(undefined);
  if (typeof id !== 'string') return wrong('id', 'a string of 1 to 64 characters', id);
  // a character beyond the BMP is two units of UTF-16
  const characters =
    id.length <= MAX_REF ? id.length : id.length > 2 * MAX_REF ? undefined : Array.from(id).length;
  if (characters === undefined || characters === 0 || characters > MAX_REF)
    return refuse(
      'invalid_message',
      `id: expected a string of 1 to 64 characters, got ${characters ?? 'more'}`,
    );
  const flaw = flawIn(id, 0, true);
  return flaw === undefined ? E.right(id) : refuse('invalid_message', `id: ${flaw}`);
};

const messageOf = (
  fields: Fields,
  ref: string | undefined,
  json: JsonText,
): E.Either<Refusal, ClientMessage> => {
  const { type, data } = fields;
  if (typeof type !== 'string') return wrong('type', 'a string', type);
  if (!CLIENT_TYPES.has(type)) {
    return SERVER_TYPES.has(type)
      ? refuse('forbidden', `type: "${type}" belongs to the server; ${SEND_TYPE}`)
      : refuse('unknown_type', `type: ${SEND_TYPE}`);
  }
  const flaw = json.flawIn(data, DATA);
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
      if (typeof token !== 'string' || token === '')
        return wrong('data.token', 'a string that is not empty', token);
      return E.right({ type: 'refresh', token, ref });
    }
  }
};

/** The room that a message names; undefined when it names none. */
export const roomOf = (room: unknown): E.Either<Refusal, Room | undefined> => {
  if (room === undefined) return E.right(undefined);
  if (room === null || room === GLOBAL) return E.right(GLOBAL);
  if (typeof room !== 'string') return wrong('room', 'a string', room);
  return isRoomName(room) ? E.right(room) : refuse('invalid_room', `room: a name has ${ROOM_RULE}`);
};

const lastIdOf = (data: unknown): E.Either<Refusal, string | undefined> => {
  if (data === undefined || data === null) return E.right(undefined);
  if (!Envelope.is(data) || Array.isArray(data)) return wrong('data', 'an object', data);
  const id = data['last_id'];
  if (isAbsentId(id)) return E.right(undefined);
  if (typeof id !== 'string')
    return wrong('data.last_id', 'the id of a message that you received', id);
  return O.isSome(parseId(id))
    ? E.right(id)
    : refuse('invalid_message', 'data.last_id: send the id of a message that you received');
};

/**
 * A `last_id` that counts as absent: clients send it before they have an id (docs/protocol.md, section 13).
 */
export const isAbsentId = (id: unknown): boolean =>
  id === undefined || id === null || id === '' || id === 'undefined' || id === 'null';
