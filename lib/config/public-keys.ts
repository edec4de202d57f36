/**
 * Public keys in the forms that operators use: PEM (a key or a certificate, one or several), a JWK, a JWKS.
 * Each key has one algorithm, which follows from the key and never from a token.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as RA from 'fp-ts/lib/ReadonlyArray.js';
import * as t from 'io-ts';

export interface PublicKey {
  readonly alg: 'RS256' | 'ES256' | 'EdDSA';
  /** The name of the key, if it has one. */
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

/** Why a key is not used. */
export interface Unusable {
  /**
   * `Foreign`: of another kind or for another purpose, as any JWKS may have, or not readable. `Unsafe`: a
   * private key, a public key whose signatures can be forged, or an RSA key that is longer than OpenSSL
   * verifies.
   */
  readonly _tag: 'Foreign' | 'Unsafe';
  readonly kid: string | undefined;
  readonly expected: string;
}

type Read = E.Either<Unusable, PublicKey>;

const ALGORITHMS = 'RS256 (2048 to 16384 bits), ES256 or EdDSA (Ed25519)';
const EXPECTED = `public keys for ${ALGORITHMS}, as PEM, JWK or JWKS`;
const EXPECTED_PUBLISHED = `a public key for ${ALGORITHMS} that verifies signatures`;
const PRIVATE = `${EXPECTED}; this one is a private key or a shared secret: everyone who has it can sign tokens`;

const foreign = (kid: string | undefined): E.Either<Unusable, never> =>
  E.left({ _tag: 'Foreign', kid, expected: EXPECTED });

const unsafe = (kid: string | undefined, expected: string): E.Either<Unusable, never> =>
  E.left({ _tag: 'Unsafe', kid, expected });

/** All keys. `Left`: what is expected in place of one of them. */
export const publicKeysOf = (text: string): E.Either<string, readonly PublicKey[]> => {
  const written = text.replaceAll('\\n', '\n').trim();
  const read = written.startsWith('{') ? jwksOf(written) : pemsOf(written);
  return RA.isEmpty(read)
    ? E.left(EXPECTED)
    : E.mapLeft(({ expected }: Unusable) => expected)(E.sequenceArray(read));
};

export interface Published {
  readonly keys: readonly PublicKey[];
  /**
   * What the operator should know: which keys are unsafe, or that no key can be used; on one line. Undefined
   * otherwise, also when keys for other purposes are skipped.
   */
  readonly remark: string | undefined;
}

/** A JWKS of a server. It may also have keys that cannot be used (RFC 7517 §5). `Left`: it is no JWKS. */
export const publishedKeysOf = (text: string): E.Either<string, Published> => {
  const parsed = parse(text);
  if (!Jwks.is(parsed))
    return E.left(
      'expected a JWKS, an object with a list "keys", got something else: check JWT_JWKS_URL',
    );
  const { left, right } = RA.separate(parsed.keys.map(jwkOf));
  const found = left.filter(({ _tag }) => _tag === 'Unsafe');
  if (found.length > 0) return E.right({ keys: right, remark: remarkOn(found) });
  const remark =
    right.length === 0
      ? `none of its ${left.length} keys can be used: publish ${EXPECTED_PUBLISHED}`
      : undefined;
  return E.right({ keys: right, remark });
};

/** How many keys a log line names: a JWKS may be long, a log line must not. */
const NAMED = 3;
const MAX_KID = 64;

const remarkOn = (found: readonly Unusable[]): string => {
  const named = found
    .slice(0, NAMED)
    .map(({ kid = '(none)', expected }) => `kid ${kid.slice(0, MAX_KID)}: expected ${expected}`);
  return `${found.length} unsafe keys are not used: ${named.join('; ')}`;
};

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

const pemsOf = (text: string): readonly Read[] =>
  [...text.matchAll(PEM)].map(([pem, label = '']) =>
    label.includes('PRIVATE')
      ? unsafe(undefined, PRIVATE)
      : keyOf(() => createPublicKey(pem), undefined),
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
  if (!Jwk.is(jwk)) return foreign(undefined);
  const { kid, alg, use, key_ops: operations } = jwk;
  if (Object.hasOwn(jwk, 'd') || Object.hasOwn(jwk, 'k')) return unsafe(kid, PRIVATE);
  if ((use !== undefined && use !== 'sig') || operations?.includes('verify') === false)
    return foreign(kid);
  const read = keyOf(() => createPublicKey({ key: jwk, format: 'jwk' }), kid);
  return E.isRight(read) && alg !== undefined && !namesOf(read.right).includes(alg)
    ? foreign(kid)
    : read;
};

/** RFC 9864 has another name for the algorithm that is commonly called EdDSA. */
const namesOf = ({ alg }: PublicKey): readonly string[] =>
  alg === 'EdDSA' ? [alg, 'Ed25519'] : [alg];

const keyOf = (make: () => KeyObject, kid: string | undefined): Read => {
  const key = E.tryCatch(
    () => {
      const made = make();
      // OpenSSL checks the point of a key only when it uses the point, and Node 20 aborts the process when it
      // is asked for details of a key with an invalid point. This call throws for such a key
      made.export({ type: 'spki', format: 'der' });
      return made;
    },
    () => undefined,
  );
  if (E.isLeft(key)) return foreign(kid);
  const alg = algorithmOf(key.right);
  if (alg === undefined) return foreign(kid);
  const fault = faultOf(key.right);
  return fault === undefined ? E.right({ alg, kid, key: key.right }) : unsafe(kid, fault);
};

/** The name of P-256 in OpenSSL. */
const P256 = 'prime256v1';

const algorithmOf = ({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details = {},
}: KeyObject): PublicKey['alg'] | undefined => {
  if (type === 'rsa') return 'RS256';
  if (type === 'ec') return details.namedCurve === P256 ? 'ES256' : undefined;
  return type === 'ed25519' ? 'EdDSA' : undefined;
};

const MIN_MODULUS = 2_048;
/** OpenSSL does not verify with a longer modulus. */
const MAX_MODULUS = 16_384;
/**
 * NIST SP 800-56B §6.2: an odd number from this one on, below 2^256. With the exponent 1 anybody can sign.
 * With 3, a forged signature has passed verifiers that do not check all of the padding.
 */
const MIN_EXPONENT = 65_537n;
const MAX_EXPONENT = 2n ** 256n;

/** What is expected in place of an unsafe key; undefined for a safe one. */
const faultOf = (key: KeyObject): string | undefined => {
  if (key.asymmetricKeyType === 'ed25519')
    return SMALL_ORDER.has(ed25519PointOf(key))
      ? `${EXPECTED}; this Ed25519 key is a point of small order, for which anybody can sign`
      : undefined;
  if (key.asymmetricKeyType !== 'rsa') return undefined;
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_MODULUS || modulusLength > MAX_MODULUS)
    return `${EXPECTED}; this RSA key has ${modulusLength} bits`;
  return publicExponent < MIN_EXPONENT ||
    publicExponent >= MAX_EXPONENT ||
    publicExponent % 2n === 0n
    ? `${EXPECTED}; the exponent of an RSA key is an odd number from 65537 on, below 2^256`
    : undefined;
};

/** The y of the point in hexadecimal, little endian, without the sign of x. */
const ed25519PointOf = (key: KeyObject): string => {
  const point = key.export({ type: 'spki', format: 'der' }).subarray(-32);
  return Buffer.concat([point.subarray(0, 31), Buffer.of((point.at(31) ?? 0) & 0x7f)]).toString(
    'hex',
  );
};

/**
 * The y of each point whose order divides 8, in hexadecimal. Two of these numbers have a second encoding.
 * With such a point as the key, about 8 tries forge a signature.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]);

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
