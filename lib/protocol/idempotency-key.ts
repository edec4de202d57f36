/**
 * Idempotency keys (docs/protocol.md, section 14): a message with the key of an earlier one is not sent
 * again. A key has an owner and the owner's own text, so keys of different owners never collide. `keyField`
 * is both in one text, for Redis and for maps.
 */

/** For this long, a key belongs to its message. */
export const KEY_TTL_MS = 300_000;

/** Whose idempotency key it is: keys of different owners never collide. */
export type KeyOwner =
  | { readonly _tag: 'User'; readonly userId: string }
  /** All clients of a room without a user id. */
  | { readonly _tag: 'Anonymous' }
  /** All programs that publish over HTTP without a user id. */
  | { readonly _tag: 'Api' }
  /** The program that embeds this service. */
  | { readonly _tag: 'App' }
  /** The table of `chat_publish` in PostgreSQL. */
  | { readonly _tag: 'Sql' };

/** An idempotency key: its owner, and the text that the owner chose. */
export interface IdempotencyKey {
  readonly owner: KeyOwner;
  readonly ref: string;
}

const ANONYMOUS: KeyOwner = { _tag: 'Anonymous' };
const API: KeyOwner = { _tag: 'Api' };
const APP: KeyOwner = { _tag: 'App' };
const SQL: KeyOwner = { _tag: 'Sql' };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Upper and lower case do not matter in a UUID: in capitals it is the same key. Any other text is compared
 * exactly.
 */
const sameKey = (ref: string): string => (UUID.test(ref) ? ref.toLowerCase() : ref);

/**
 * The key of a user. Without a user id only a UUID is a key, as all such clients of a room share one owner.
 */
export const clientKey = (
  userId: string | null,
  ref: string | undefined,
): IdempotencyKey | undefined => {
  if (ref === undefined) return undefined;
  if (userId !== null) return { owner: { _tag: 'User', userId }, ref: sameKey(ref) };
  return UUID.test(ref) ? { owner: ANONYMOUS, ref: sameKey(ref) } : undefined;
};

/** The key of a program over HTTP without a user id: any text. */
export const apiKey = (ref: string | undefined): IdempotencyKey | undefined =>
  ref === undefined ? undefined : { owner: API, ref: sameKey(ref) };

/** The key of the embedding program: any text. */
export const appKey = (ref: string | undefined): IdempotencyKey | undefined =>
  ref === undefined ? undefined : { owner: APP, ref: sameKey(ref) };

/** The key of a message that an application published by `chat_publish`: a UUID that PostgreSQL drew. */
export const sqlKey = (ref: string): IdempotencyKey => ({ owner: SQL, ref });

/**
 * A name for each owner, without a colon. A user id is escaped with `%25` and `%3A` only, so `%`, `%%` and
 * `%%%` are no names of users. No user id is empty.
 */
export const ownerName = (owner: KeyOwner): string => {
  switch (owner._tag) {
    case 'User':
      return owner.userId.replaceAll(/[%:]/g, (character) => encodeURIComponent(character));
    case 'Anonymous':
      return '';
    case 'Api':
      return '%';
    case 'App':
      return '%%';
    case 'Sql':
      return '%%%';
  }
};

/**
 * A key as one text, the same on all pods: `OWNER:REF`. A key of the embedding program without a colon is
 * `REF` alone. Pods of an older build write the key so: old and new pods agree.
 */
export const keyField = ({ owner, ref }: IdempotencyKey): string =>
  owner._tag === 'App' && !ref.includes(':') ? ref : `${ownerName(owner)}:${ref}`;
