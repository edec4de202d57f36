/** Reads what programs send by HTTP (contract section 2): one message, or a list of them to any rooms. */
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
import { eventFlaw } from './publication.js';

/** A message that is well-formed; whether its sender may send it is another question. */
export interface PublishRequest {
  readonly room: Room;
  readonly type: PublishType;
  readonly data: Json;
  /** The request's `id`: its idempotency key. */
  readonly ref: string | undefined;
}

export type PublishType = 'chat' | 'notification' | 'system';

/** `isList`: an array came, and one is the answer. */
export interface PublishRequests {
  readonly posts: readonly PublishRequest[];
  readonly isList: boolean;
}

export const MAX_PUBLISH_REQUESTS = 100;

/** Why a body is none. `text` says which message and field, and what to do about it. */
export interface PublishRequestFault {
  readonly _tag: 'Malformed' | 'TooLarge';
  readonly text: string;
}

/** Where in the body a flaw is: the message of a list by its index. */
export const pointerOf = (isList: boolean, index: number): string => (isList ? `[${index}].` : '');

/** Reads a body whose messages have at most so many bytes each, as they came. */
export const decodePublishRequests = (
  body: Buffer,
  maxBytes: number,
): E.Either<PublishRequestFault, PublishRequests> => {
  if (!isUtf8(body)) return malformed('body: expected UTF-8, got other bytes');
  const text = body.toString('utf8');
  const json = JsonText.read(text);
  if (json === undefined) {
    const came = text.trim() === '' ? 'nothing' : 'text that is not JSON';
    return malformed(`body: expected one JSON object or an array of them, got ${came}`);
  }
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
      text: `${isList ? `[${large}]` : 'body'}: a message has at most ${maxBytes} bytes, as on a socket; send less in it`,
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

// how large each is

const largeAt = (messages: readonly string[], maxBytes: number): number =>
  messages.findIndex((message) => Buffer.byteLength(message) > maxBytes);

/** The texts of an array's items as they came, without the blanks around them. The text must be JSON. */
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

// what each says

const FIELDS: ReadonlySet<string> = new Set(['room', 'type', 'data', 'id']);

/** A typo must not speak to everybody, or twice: so what is not known is no message. */
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
      `${named(unknown)}: no field of a message; there are room, type, data and id`,
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
