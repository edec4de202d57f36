/**
 * Decodes the requests of programs over HTTP (docs/protocol.md, section 15.3): one message, or a list of
 * them.
 */
import { isUtf8 } from 'node:buffer';
import * as E from 'fp-ts/lib/Either.js';
import type { Refusal } from './system-event.js';
import type { Room } from './position.js';
import { refOf, roomOf } from './client-message.js';
import {
  DATA,
  Envelope,
  type Json,
  type JsonPath,
  JsonText,
  kindOf,
  named,
  refuse,
  wrong,
} from './json.js';
import { notJson } from './json-fault.js';
import { eventFlaw } from './publication.js';

/** A valid message. Whether its sender may send it is checked elsewhere. */
export interface PublishRequest {
  readonly room: Room;
  readonly type: PublishType;
  readonly data: Json;
  /** The request's `id`: its idempotency key. */
  readonly ref: string | undefined;
}

export type PublishType = 'chat' | 'notification' | 'system';

/** `isList`: the body was an array, so the answer is one too. */
export interface PublishRequests {
  readonly posts: readonly PublishRequest[];
  readonly isList: boolean;
}

export const MAX_PUBLISH_REQUESTS = 100;

/** Why a body is invalid. `text` names the message and the field, and what to do about it. */
export interface PublishRequestFault {
  readonly _tag: 'Malformed' | 'TooLarge';
  readonly text: string;
}

/** The path of a message in the body: its index in a list. */
export const pointerOf = (isList: boolean, index: number): string => (isList ? `[${index}].` : '');

/** Decodes a body. Each of its messages has at most `maxBytes` bytes as it was sent. */
export const decodePublishRequests = (
  body: Buffer,
  maxBytes: number,
): E.Either<PublishRequestFault, PublishRequests> => {
  if (!isUtf8(body)) return malformed('body: expected UTF-8, got other bytes');
  const text = body.toString('utf8');
  const json = JsonText.read(text);
  if (json === undefined)
    return malformed(`body: expected one JSON object or an array of them, got ${notJson(text)}`);
  const parsed = json.value;
  const isList = Array.isArray(parsed);
  const items: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (items.length > MAX_PUBLISH_REQUESTS)
    return malformed(
      `body: expected at most ${MAX_PUBLISH_REQUESTS} messages, got ${items.length}`,
    );
  const large = body.length > maxBytes ? largeAt(isList ? itemsOf(text) : [text], maxBytes) : -1;
  if (large >= 0)
    return E.left({
      _tag: 'TooLarge',
      text: `${isList ? `[${large}]` : 'body'}: a message may have at most ${maxBytes} bytes, as on a socket; send a smaller one`,
    });
  const posts: PublishRequest[] = [];
  for (const [i, item] of items.entries()) {
    if (!Envelope.is(item) || Array.isArray(item)) {
      const [where, what] = isList ? [`[${i}]`, 'an object'] : ['body', 'an object or an array'];
      return malformed(`${where}: expected ${what}, got ${kindOf(item)}`);
    }
    const post = postOf(item, json, isList ? [i, ...DATA] : DATA);
    if (E.isLeft(post)) return malformed(pointerOf(isList, i) + post.left.text);
    posts.push(post.right);
  }
  return E.right({ posts, isList });
};

const malformed = (text: string): E.Either<PublishRequestFault, never> =>
  E.left({ _tag: 'Malformed', text });

// the size of each message

const largeAt = (messages: readonly string[], maxBytes: number): number =>
  messages.findIndex((message) => Buffer.byteLength(message) > maxBytes);

/** The JSON texts of an array's items, without the blanks around them. `array` must be valid JSON. */
const itemsOf = (array: string): readonly string[] => {
  const items: string[] = [];
  let depth = 0;
  let start = 0;
  let isText = false;
  for (let at = 0; at < array.length; at++) {
    const character = array[at];
    if (isText) {
      if (character === '\\') at++;
      else isText = character !== '"';
    } else if (character === '"') isText = true;
    else if (character === '[' || character === '{') {
      depth++;
      if (depth === 1) start = at + 1;
    } else if (character === ']' || character === '}') depth--;
    const isEnd = depth === 0 && character === ']';
    if (isText || !(isEnd || (depth === 1 && character === ','))) continue;
    items.push(array.slice(start, at).trim());
    start = at + 1;
  }
  return items;
};

// the content of each message

const FIELDS: ReadonlySet<string> = new Set(['room', 'type', 'data', 'id']);

/**
 * An unknown field is an error. With a typo in `id`, a message could be sent twice. With a typo in `type`, a
 * notification would be sent as a chat.
 */
const unknownField = (fields: object): string | undefined =>
  Object.keys(fields).find((name) => !FIELDS.has(name));

const postOf = (
  fields: Readonly<Record<string, unknown>>,
  json: JsonText,
  path: JsonPath,
): E.Either<Refusal, PublishRequest> => {
  const { type = 'chat', data } = fields;
  const unknown = unknownField(fields);
  if (unknown !== undefined)
    return refuse(
      'invalid_message',
      `${named(unknown)}: no field of a message; a message has room, type, data and id`,
    );
  const ref = refOf(fields);
  if (E.isLeft(ref)) return ref;
  if (typeof type !== 'string') return wrong('type', 'a string', type);
  if (!isPostType(type))
    return refuse('invalid_message', 'type: send chat, notification or system');
  const room = roomOf(fields['room']);
  if (E.isLeft(room)) return room;
  if (room.right === undefined)
    return refuse('invalid_message', 'room: name the room, or null for everybody');
  if (data === undefined) return wrong('data', 'any JSON value', data);
  const flaw = json.flawIn(data, path);
  if (flaw !== undefined) return refuse('invalid_message', `data: ${flaw}`);
  const wrongEvent = type === 'system' ? eventFlaw(data) : undefined;
  return wrongEvent === undefined
    ? E.right({ room: room.right, type, data, ref: ref.right })
    : refuse('invalid_message', `data${wrongEvent}`);
};

const isPostType = (type: string): type is PublishType =>
  type === 'chat' || type === 'notification' || type === 'system';
