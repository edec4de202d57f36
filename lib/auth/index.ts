/**
 * Who somebody is and what they may do. Sockets and HTTP routes ask the same way:
 *
 *   request ──credentialsOf──► Credentials ──authenticate──► Identity ──mayJoin, mayPublish, admin──► yes or no
 *
 * Refusals are values with a closed set of tags. `problemOf` and `refusalOf` are their texts over HTTP and on a socket, in one text for all
 * tokens that are not good: why one is not helps whoever guesses at them. The operator reads it in the log. No token, key or claim's
 * value stands in either.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Refusal } from '../protocol/system-event.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';

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

/** A token's claims by name, as they stand in it. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Identity {
  /** The token's `sub`; null for whoever came without a token. */
  readonly userId: string | null;
  readonly rights: Rights;
  /** An API key came too: it gives the rights, and never ends. */
  readonly byKey?: true;
  /** What the token says, all of it; kept for hooks alone. */
  readonly claims?: Claims;
  /** Unix ms at which the token ends; undefined where nothing ends. */
  readonly expiresAt: number | undefined;
}

/** What a request bears. Each at most once: two that differ are refused before. */
export interface Credentials {
  readonly token?: string | undefined;
  readonly apiKey?: string | undefined;
}

/** Why credentials were not taken; `_tag` says which. No token or key stands in it. */
export type Denial =
  /** Neither a token nor a key came. */
  | { readonly _tag: 'Missing' }
  /** Two tokens, or two keys, that are not the same. */
  | { readonly _tag: 'Ambiguous'; readonly what: 'token' | 'X-API-Key' }
  /** No token at all, or one that is longer than 4 KB. */
  | { readonly _tag: 'Malformed'; readonly expected: string }
  /** Not signed with a key that is known here, in the way that this key signs. */
  | { readonly _tag: 'Untrusted' }
  | { readonly _tag: 'Expired' }
  /** It begins, or was made, in the future. */
  | { readonly _tag: 'NotYetValid' }
  /** A claim is missing, of the wrong kind, or for somebody else. */
  | { readonly _tag: 'InvalidClaim'; readonly expected: string }
  /** Good, but another user's than the one that it was to take the place of. */
  | { readonly _tag: 'WrongUser' }
  /** An API key that nobody gave out. */
  | { readonly _tag: 'UnknownKey' }
  /** The keys cannot be had now: nobody can say whether the token is good. */
  | { readonly _tag: 'Unavailable' };

/** What happens in authentication, for logs and metrics. */
export type AuthEvent =
  /** A token or a key was not taken, or none came: why is said here, and to nobody who brings one. */
  | { readonly _tag: 'Denied'; readonly denial: Denial }
  /** The keys behind `JWT_JWKS_URL` could not be had. */
  | { readonly _tag: 'KeysUnavailable'; readonly detail: string }
  /** Some of them are not used, as whoever sees them can make tokens; or none can be. */
  | { readonly _tag: 'KeysUnsafe'; readonly detail: string };

export interface Auth {
  /** Whether anybody is asked for anything. When not, `authenticate` answers at once. */
  readonly enabled: boolean;
  /** Emits once and never errors. */
  authenticate(credentials: Credentials): Observable<Either<Denial, Identity>>;
}

/** Who somebody is by another token of the same user: what a key has given stays. */
export const renewed = ({ byKey, rights }: Identity, by: Identity): Identity =>
  byKey === undefined ? by : { ...by, byKey, rights };

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
  switch (denial._tag) {
    case 'Ambiguous':
      return problem(400, `${denial.what}: expected one, got different ones`);
    case 'Unavailable':
      return UNJUDGED;
    default:
      return UNAUTHORIZED;
  }
};

const UNAUTHORIZED = problem(401, 'token: send a valid token, or an API key in X-API-Key', {
  'WWW-Authenticate': 'Bearer',
});
const KEYLESS = 'token: cannot be verified right now, as the key server did not answer; retry';
const UNJUDGED = problem(503, KEYLESS, { 'Retry-After': '1' });

/** 403: the token is good, but not for this room. */
export const ROOM_FORBIDDEN = problem(403, 'room: the token does not allow this room');

/** 403: the token is good, but its bearer is no operator. */
export const ADMIN_NEEDED = problem(
  403,
  'token: send an API key in X-API-Key, or a token whose scope contains admin',
);

/** A denial on a socket: of the token that `refresh` brought. */
export const refusalOf = ({ _tag }: Denial, ref: string | undefined): Refusal =>
  _tag === 'Unavailable'
    ? { code: 'unavailable', text: `data.${KEYLESS}`, ref }
    : {
        code: 'forbidden',
        text: 'data.token: send a valid token of the same user',
        ref,
      };
