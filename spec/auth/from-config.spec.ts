/** Which keys verify a token, and which API keys are known, by the configuration. */
import { BehaviorSubject } from 'rxjs';
import t from 'tap';
import { accessWith, bySecret, judge, type Judged, outcomeOf } from '../support/judging.js';
import { jwkOf, pairFor, pemOf, SECRET, tokenOf } from '../support/tokens.js';

t.test(
  'when a token is signed with a private key, then its public key verifies it, with its algorithm alone',
  async (t) => {
    for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
      const { publicKey, privateKey } = pairFor(alg);
      const { privateKey: foreign } = pairFor(alg);
      const jwk = jwkOf(publicKey);
      const pem = pemOf(publicKey);
      for (const [form, text] of [
        ['PEM', pem],
        ['PEM in one line', pem.replaceAll('\n', '\\n')],
        ['two PEMs', pemOf(pairFor(alg).publicKey) + pem],
        ['JWK', JSON.stringify(jwk)],
        ['JWKS', JSON.stringify({ keys: [jwkOf(pairFor('EdDSA').publicKey, 'x'), jwk] })],
      ] as const) {
        const access = accessWith({ jwtPublicKey: text });
        const token = tokenOf({}, { alg, key: privateKey });
        t.equal(outcomeOf(await judge(access, { token })), 'alice', `${alg} by ${form}`);
      }
      const access = accessWith({ jwtPublicKey: pem, jwtSecret: SECRET });
      const by = async (token: string): Promise<string> =>
        outcomeOf(await judge(access, { token }));
      t.equal(await by(tokenOf({}, { alg, key: privateKey })), 'alice', `${alg} beside a secret`);
      t.equal(await by(tokenOf()), 'alice', `the secret beside ${alg}`);
      t.equal(await by(tokenOf({}, { alg, key: foreign })), 'Untrusted', `${alg}: another key`);
      // A05
      for (const secret of [pem, pem.trim(), JSON.stringify(jwk), SECRET.slice(1)])
        t.equal(await by(tokenOf({}, { key: secret })), 'Untrusted', `${alg}: the key as a secret`);
      for (const claimed of ['RS256', 'ES256', 'EdDSA', 'PS256', 'Ed25519', 'ES384', 'RS512'])
        if (claimed !== alg)
          t.equal(
            await by(tokenOf({}, { alg, key: privateKey, header: { alg: claimed } })),
            'Untrusted',
            `${alg} that says ${claimed}`,
          );
      t.equal(
        await by(tokenOf({}, { key: SECRET, header: { alg } })),
        'Untrusted',
        `an HMAC that says ${alg}`,
      );
      // A07
      const own = pairFor(alg);
      const header = {
        jwk: jwkOf(own.publicKey),
        jku: 'http://127.0.0.1:9/',
        x5u: 'http://127.0.0.1:9/',
      };
      t.equal(
        await by(tokenOf({}, { alg, key: own.privateKey, header })),
        'Untrusted',
        `${alg}: a key that it brings itself`,
      );
    }
  },
);

t.test(
  'when a token names a key, then that key verifies it; without a name any of them may',
  async (t) => {
    const [a, b] = [pairFor('ES256'), pairFor('ES256')];
    const keys = [jwkOf(a.publicKey, 'a'), jwkOf(b.publicKey, 'b')];
    const access = accessWith({ jwtPublicKey: JSON.stringify({ keys }) });
    const by = async (kid: unknown, key = b.privateKey): Promise<string> => {
      const header = kid === undefined ? {} : { kid };
      return outcomeOf(await judge(access, { token: tokenOf({}, { alg: 'ES256', key, header }) }));
    };
    t.equal(await by('b'), 'alice');
    t.equal(await by(undefined), 'alice');
    t.equal(await by('a'), 'Untrusted');
    for (const kid of ['../../dev/null', "' OR 1=1", '__proto__', 'constructor', ''])
      t.equal(await by(kid), 'Untrusted', kid);
  },
);

t.test('when issuer and audience are configured, then a token must have them', async (t) => {
  const access = accessWith({ jwtSecret: SECRET, jwtIssuer: 'https://id', jwtAudience: 'chat' });
  const by = async (claims: object): Promise<string> =>
    outcomeOf(await judge(access, { token: tokenOf(claims) }));
  t.equal(await by({ iss: 'https://id', aud: 'chat' }), 'alice');
  t.equal(await by({ iss: 'https://id', aud: ['mail', 'chat'] }), 'alice');
  for (const claims of [
    {},
    { iss: 'https://id' },
    { aud: 'chat' },
    { iss: 'https://id/', aud: 'chat' },
    { iss: ['https://id'], aud: 'chat' },
    { iss: 'https://id', aud: 'chatter' },
    { iss: 'https://id', aud: [] },
    { iss: 'https://id', aud: { chat: 'chat' } },
    { iss: 'https://id', aud: [['chat']] },
  ])
    t.equal(await by(claims), 'InvalidClaim', JSON.stringify(claims));
  t.equal(outcomeOf(await judge(bySecret, { token: tokenOf({ iss: 'x', aud: 'y' }) })), 'alice');
});

t.test('when an API key comes, then only a configured one is accepted', async (t) => {
  const access = accessWith({ jwtSecret: SECRET, apiKeys: ['a-key-of-one', 'a-key-of-two'] });
  const program = await judge(access, { apiKey: 'a-key-of-two' });
  t.match(program, { right: { userId: null, expiresAt: undefined, rights: { admin: true } } });
  for (const apiKey of [
    'a-key-of-o',
    'a-key-of-one2',
    'A-key-of-one',
    'a-key-of-one,a-key-of-two',
    'a-key-of-one, a-key-of-two',
    '',
  ])
    t.equal(outcomeOf(await judge(access, { apiKey })), 'UnknownKey', apiKey);
  t.equal(outcomeOf(await judge(access, {})), 'Missing');
  t.equal(
    outcomeOf(await judge(access, { apiKey: 'a-key-of-none', token: tokenOf() })),
    'UnknownKey',
  );
  t.equal(
    outcomeOf(await judge(access, { apiKey: 'a-key-of-one', token: tokenOf({ exp: 1 }) })),
    'Expired',
  );
  t.match(await judge(access, { apiKey: 'a-key-of-one', token: tokenOf() }), {
    right: { userId: 'alice', rights: { admin: true } },
  });
  t.equal(
    outcomeOf(await judge(bySecret, { apiKey: 'a-key-of-one' })),
    'UnknownKey',
    'none is given out',
  );
});

t.test('when AUTH_ENABLED is false, then every client is anonymous, without waiting', async (t) => {
  const seen$ = new BehaviorSubject<Judged | undefined>(undefined);
  accessWith({ authEnabled: false, jwtSecret: SECRET })
    .authenticate({ token: 'x', apiKey: 'y' })
    .subscribe(seen$);
  t.match(seen$.value, { right: { userId: null, expiresAt: undefined, rights: { join: 'all' } } });
});
