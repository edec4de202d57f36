/** Tokens that can be wrong in any way: header and claims are objects to sign, or any text. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Seconds since 1970, so many from now. */
export const inSeconds = (seconds: number, now = Date.now()): number => now / 1000 + seconds;

export const SECRET = 'a secret of thirty-two bytes, or more';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A new pair of keys for an algorithm. */
export const pairFor = (alg: 'RS256' | 'ES256' | 'EdDSA'): Pair => {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('ed25519');
};

export const pemOf = (key: KeyObject): string =>
  key.export({ type: 'spki', format: 'pem' }).toString();

/** A key as it stands in a JWKS. */
export const jwkOf = (key: KeyObject, kid?: string): object => ({
  ...key.export({ format: 'jwk' }),
  ...(kid === undefined ? {} : { kid }),
});

type Part = object | string;

export interface Making {
  /** Fields beside `alg`, or the whole text. */
  readonly header?: Part;
  readonly alg?: string;
  /** A secret for HMAC, a private key for the other algorithms. */
  readonly key?: string | KeyObject;
}

const base64url = (part: Part): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

const digestOf: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384' };

const signatureOf = (input: string, alg: string, key: string | KeyObject): Buffer => {
  if (typeof key === 'string')
    return createHmac(digestOf[alg] ?? 'sha256', key)
      .update(input)
      .digest();
  const digest = alg === 'EdDSA' ? null : 'sha256';
  return sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
};

/** A token with any claims, signed in any way. */
export const signed = (claims: Part, making: Making = {}): string => {
  const { header = {}, alg = 'HS256', key = SECRET } = making;
  const head = typeof header === 'string' ? header : { alg, typ: 'JWT', ...header };
  const input = `${base64url(head)}.${base64url(claims)}`;
  return `${input}.${signatureOf(input, alg, key).toString('base64url')}`;
};

/** A valid token for an hour, except for the replaced claims; a claim that is undefined is left out. */
export const tokenOf = (claims: object = {}, making: Making = {}): string =>
  signed({ sub: 'alice', exp: inSeconds(3600), ...claims }, making);
