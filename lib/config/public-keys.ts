/**
 * Public keys as operators write them: PEM (a key or a certificate, several one behind the other), a JWK, a JWKS. Each
 * signs in one way, which follows from the key and never from a token.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as RA from 'fp-ts/lib/ReadonlyArray.js';
import * as t from 'io-ts';

export interface PublicKey {
  readonly alg: 'RS256' | 'ES256' | 'EdDSA';
  /** Its name, where it has one. */
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

/** `Left` says what is expected. */
type Read = E.Either<string, PublicKey>;

const EXPECTED =
  'public keys for RS256 (2048 bits or more), ES256 or EdDSA (Ed25519), as PEM, JWK or JWKS';
const PRIVATE = `${EXPECTED}; this one is private, and whoever has it makes tokens`;

/** All of them, or what is wrong with one. */
export const publicKeysOf = (text: string): E.Either<string, readonly PublicKey[]> => {
  const written = text.replaceAll('\\n', '\n').trim();
  const read = written.startsWith('{') ? jwksOf(written) : pemsOf(written);
  return RA.isEmpty(read) ? E.left(EXPECTED) : E.sequenceArray(read);
};

/**
 * Those of a JWKS that can be used: others may stand beside them (RFC 7517 §5). `Left` where it is none.
 */
export const publishedKeysOf = (text: string): E.Either<string, readonly PublicKey[]> => {
  const parsed = parse(text);
  return Jwks.is(parsed)
    ? E.right(RA.rights(parsed.keys.map(jwkOf)))
    : E.left('a JWKS: an object with a list "keys"');
};

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

const pemsOf = (text: string): readonly Read[] =>
  [...text.matchAll(PEM)].map(([pem, label = '']) =>
    label.includes('PRIVATE') ? E.left(PRIVATE) : keyOf(() => createPublicKey(pem), undefined),
  );

const Jwk = t.intersection([
  t.type({ kty: t.string }),
  t.partial({
    kid: t.string,
    alg: t.string,
    use: t.string,
    key_ops: t.array(t.string),
  }),
]);
const Jwks = t.type({ keys: t.array(t.unknown) });

const jwksOf = (text: string): readonly Read[] => {
  const parsed = parse(text);
  return (Jwks.is(parsed) ? parsed.keys : [parsed]).map(jwkOf);
};

const jwkOf = (jwk: unknown): Read => {
  if (!Jwk.is(jwk)) return E.left(EXPECTED);
  const { kid, alg, use, key_ops: operations } = jwk;
  if (Object.hasOwn(jwk, 'd') || Object.hasOwn(jwk, 'k')) return E.left(PRIVATE);
  if ((use !== undefined && use !== 'sig') || operations?.includes('verify') === false)
    return E.left(EXPECTED);
  const read = keyOf(() => createPublicKey({ key: jwk, format: 'jwk' }), kid);
  return E.isRight(read) && alg !== undefined && !namesOf(read.right).includes(alg)
    ? E.left(EXPECTED)
    : read;
};

/** RFC 9864 has another name for the one that everybody uses. */
const namesOf = ({ alg }: PublicKey): readonly string[] =>
  alg === 'EdDSA' ? [alg, 'Ed25519'] : [alg];

const keyOf = (make: () => KeyObject, kid: string | undefined): Read =>
  E.Chain.chain(
    E.tryCatch(make, () => EXPECTED),
    (key) => {
      const alg = algorithmOf(key);
      return alg === undefined ? E.left(EXPECTED) : E.right({ alg, kid, key });
    },
  );

const MIN_MODULUS = 2_048;
/** P-256 by its name in OpenSSL. */
const P256 = 'prime256v1';

const algorithmOf = ({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details = {},
}: KeyObject): PublicKey['alg'] | undefined => {
  if (type === 'rsa') return (details.modulusLength ?? 0) >= MIN_MODULUS ? 'RS256' : undefined;
  if (type === 'ec') return details.namedCurve === P256 ? 'ES256' : undefined;
  return type === 'ed25519' ? 'EdDSA' : undefined;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
