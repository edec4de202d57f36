/**
 * The claims of a token whose signature is valid (docs/protocol.md, section 2.2). A required claim must be
 * there. A claim that is malformed makes the token invalid: a mistake in a token never gives a right.
 */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import type { Denial, Identity, Rights, Rooms } from './index.js';
import { looksEmpty, looksReserved } from './reserved-names.js';
import { type JsonFault, strictJson } from './strict-json.js';

export interface Expected {
  /** Empty: any issuer. */
  readonly issuer: string;
  readonly audience: string;
  /** Unix ms. */
  readonly now: number;
  /** Whether the identity keeps all claims, for hooks. They cost about 0.5 kB a connection. */
  readonly keepClaims?: boolean;
}

/**
 * How far the clock of the issuer may be ahead of this pod's. `exp` has no such tolerance: it counts to the
 * millisecond.
 */
const LEEWAY_MS = 30_000;

/** The identity in the signed bytes of a token. */
export const identityIn = (
  payload: Uint8Array,
  { issuer, audience, now, keepClaims = false }: Expected,
): E.Either<Denial, Identity> => {
  const claims = claimsIn(payload);
  if (E.isLeft(claims)) return claims;
  const { sub, exp, nbf, iat, iss, aud, rooms, scope } = claims.right;
  const expiresAt = exp * 1000;
  if (expiresAt <= now) return E.left({ _tag: 'Expired' });
  if (Math.max(nbf ?? 0, iat ?? 0) * 1000 > now + LEEWAY_MS) return E.left({ _tag: 'NotYetValid' });
  if (issuer !== '' && iss !== issuer) return unfit('iss: the issuer that JWT_ISSUER names');
  if (audience !== '' && ![aud].flat().includes(audience))
    return unfit('aud: the text of JWT_AUDIENCE, or a list with it');
  const identity = { userId: sub, expiresAt, rights: rightsOf(rooms, scope) };
  return E.right(keepClaims ? { ...identity, claims: claims.right } : identity);
};

const unfit = (expected: string): E.Either<Denial, never> =>
  E.left({ _tag: 'InvalidClaim', expected });

// the claims

const claim = <A>(expected: string, is: (value: unknown) => value is A): t.Type<A> =>
  new t.Type<A>(
    expected,
    is,
    (value, context) => (is(value) ? t.success(value) : t.failure(value, context)),
    t.identity,
  );

/**
 * The end of the year 9999, in seconds. A larger number is a time in milliseconds: read as seconds, it would
 * make the token valid for 50,000 years.
 */
const LAST_SECOND = 253_402_300_799;

const isFiniteNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);

const numericDate = (name: string): t.Type<number> =>
  new t.Type<number>(
    `${name}: seconds since 1970, a number`,
    isFiniteNumber,
    (value, context) => {
      if (!isFiniteNumber(value)) return t.failure(value, context);
      return value <= LAST_SECOND
        ? t.success(value)
        : t.failure(
            value,
            context,
            `${name}: seconds since 1970, as RFC 7519 counts; the number is beyond the year 9999, so it may be milliseconds`,
          );
    },
    t.identity,
  );

const MAX_SUBJECT = 255;
/** Control characters (C0, DEL, C1), Unicode line ends, and lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;
const Subject = claim(
  `sub: 1 to ${MAX_SUBJECT} characters, at least one visible, none a control character, and no name that looks like server or api`,
  (value): value is string =>
    typeof value === 'string' &&
    // counted in code points
    Array.from(value).length <= MAX_SUBJECT &&
    !UNPRINTABLE.test(value) &&
    !looksEmpty(value) &&
    !looksReserved(value),
);

/** A pattern that matches no valid room name is harmless: it grants nothing. */
const isPattern = (value: unknown): boolean =>
  typeof value === 'string' && !value.slice(0, -1).includes('*');

const patterns = (name: string): t.Type<true | readonly string[]> =>
  claim(
    `rooms.${name}: true, or a list of texts, each with at most one * at its end`,
    (value): value is true | readonly string[] =>
      value === true || (Array.isArray(value) && value.every(isPattern)),
  );

const flag = (name: string): t.Type<boolean> =>
  claim(`${name}: true or false`, (value): value is boolean => typeof value === 'boolean');

const text = (name: string): t.Type<string> =>
  claim(`${name}: text`, (value): value is string => typeof value === 'string');

const Scope = claim(
  'scope: words with spaces between them',
  (value): value is string => typeof value === 'string',
);

const Audience = claim(
  'aud: text, or a list of texts',
  (value): value is string | readonly string[] =>
    [value].flat().every((one) => typeof one === 'string'),
);

const RoomsClaim = t.partial(
  { join: patterns('join'), publish: patterns('publish'), global: flag('rooms.global') },
  'rooms: an object; it may have join, publish and global',
);

const Claims = t.intersection([
  t.type({ sub: Subject, exp: numericDate('exp') }, 'claims: an object'),
  t.partial(
    {
      nbf: numericDate('nbf'),
      iat: numericDate('iat'),
      iss: text('iss'),
      aud: Audience,
      rooms: RoomsClaim,
      scope: Scope,
    },
    'claims: an object',
  ),
]);

type Claims = t.TypeOf<typeof Claims>;

const claimsIn = (payload: Uint8Array): E.Either<Denial, Claims> => {
  const json = strictJson(payload);
  if (E.isLeft(json)) return unfit(CLAIMS_FAULTS[json.left]);
  const claims = Claims.decode(json.right);
  return E.isRight(claims) ? claims : unfit(expectedBy(claims.left));
};

const CLAIMS_FAULTS: Readonly<Record<JsonFault, string>> = {
  NotJson: 'claims: an object',
  NameTwice: 'claims: each name once, inside of objects too',
};

/** What the innermost codec that failed expects: its own message, else its name. */
const expectedBy = ([first]: t.Errors): string =>
  first?.message ?? first?.context.at(-1)?.type.name ?? 'claims: an object';

// rights

const ALL: Rights = { join: 'all', publish: 'all', global: true, admin: false };
const ADMIN: Rights = { ...ALL, admin: true };

const rightsOf = (rooms: Claims['rooms'], scope: string | undefined): Rights => {
  const admin = scope?.split(' ').includes('admin') === true;
  // most tokens have no claim `rooms`: their rights are one shared object
  if (rooms === undefined) return admin ? ADMIN : ALL;
  const join = roomsOf(rooms.join);
  const publish = rooms.publish === undefined ? join : roomsOf(rooms.publish);
  return { join, publish, global: rooms.global === true, admin };
};

const roomsOf = (claimed: true | readonly string[] | undefined): Rooms =>
  claimed === true ? 'all' : (claimed ?? []);
