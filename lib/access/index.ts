/**
 * Who somebody is and what they may do. Sockets and HTTP routes ask the same way:
 *
 *   request ──credentialsOf──► Credentials ──Access.identify──► Identity ──mayJoin, mayPublish, admin──► yes or no
 *
 * Refusals are values with a closed set of tags; `problemOf` and `refusalOf` say them over HTTP and on a socket. No token, key or
 * claim's value stands in any of them.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Refusal } from '../control.js';
import { GLOBAL, type Room } from '../position.js';
import { type Problem, problem } from '../problem.js';

/** Which rooms: all, or those that one of the patterns names. A pattern is a name, or a prefix with one `*` behind it. */
export type Rooms = 'all' | readonly string[];

export interface Rights {
  readonly join: Rooms;
  readonly publish: Rooms;
  /** Whether the global log takes what they say. Everybody hears it. */
  readonly global: boolean;
  /** Whether they may publish over HTTP and disconnect others. */
  readonly admin: boolean;
}

export interface Identity {
  /** The token's `sub`; null for whoever came without a token. */
  readonly userId: string | null;
  readonly rights: Rights;
  /** Unix ms at which the token ends; undefined where nothing ends. */
  readonly expiresAt: number | undefined;
}

/** What a request bears. Each at most once: two that differ are refused before. */
export interface Credentials {
  readonly token?: string | undefined;
  readonly apiKey?: string | undefined;
}

export type Denial =
  /** Neither a token nor a key came. */
  | { readonly _tag: 'Missing' }
  /** Two tokens, or two keys, that are not the same. */
  | { readonly _tag: 'Different' }
  /** No token at all, or one that is longer than 4 KB. */
  | { readonly _tag: 'Malformed'; readonly expected: string }
  /** Not signed with a key that is known here, in the way that this key signs. */
  | { readonly _tag: 'Untrusted' }
  | { readonly _tag: 'Expired' }
  /** It begins, or was made, in the future. */
  | { readonly _tag: 'Early' }
  /** A claim is missing, of the wrong kind, or for somebody else. */
  | { readonly _tag: 'Unfit'; readonly expected: string }
  /** An API key that nobody gave out. */
  | { readonly _tag: 'UnknownKey' }
  /** The keys cannot be had now: nobody can say whether the token is good. */
  | { readonly _tag: 'Unavailable' };

export interface Access {
  /** Whether anybody is asked for anything. When not, `identify` answers at once. */
  readonly isOn: boolean;
  /** Emits once and never errors. */
  identify(credentials: Credentials): Observable<Either<Denial, Identity>>;
}

/** Whether they may be in the room. Everybody is in the global log. */
export const mayJoin = ({ join }: Rights, room: Room): boolean =>
  room === GLOBAL || includes(join, room);

/** Whether they may speak in the room, or to everybody. */
export const mayPublish = ({ publish, global }: Rights, room: Room): boolean =>
  room === GLOBAL ? global : includes(publish, room);

const includes = (rooms: Rooms, room: Room): boolean =>
  rooms === 'all' ||
  rooms.some((pattern) =>
    pattern.endsWith('*') ? room.startsWith(pattern.slice(0, -1)) : pattern === room,
  );

/** A denial over HTTP. */
export const problemOf = (denial: Denial): Problem => {
  const text = textOf(denial);
  switch (denial._tag) {
    case 'Different':
      return problem(400, text);
    case 'Unavailable':
      return problem(503, text, { 'Retry-After': '1' });
    default:
      return problem(401, text, { 'WWW-Authenticate': 'Bearer' });
  }
};

/** 403: the token is good, but not for this room. */
export const ROOM_FORBIDDEN = problem(
  403,
  'room: expected one that the token allows, got another one',
);

/** 403: the token is good, but its bearer is no operator. */
export const ADMIN_NEEDED = problem(
  403,
  'token: expected an API key, or a token whose scope contains admin, got another',
);

/** A denial on a socket: of the token that `refresh` brought. */
export const refusalOf = (denial: Denial, ref: string | undefined): Refusal => ({
  code: denial._tag === 'Unavailable' ? 'unavailable' : 'forbidden',
  text: `data.${textOf(denial)}`,
  ref,
});

const textOf = (denial: Denial): string => {
  switch (denial._tag) {
    case 'Missing':
      return 'token: expected one, got none';
    case 'Different':
      return 'token: expected one, got different ones';
    case 'Malformed':
      return `token: expected ${denial.expected}, got something else`;
    case 'Untrusted':
      return 'token: expected one that is signed with a key known here, got another';
    case 'Expired':
      return 'token: expected one that is valid, got one that has expired';
    case 'Early':
      return 'token: expected one that is valid, got one of the future';
    case 'Unfit':
      return `token: expected ${denial.expected}, got something else`;
    case 'UnknownKey':
      return 'X-API-Key: expected a key that is known here, got another';
    case 'Unavailable':
      return 'token: expected the keys to judge it with, got no answer';
  }
};
