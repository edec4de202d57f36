/** A message that a program publishes: its form, and the draft that is made of it. */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import type { Receipt } from './broker/index.js';
import { isObject } from './app-options.js';
import { appKey } from './protocol/idempotency-key.js';
import { type Json, kindOf, named } from './protocol/json.js';
import { SERVER } from './protocol/payload.js';
import { GLOBAL, type Room } from './protocol/position.js';
import { type Draft, type DraftFields, validatedDraft } from './protocol/publication.js';
import type { MessageType } from './protocol/system-event.js';

/** A message of the program. */
export interface Notice {
  /**
   * Null or the empty name: everyone. Required, so that a message with a misspelled field `room` does not go
   * to everyone.
   */
  readonly room: Room | null;
  /** `chat`, `notification` (the default), or `system` with a `data.event` of the application. */
  readonly type?: Exclude<MessageType, 'presence'>;
  /** The `from` that members see; by default `server`. */
  readonly from?: string;
  /**
   * Any JSON value. A value that JSON cannot represent (a Map, an instance of a class without `toJSON`, a
   * function) is a TypeError that says where it is.
   */
  readonly data: Json;
  /**
   * Idempotency key, 1 to 255 characters: within 5 minutes, a message with the same key is sent once. Never
   * equal to a key of a client or of a program over HTTP.
   */
  readonly key?: string;
}

/** A message that the hook `onMessage` does not get. */
export type Announcement = Notice & { readonly type?: 'notification' | 'system' };

/** The result of a publish. `id` is null when the hook `onMessage` dropped a chat. */
export type Published = Omit<Receipt, 'id'> & { readonly id: string | null };

export interface NoticeDraft {
  readonly draft: Draft;
  readonly fields: DraftFields;
}

/** `at` is in Unix ms. Left: what is wrong with the notice. */
export const noticeDraft = (notice: Notice, at: number): Either<string, NoticeDraft> => {
  const flaw = noticeFlaw(notice);
  if (flaw !== undefined) return left(flaw);
  const { room, type = 'notification', from = SERVER, data, key } = notice;
  const fields = { room: room ?? GLOBAL, type, from, data, at, key: appKey(key) };
  const made = validatedDraft(fields);
  return isLeft(made) ? left(made.left.text) : right({ draft: made.right, fields });
};

const MAX_KEY = 255;
const FIELDS: ReadonlySet<string> = new Set<keyof Notice>(['room', 'type', 'from', 'data', 'key']);

/**
 * What is wrong with a message, such as an undefined room or a misspelled field: programs without types can
 * pass anything.
 */
const noticeFlaw = (notice: unknown): string | undefined => {
  if (!isObject(notice) || Array.isArray(notice))
    return `expected a message, such as { room: 'general', data: 'hello' }, got ${kindOf(notice)}`;
  const unknown = Object.keys(notice).find((name) => !FIELDS.has(name));
  if (unknown !== undefined)
    return `${named(unknown)}: no field of a message; there are ${[...FIELDS].join(', ')}`;
  if (notice['room'] === undefined) return 'room: name the room, or null for everybody';
  const { key } = notice;
  const characters = typeof key === 'string' ? Array.from(key).length : 0;
  return characters > MAX_KEY
    ? `key: expected at most ${MAX_KEY} characters, got ${characters}`
    : undefined;
};
