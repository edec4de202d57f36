/**
 * Why tokens are not verified by `jwtVerify`, and keys not chosen by `createLocalJWKSet`: what jose accepts
 * or refuses differently. The tables are in docs/architecture.md, "Libraries". When a test fails here, jose
 * has changed, and the reason may no longer hold.
 */
import {
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  jwtVerify,
  type JWTVerifyOptions,
} from 'jose';
import { createPublicKey, createSecretKey, generateKeyPairSync, verify } from 'node:crypto';
import t from 'tap';
import { inSeconds, jwkOf, pairFor, SECRET, signed, tokenOf } from '../support/tokens.js';

const KEY = createSecretKey(SECRET, 'utf8');

const isTaken = async (token: string, options: JWTVerifyOptions = {}): Promise<boolean> => {
  try {
    await jwtVerify(token, KEY, {
      algorithms: ['HS256'],
      requiredClaims: ['sub', 'exp'],
      ...options,
    });
    return true;
  } catch {
    return false;
  }
};

t.test('when jose has the 30 s of leeway of nbf, then it accepts an expired token', async (t) => {
  const [ended, begins] = [tokenOf({ exp: inSeconds(-1) }), tokenOf({ nbf: inSeconds(20) })];
  t.same([await isTaken(ended), await isTaken(begins)], [false, false]);
  const leeway = { clockTolerance: 30 };
  t.same([await isTaken(ended, leeway), await isTaken(begins, leeway)], [true, true]);
});

t.test('when a token expired less than a second ago, then jose accepts it', async (t) => {
  const currentDate = new Date(1_800_000_000_900);
  t.ok(await isTaken(tokenOf({ exp: 1_800_000_000.5 }), { currentDate }));
});

t.test(
  'when iat is in the future, then jose accepts the token, or requires iat of every token',
  async (t) => {
    const early = tokenOf({ iat: inSeconds(86_400) });
    t.ok(await isTaken(early));
    const maxTokenAge = '9999y';
    t.same(
      [await isTaken(early, { maxTokenAge }), await isTaken(tokenOf(), { maxTokenAge })],
      [false, false],
    );
  },
);

t.test('when a token can be read in two ways, then jose accepts it', async (t) => {
  const good = tokenOf();
  for (const [what, token] of [
    ['sub twice', signed(`{"sub":"a","sub":"b","exp":${inSeconds(9)}}`)],
    ['alg twice', tokenOf({}, { header: '{"alg":"none","alg":"HS256"}' })],
    ['exp in milliseconds', tokenOf({ exp: 1_000 * inSeconds(60) })],
    ['exp beyond numbers', signed('{"sub":"alice","exp":1e400}')],
    ['padding', `${good}=`],
    ['a line end', `${good}\n`],
    ['b64 without crit', tokenOf({}, { header: { b64: false } })],
  ] as const)
    t.ok(await isTaken(token), what);
});

const answerOf = async (keys: readonly object[], alg: string, token: string): Promise<string> => {
  try {
    await jwtVerify(token, createLocalJWKSet({ keys } as JSONWebKeySet), { algorithms: [alg] });
    return 'taken';
  } catch (error) {
    return error instanceof errors.JOSEError ? error.code : String(error);
  }
};

t.test('when a token does not name the one key of a set, then jose refuses it', async (t) => {
  const [a, b] = [pairFor('ES256'), pairFor('ES256')];
  const by = (header: object): string => tokenOf({}, { alg: 'ES256', key: b.privateKey, header });
  const both = [jwkOf(a.publicKey, 'a'), jwkOf(b.publicKey, 'b')];
  t.equal(await answerOf(both, 'ES256', by({})), 'ERR_JWKS_MULTIPLE_MATCHING_KEYS');
  t.equal(
    await answerOf([jwkOf(b.publicKey)], 'ES256', by({ kid: 'b' })),
    'ERR_JWKS_NO_MATCHING_KEY',
  );
});

t.test('when anybody could sign for a key, then jose uses the key all the same', async (t) => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 });
  const token = tokenOf({}, { alg: 'RS256', key: weak.privateKey });
  t.equal(await answerOf([jwkOf(weak.publicKey)], 'RS256', token), 'taken');
  // the neutral point: R and S of the signature are the neutral point and 0
  const point = Buffer.concat([Buffer.of(1), Buffer.alloc(31)]);
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') };
  const [head, body] = tokenOf({}, { header: { alg: 'EdDSA' } }).split('.');
  const signature = Buffer.concat([point, Buffer.alloc(32)]).toString('base64url');
  // jose leaves that to OpenSSL: 3.0 of Node 20 takes such a key, 3.5 of Node 24 refuses it
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const isGood = verify(
    null,
    Buffer.from(`${head}.${body}`),
    key,
    Buffer.from(signature, 'base64url'),
  );
  t.equal(
    await answerOf([jwk], 'EdDSA', `${head}.${body}.${signature}`),
    isGood ? 'taken' : 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  );
});
