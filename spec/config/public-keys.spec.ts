/** Public keys as operators write them: which are used, and why others are not. */
import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { publicKeysOf, publishedKeysOf } from '../../lib/config/public-keys.js';
import { pem } from '../support/config.js';
import { left, right } from '../support/messages.js';
import { jwkOf, pairFor, pemOf } from '../support/tokens.js';

const RSA = pairFor('RS256');
const EC = pairFor('ES256');
const ED = pairFor('EdDSA');
const PRIVATE = ED.privateKey.export({ format: 'jwk' });

const algorithms = (text: string): readonly string[] =>
  right(publicKeysOf(text)).map(({ alg }) => alg);
const jwksOf = (...keys: readonly object[]): string => JSON.stringify({ keys });

t.test('when keys are PEM, JWK or JWKS, then each has the algorithm of its kind', async (t) => {
  const [rsa, ec, ed] = [RSA, EC, ED].map(({ publicKey }) => pemOf(publicKey));
  t.same(algorithms(`${rsa}\n${ec}${ed}`), ['RS256', 'ES256', 'EdDSA']);
  t.same(algorithms(`  ${ec?.replaceAll('\n', '\\n')}`), ['ES256'], 'on one line of a .env');
  t.same(algorithms(JSON.stringify(jwkOf(ED.publicKey))), ['EdDSA']);
  t.same(algorithms(jwksOf(jwkOf(RSA.publicKey), jwkOf(EC.publicKey))), ['RS256', 'ES256']);
  t.equal(right(publicKeysOf(jwksOf(jwkOf(RSA.publicKey, 'one'))))[0]?.kid, 'one');
});

t.test('when a text has no key, then the error names the forms', async (t) => {
  for (const text of ['', 'secret', '{', '{"keys":[]}', '{"keys":[7]}', '{}'])
    t.match(left(publicKeysOf(text)), /^public keys for RS256 .* as PEM, JWK or JWKS$/, text);
});

t.test('when a key is private, then it is refused', async (t) => {
  for (const text of [pem('ed25519').privateKey, JSON.stringify(PRIVATE), '{"kty":"oct","k":"a"}'])
    t.match(left(publicKeysOf(text)), /this one is a private key/);
});

t.test('when a key is for another purpose or algorithm, then it is not used', async (t) => {
  const key = jwkOf(RSA.publicKey);
  for (const other of [
    { ...key, use: 'enc' },
    { ...key, key_ops: ['encrypt'] },
    { ...key, alg: 'RS512' },
    jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey),
    jwkOf(generateKeyPairSync('x25519').publicKey),
  ]) {
    t.ok(left(publicKeysOf(JSON.stringify(other))));
    const published = right(publishedKeysOf(jwksOf(other, jwkOf(EC.publicKey))));
    t.same([published.keys.length, published.remark], [1, undefined], 'a JWKS may have such keys');
  }
  for (const fit of [{ use: 'sig' }, { key_ops: ['verify'] }, { alg: 'RS256' }])
    t.same(algorithms(JSON.stringify({ ...key, ...fit })), ['RS256']);
  t.same(algorithms(JSON.stringify({ ...jwkOf(ED.publicKey), alg: 'Ed25519' })), ['EdDSA']);
});

t.test('when signatures of an RSA key can be forged, then the error says why', async (t) => {
  const rsa = (modulusLength: number, publicExponent = 65_537): string =>
    pemOf(generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey);
  t.match(left(publicKeysOf(rsa(1_024))), /this RSA key has 1024 bits$/);
  t.match(left(publicKeysOf(rsa(2_048, 3))), /the exponent of an RSA key is an odd number/);
});

t.test('when an Ed25519 key has a small order, then it is refused', async (t) => {
  for (const hex of [`01${'00'.repeat(31)}`, `${'00'.repeat(31)}80`, `ec${'ff'.repeat(31)}`]) {
    const x = Buffer.from(hex, 'hex').toString('base64url');
    const text = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x });
    t.match(left(publicKeysOf(text)), /a point of small order/, hex);
  }
});

t.test(
  'when a point is not on its curve, then the key is refused and the process lives',
  async (t) => {
    const { x } = EC.publicKey.export({ format: 'jwk' });
    t.ok(left(publicKeysOf(JSON.stringify({ kty: 'EC', crv: 'P-256', x, y: x }))));
  },
);

t.test('when a server publishes unsafe keys, then the remark names three', async (t) => {
  const unsafe = Array.from({ length: 5 }, (_, i) => ({ ...PRIVATE, kid: `${i}`.repeat(70) }));
  const { keys, remark } = right(publishedKeysOf(jwksOf(jwkOf(EC.publicKey), ...unsafe)));
  t.equal(keys.length, 1);
  t.match(remark, /^5 unsafe keys are not used: kid 0{64}: expected .*; kid 1+: .*; kid 2+: /);
  t.notMatch(remark, /kid 3/);
});

t.test('when no published key can be used, then the remark says so', async (t) => {
  t.equal(
    right(publishedKeysOf(jwksOf({ kty: 'none' }, 7 as never))).remark,
    'none of its 2 keys can be used: publish a public key for RS256 (2048 to 16384 bits), ES256 or EdDSA (Ed25519) that verifies signatures',
  );
  for (const text of ['{', '[]', '{"keys":{}}'])
    t.match(
      left(publishedKeysOf(text)),
      /^expected a JWKS, an object with a list "keys".*JWT_JWKS_URL$/,
    );
});
