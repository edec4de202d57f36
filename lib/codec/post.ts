/** Reads what programs send by HTTP (contract section 2): one message, or a list of them to any rooms. */
import { isUtf8 } from 'node:buffer';
import * as E from 'fp-ts/lib/Either.js';
import type { Refusal } from '../control.js';
import { GLOBAL, type Room } from '../position.js';
import { refOf, roomOf } from './client-message.js';
import {
  DATA,
  Envelope,
  type Json,
  type JsonPath,
  JsonText,
  kindOf,
  refuse,
  wrong,
} from './json.js';
import { eventFlaw } from './publication.js';

/** A message that is well-formed; whether its sender may send it is another question. */
export interface Post {
  readonly room: Room;
  readonly type: PostType;
  readonly data: Json;
  /** The request's `id`: its idempotency key. */
  readonly ref: string | undefined;
}

export type PostType = 'chat' | 'notification' | 'system';

/** `isList`: an array came, and one is the answer. */
export interface Posts {
  readonly posts: readonly Post[];
  readonly isList: boolean;
}

export const MAX_POSTS = 100;

/** Where in the body a flaw is: the message of a list by its index. */
export const placeOf = (isList: boolean, index: number): string => (isList ? `[${index}].` : '');

/** Reads a body. `Left` says which message and field, what was expected, and what kind of thing came. */
export const decodePosts = (body: Buffer): E.Either<string, Posts> => {
  if (!isUtf8(body)) return E.left('body: expected UTF-8, got other bytes');
  const text = body.toString('utf8');
  const json = JsonText.read(text);
  if (json === undefined) {
    const came = text.trim() === '' ? 'nothing' : 'text that is not JSON';
    return E.left(`body: expected one JSON object or an array of them, got ${came}`);
  }
  const parsed = json.value;
  const isList = Array.isArray(parsed);
  const items: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (items.length > MAX_POSTS)
    return E.left(`body: expected at most ${MAX_POSTS} messages, got ${items.length}`);
  const posts: Post[] = [];
  for (const [i, item] of items.entries()) {
    if (!Envelope.is(item) || Array.isArray(item)) {
      const [where, what] = isList ? [`[${i}]`, 'an object'] : ['body', 'an object or an array'];
      return E.left(`${where}: expected ${what}, got ${kindOf(item)}`);
    }
    const post = postOf(item, json, isList ? [i, ...DATA] : DATA);
    if (E.isLeft(post)) return E.left(placeOf(isList, i) + post.left.text);
    posts.push(post.right);
  }
  return E.right({ posts, isList });
};

const postOf = (
  fields: Readonly<Record<string, unknown>>,
  json: JsonText,
  path: JsonPath,
): E.Either<Refusal, Post> => {
  const { type = 'chat', data } = fields;
  const ref = refOf(fields);
  if (E.isLeft(ref)) return ref;
  if (typeof type !== 'string') return wrong('type', 'a string', type);
  if (!isPostType(type))
    return refuse('invalid_message', 'type: expected chat, notification or system, got another');
  const room = roomOf(fields['room']);
  if (E.isLeft(room)) return room;
  if (data === undefined) return wrong('data', 'any JSON value', data);
  const flaw = json.flawIn(data, path);
  if (flaw !== undefined) return refuse('invalid_message', `data: ${flaw}`);
  const wrongEvent = type === 'system' ? eventFlaw(data) : undefined;
  return wrongEvent === undefined
    ? E.right({ room: room.right ?? GLOBAL, type, data, ref: ref.right })
    : refuse('invalid_message', `data${wrongEvent}`);
};

const isPostType = (type: string): type is PostType =>
  type === 'chat' || type === 'notification' || type === 'system';
