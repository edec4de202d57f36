/**
 * Who a client is and what it may do. Sockets and HTTP routes ask in the same way:
 *
 *   request ──credentialsOf──► Credentials ──authenticate──► Identity ──mayJoin, mayPublish──► yes or no
 *
 * A refusal is a value with a closed set of tags. `problemOf` gives its text over HTTP, `refusalOf` its text
 * on a socket. All invalid tokens get the same text, as the reason would help an attacker. The operator reads
 * the reason in the log. Neither text nor log contains a token, a key or the value of a claim.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Refusal } from '../protocol/system-event.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';

/**
 * Rooms: all of them, or those that match a pattern. A pattern is a name, or a prefix with `*` at its end.
 */
export type Rooms = 'all' | readonly string[];

export interface Rights {
  readonly join: Rooms;
  readonly publish: Rooms;
  /** Whether the client may publish to everyone. `GLOBAL_PUBLISH` may forbid it all the same. */
  readonly global: boolean;
  /** Whether the client may publish over HTTP and disconnect other clients. */
  readonly admin: boolean;
}

/** The claims of a token by name, unchanged. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Identity {
  /** The token's `sub`; null without a token. */
  readonly userId: string | null;
  readonly rights: Rights;
  /** The request also had an API key. The rights are the key's, and stay after a `refresh`. */
  readonly byKey?: true;
  /** All claims of the token. Kept only when hooks are set. */
  readonly claims?: Claims;
  /** When the token expires, in Unix ms; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** The credentials of a request. A request with two different tokens or keys was refused before. */
export interface Credentials {
  readonly token?: string | undefined;
  readonly apiKey?: string | undefined;
}

/** Why credentials were refused. Contains no token and no key. */
export type Denial =
  /** Neither a token nor a key was sent. */
  | { readonly _tag: 'Missing' }
  /** Two different tokens, or two different keys, were sent. */
  | { readonly _tag: 'Ambiguous'; readonly what: 'token' | 'X-API-Key' }
  /** The text is no token, is longer than 4 KB, or has a header that is not allowed. */
  | { readonly _tag: 'Malformed'; readonly expected: string }
  /** None of the keys for the algorithm of the token has signed it, or the algorithm is not supported. */
  | { readonly _tag: 'Untrusted' }
  | { readonly _tag: 'Expired' }
  /** `nbf` or `iat` is more than 30 s in the future. */
  | { readonly _tag: 'NotYetValid' }
  /** A claim is missing, is malformed, or names another issuer or audience. */
  | { readonly _tag: 'InvalidClaim'; readonly expected: string }
  /** The token is valid, but belongs to another user than the token that it should replace. */
  | { readonly _tag: 'WrongUser' }
  /** No such API key is configured. */
  | { readonly _tag: 'UnknownKey' }
  /** The public keys cannot be read now, so the token cannot be verified. */
  | { readonly _tag: 'Unavailable' };

/** What happens in authentication, for logs and metrics. */
export type AuthEvent =
  /** A token or a key was refused, or none was sent. The event has the reason; the client does not get it. */
  | { readonly _tag: 'Denied'; readonly denial: Denial }
  /** The keys behind `JWT_JWKS_URL` could not be read. */
  | { readonly _tag: 'KeysUnavailable'; readonly detail: string }
  /** Some keys behind `JWT_JWKS_URL` are unsafe (`config/public-keys.ts`), or none of them can be used. */
  | { readonly _tag: 'KeysUnsafe'; readonly detail: string };

export interface Auth {
  /** Whether clients need credentials. When they do not, `authenticate` answers at once. */
  readonly enabled: boolean;
  /** Emits once and never errors. */
  authenticate(credentials: Credentials): Observable<Either<Denial, Identity>>;
}

/** The identity after `refresh`, by a new token of the same user. Rights that an API key gave stay. */
export const renewed = ({ byKey, rights }: Identity, by: Identity): Identity =>
  byKey === undefined ? by : { ...by, byKey, rights };

/** Whether the room may be joined. Every connection is in the global log. */
export const mayJoin = ({ join }: Rights, room: Room): boolean =>
  room === GLOBAL || includes(join, room);

/** Whether messages may be published to the room, or to everyone. */
export const mayPublish = ({ publish, global }: Rights, room: Room): boolean =>
  room === GLOBAL ? global : includes(publish, room);

const includes = (rooms: Rooms, room: Room): boolean =>
  rooms === 'all' ||
  rooms.some((pattern) =>
    pattern.endsWith('*') ? room.startsWith(pattern.slice(0, -1)) : pattern === room,
  );

/** The answer to a denial over HTTP. */
export const problemOf = (denial: Denial): Problem => {
  switch (denial._tag) {
    case 'Ambiguous':
      return problem(400, `${denial.what}: the request has different values; send one`);
    case 'Unavailable':
      return UNJUDGED;
    default:
      return UNAUTHORIZED;
  }
};

const UNAUTHORIZED = problem(
  401,
  "token: send a valid token, or one of the service's API keys in X-API-Key",
  { 'WWW-Authenticate': 'Bearer' },
);
const KEYLESS =
  'token: cannot be verified now, as the public keys could not be read; try again in a second';
const UNJUDGED = problem(503, KEYLESS, { 'Retry-After': '1' });

/** 403: the token is valid, but does not allow this room. */
export const roomForbidden = (room: Room): Problem =>
  problem(
    403,
    `room: the token does not allow the room ${room}; send a token whose claim rooms.join allows it`,
  );

/** 403: the token is valid, but has no admin rights. */
export const ADMIN_NEEDED = problem(
  403,
  'token: send an API key in X-API-Key, or a token whose scope contains admin',
);

/** The answer to a denial on a socket, for the token of a `refresh`. */
export const refusalOf = ({ _tag }: Denial, ref: string | undefined): Refusal =>
  _tag === 'Unavailable'
    ? { code: 'unavailable', text: `data.${KEYLESS}`, ref }
    : {
        code: 'forbidden',
        text: 'data.token: send a valid token of the same user',
        ref,
      };
