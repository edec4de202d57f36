/** Whom a token or a key makes somebody: bad-input rows A02–A14, the claims, and which keys may have signed. */
import * as E from 'fp-ts/lib/Either.js';
import * as fc from 'fast-check';
import { BehaviorSubject, firstValueFrom, NEVER } from 'rxjs';
import t from 'tap';
import { authOf } from '../../lib/auth/from-config.js';
import { credentialsOf } from '../../lib/auth/credentials.js';
import {
  type Auth,
  type Credentials,
  type Denial,
  type Identity,
  mayJoin,
  mayPublish,
  problemOf,
  type Rights,
} from '../../lib/auth/index.js';
import { systemClock } from '../../lib/clock.js';
import { type Config, configOf, type DeepPartial } from '../../lib/config/index.js';
import { GLOBAL } from '../../lib/protocol/position.js';
import { inSeconds, jwkOf, pairFor, pemOf, SECRET, signed, tokenOf } from '../support/tokens.js';

const accessWith = (access: DeepPartial<Config['access']>): Auth => {
  const config = configOf({ access: { authEnabled: true, ...access } });
  if (E.isLeft(config)) throw new Error(JSON.stringify(config.left));
  return authOf({
    config: config.right,
    clock: systemClock,
    emit: () => undefined,
    keepClaims: false,
    ended$: NEVER,
  });
};

type Judged = E.Either<Denial, Identity>;

const judge = (access: Auth, credentials: Credentials): Promise<Judged> =>
  firstValueFrom(access.authenticate(credentials));

/** The tag of the denial, or the user. */
const said = (judged: Judged): string =>
  E.isLeft(judged) ? judged.left._tag : `${judged.right.userId}`;

const bySecret = accessWith({ jwtSecret: SECRET });

t.test('a good token is its subject, until it ends', async (t) => {
  const exp = Math.floor(inSeconds(60));
  const judged = await judge(bySecret, { token: tokenOf({ exp }) });
  t.strictSame(judged, {
    _tag: 'Right',
    right: {
      userId: 'alice',
      expiresAt: exp * 1000,
      rights: { join: 'all', publish: 'all', global: true, admin: false },
    },
  });
  for (const sub of [
    'ā́-文字',
    'a b',
    'user:1',
    'x'.repeat(255),
    '🙂',
    '🙂'.repeat(255),
    'server-1',
    'observer',
    'apis',
    'capi',
    'сервер',
    '👩\u200d👧',
  ])
    t.equal(said(await judge(bySecret, { token: tokenOf({ sub }) })), sub);
  t.equal(said(await judge(bySecret, { token: tokenOf({ nbf: inSeconds(20) }) })), 'alice');
  t.equal(said(await judge(bySecret, { token: tokenOf({ iat: inSeconds(20) }) })), 'alice');
  t.equal(said(await judge(bySecret, { token: tokenOf({ exp: exp + 0.5 }) })), 'alice');
});

t.test(
  'when a time is in milliseconds, then the denial names the claim and the unit',
  async (t) => {
    for (const claim of ['exp', 'nbf', 'iat']) {
      const judged = await judge(bySecret, { token: tokenOf({ [claim]: 1_795_780_000_000 }) });
      t.match(judged, {
        left: {
          _tag: 'InvalidClaim',
          expected: new RegExp(`^${claim}: seconds .*RFC 7519.*milliseconds`),
        },
      });
    }
    t.match(await judge(bySecret, { token: tokenOf({ exp: '1' }) }), {
      left: { expected: 'exp: seconds since 1970, a number' },
    });
    t.equal(said(await judge(bySecret, { token: tokenOf({ exp: 253_402_300_799 }) })), 'alice');
  },
);

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const nextIn64 = (character: string): string => BASE64URL[BASE64URL.indexOf(character) + 1] ?? 'A';

t.test('what is wrong with a token denies it: a row each', async (t) => {
  const good = tokenOf();
  const [head = '', body = '', signature = ''] = good.split('.');
  const header = (extra: object): string => tokenOf({}, { header: extra });
  const inner = `"a":{"alg":"x","kid":1,"[":["alg","]"]}`;
  const rows: readonly (readonly [what: string, token: string, tag: Denial['_tag']])[] = [
    // A02
    ['expired', tokenOf({ exp: inSeconds(-1) }), 'Expired'],
    ['expired long ago', tokenOf({ exp: -1 }), 'Expired'],
    ['nbf in the future', tokenOf({ nbf: inSeconds(60) }), 'NotYetValid'],
    ['iat in the future', tokenOf({ iat: inSeconds(86_400) }), 'NotYetValid'],
    // A03
    ['alg none', signed({ sub: 'a', exp: inSeconds(9) }, { header: { alg: 'none' } }), 'Untrusted'],
    ['alg NoNe', header({ alg: 'NoNe' }), 'Untrusted'],
    [
      'alg none, unsigned',
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`,
      'Malformed',
    ],
    ['an empty signature', `${head}.${body}.`, 'Malformed'],
    ['two parts', `${head}.${body}`, 'Malformed'],
    ['five parts', `${good}.a.b`, 'Malformed'],
    ['half a signature', `${head}.${body}.${signature.slice(0, 20)}`, 'Untrusted'],
    // A04
    ['another secret', tokenOf({}, { key: `${SECRET}x` }), 'Untrusted'],
    ['HS384', tokenOf({}, { alg: 'HS384' }), 'Untrusted'],
    ['HS512 that is HS256', header({ alg: 'HS512' }), 'Untrusted'],
    ['alg hs256', header({ alg: 'hs256' }), 'Untrusted'],
    ['no alg', header({ alg: undefined }), 'Malformed'],
    ['alg that is no text', header({ alg: ['HS256'] }), 'Malformed'],
    ['alg constructor', header({ alg: 'constructor' }), 'Untrusted'],
    // A06: whatever it is called, the secret has one name only
    ['kid that is no text', header({ kid: 1 }), 'Malformed'],
    // A08
    ['no exp', tokenOf({ exp: undefined }), 'InvalidClaim'],
    ['exp as text', tokenOf({ exp: String(inSeconds(60)) }), 'InvalidClaim'],
    ['exp null', tokenOf({ exp: null }), 'InvalidClaim'],
    ['exp beyond numbers', signed('{"sub":"alice","exp":1e400}'), 'InvalidClaim'],
    ['exp beyond dates', tokenOf({ exp: 1e15 }), 'InvalidClaim'],
    ['exp in milliseconds', tokenOf({ exp: Math.floor(inSeconds(60) * 1000) }), 'InvalidClaim'],
    ['nbf in milliseconds', tokenOf({ nbf: 1000 * inSeconds(-60) }), 'InvalidClaim'],
    ['iat in milliseconds', tokenOf({ iat: 1000 * inSeconds(-60) }), 'InvalidClaim'],
    ['exp in the year 10000', tokenOf({ exp: 253_402_300_800 }), 'InvalidClaim'],
    ['nbf as text', tokenOf({ nbf: '0' }), 'InvalidClaim'],
    ['iat as text', tokenOf({ iat: '0' }), 'InvalidClaim'],
    // A09
    ['no sub', tokenOf({ sub: undefined }), 'InvalidClaim'],
    ['sub null', tokenOf({ sub: null }), 'InvalidClaim'],
    ['sub a number', tokenOf({ sub: 7 }), 'InvalidClaim'],
    ['sub an object', tokenOf({ sub: { id: 'alice' } }), 'InvalidClaim'],
    ['an empty sub', tokenOf({ sub: '' }), 'InvalidClaim'],
    ['a sub of spaces', tokenOf({ sub: '  ' }), 'InvalidClaim'],
    ['a sub of 1 KB', tokenOf({ sub: 'x'.repeat(1024) }), 'InvalidClaim'],
    ['a sub of 256 characters', tokenOf({ sub: '🙂'.repeat(256) }), 'InvalidClaim'],
    ['a sub with a line end', tokenOf({ sub: 'a\nb' }), 'InvalidClaim'],
    ['a sub with NUL', tokenOf({ sub: 'a\0' }), 'InvalidClaim'],
    ['a sub with C1', tokenOf({ sub: 'a\u0085' }), 'InvalidClaim'],
    ['a sub with half a pair', signed(`{"sub":"a\\ud800","exp":${inSeconds(9)}}`), 'InvalidClaim'],
    ['a sub that is the server', tokenOf({ sub: 'server' }), 'InvalidClaim'],
    ['a sub that is the API', tokenOf({ sub: 'api' }), 'InvalidClaim'],
    // how people see it, not how it is written
    ...[
      'Server',
      'API',
      ' server ',
      'api\u00a0',
      'ser\u200bver',
      'se\u00adrver',
      '\u202eapi\u202c',
      'api\ufe0f',
      '\uff53\uff45\uff52\uff56\uff45\uff52',
      '\u{1d41a}\u{1d429}\u{1d422}',
      '\u24d0\u24df\u24d8',
      's\u00e9rver',
      's\u0435rver',
      '\u0455\u0435\u0433\u0475\u0435\u0433',
      '\u0430\u0440\u0456',
      '\u03b1\u03c1\u03b9',
      'ap\u0131',
      '\u13da\u13ac\u13a1\u13d9\u13ac\u13a1',
      '\ua4ee\ua4d1\ua4f2',
      'AP\u0130',
    ].map(
      (sub) =>
        [
          `a sub that looks like it: ${JSON.stringify(sub)}`,
          tokenOf({ sub }),
          'InvalidClaim',
        ] as const,
    ),
    ['a sub that nobody sees', tokenOf({ sub: '\u200b\u2060' }), 'InvalidClaim'],
    ['sub twice', signed(`{"sub":"a","sub":"b","exp":${inSeconds(9)}}`), 'InvalidClaim'],
    ['sub twice, the same', signed(`{"sub":"a","sub":"a","exp":${inSeconds(9)}}`), 'InvalidClaim'],
    [
      'sub twice, escaped',
      signed(`{"sub":"a","exp":${inSeconds(9)},"s\\u0075b":"b"}`),
      'InvalidClaim',
    ],
    ['exp twice', signed(`{"sub":"a","exp":1,"exp":${inSeconds(9)}}`), 'InvalidClaim'],
    [
      'join twice',
      signed(`{"sub":"a","exp":${inSeconds(9)},"rooms":{"join":["a"],"join":true}}`),
      'InvalidClaim',
    ],
    [
      'a name twice in a list',
      signed(`{"sub":"a","exp":${inSeconds(9)},"x":[1,[{"y":[],"y":1}]]}`),
      'InvalidClaim',
    ],
    ['claims that are a list', signed(`[{"sub":"alice","exp":${inSeconds(9)}}]`), 'InvalidClaim'],
    ['claims that are text', signed('"alice"'), 'InvalidClaim'],
    ['claims that are no JSON', signed('alice'), 'InvalidClaim'],
    ['claims null', signed('null'), 'InvalidClaim'],
    // A10
    ['crit', header({ crit: ['exp'], exp: 1 }), 'Malformed'],
    ['crit that is unknown', header({ crit: ['x'], x: 1 }), 'Malformed'],
    ['crit that is empty', header({ crit: [] }), 'Malformed'],
    ['b64 false', header({ b64: false, crit: ['b64'] }), 'Malformed'],
    ['b64 false without crit', header({ b64: false }), 'Malformed'],
    ['b64 true', header({ b64: true }), 'Malformed'],
    [
      'a name twice further in',
      tokenOf({}, { header: '{"alg":"HS256","jwk":{"kid":"a","kid":"b"}}' }),
      'Malformed',
    ],
    ['alg twice', tokenOf({}, { header: '{"alg":"none","alg":"HS256"}' }), 'Malformed'],
    [
      'alg twice, escaped',
      tokenOf({}, { header: '{"\\u0061lg":"none","alg":"HS256"}' }),
      'Malformed',
    ],
    [
      'kid twice',
      tokenOf({}, { header: `{"alg":"HS256","kid":"a",${inner},"kid" :"b"}` }),
      'Malformed',
    ],
    ['a header that is a list', tokenOf({}, { header: '["HS256"]' }), 'Malformed'],
    ['a header that is no JSON', tokenOf({}, { header: 'HS256' }), 'Malformed'],
    ['a header that is not UTF-8', `_w.${body}.${signature}`, 'Malformed'],
    // A11
    ['over 4 KB', tokenOf({ padding: 'x'.repeat(3_100) }), 'Malformed'],
    ['20 KB', tokenOf({ padding: 'x'.repeat(15_000) }), 'Malformed'],
    ['a kid of 10 KB', header({ kid: 'x'.repeat(10_000) }), 'Malformed'],
    // A14
    ['a line end behind it', `${good}\n`, 'Malformed'],
    ['a space in front', ` ${good}`, 'Malformed'],
    ['padding', `${good}=`, 'Malformed'],
    // 43 characters are 258 bits, of which a digest has 256
    ['a bit set that says nothing', `${good.slice(0, -1)}${nextIn64(good.slice(-1))}`, 'Malformed'],
    ['a space within', `${head}. ${body}.${signature}`, 'Malformed'],
    ['one character more', `${head}A.${body}.${signature}`, 'Malformed'],
    ['base64 that is not for URLs', `${head}.${body}.${'+/'.repeat(20)}`, 'Malformed'],
    ['nothing', '', 'Malformed'],
    ['text', 'hunter2', 'Malformed'],
    // rights
    ...(
      [
        null,
        true,
        'all',
        ['a'],
        { join: 'a' },
        { join: false },
        { join: [1] },
        { join: ['a*b'] },
        { join: ['**'] },
        { join: ['*a'] },
        { join: ['a', null] },
        { publish: { a: true } },
        { global: 'true' },
        { global: 1 },
      ] as const
    ).map(
      (rooms) => [`rooms ${JSON.stringify(rooms)}`, tokenOf({ rooms }), 'InvalidClaim'] as const,
    ),
    ['a list of scopes', tokenOf({ scope: ['admin'] }), 'InvalidClaim'],
  ];
  for (const [what, token, tag] of rows) {
    const judged = await judge(bySecret, { token });
    t.equal(said(judged), tag, what);
    if (E.isRight(judged)) continue;
    const { status, detail, headers } = problemOf(judged.left);
    t.equal(status, 401, what);
    t.strictSame(headers, { 'WWW-Authenticate': 'Bearer' }, what);
    t.equal(detail, 'token: send a valid token, or an API key in X-API-Key', what);
  }
  const near = tokenOf({}, { header: `{"alg":"HS256","kid":"a",${inner}}` });
  t.equal(said(await judge(bySecret, { token: near })), 'alice', 'names further in are not twice');
  // the same digits in each of them
  const exp = Math.ceil(inSeconds(3600));
  const long = tokenOf({ exp, padding: '' });
  const padding = 'x'.repeat(Math.floor(((4_096 - long.length) * 3) / 4));
  t.ok(tokenOf({ exp, padding }).length > 4_090);
  t.equal(said(await judge(bySecret, { token: tokenOf({ exp, padding }) })), 'alice', 'just 4 KB');
});

t.test('a public key judges what its private one has signed, in its way alone', async (t) => {
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
      t.equal(said(await judge(access, { token })), 'alice', `${alg} by ${form}`);
    }
    const access = accessWith({ jwtPublicKey: pem, jwtSecret: SECRET });
    const by = async (token: string): Promise<string> => said(await judge(access, { token }));
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
});

t.test('a name picks the key, and no name any of them', async (t) => {
  const [a, b] = [pairFor('ES256'), pairFor('ES256')];
  const keys = [jwkOf(a.publicKey, 'a'), jwkOf(b.publicKey, 'b')];
  const access = accessWith({ jwtPublicKey: JSON.stringify({ keys }) });
  const by = async (kid: unknown, key = b.privateKey): Promise<string> => {
    const header = kid === undefined ? {} : { kid };
    return said(await judge(access, { token: tokenOf({}, { alg: 'ES256', key, header }) }));
  };
  t.equal(await by('b'), 'alice');
  t.equal(await by(undefined), 'alice');
  t.equal(await by('a'), 'Untrusted');
  for (const kid of ['../../dev/null', "' OR 1=1", '__proto__', 'constructor', ''])
    t.equal(await by(kid), 'Untrusted', kid);
});

t.test('issuer and audience, when they are configured', async (t) => {
  const access = accessWith({ jwtSecret: SECRET, jwtIssuer: 'https://id', jwtAudience: 'chat' });
  const by = async (claims: object): Promise<string> =>
    said(await judge(access, { token: tokenOf(claims) }));
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
  t.equal(said(await judge(bySecret, { token: tokenOf({ iss: 'x', aud: 'y' }) })), 'alice');
});

t.test('keys of programs', async (t) => {
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
    t.equal(said(await judge(access, { apiKey })), 'UnknownKey', apiKey);
  t.equal(said(await judge(access, {})), 'Missing');
  t.equal(said(await judge(access, { apiKey: 'a-key-of-none', token: tokenOf() })), 'UnknownKey');
  t.equal(
    said(await judge(access, { apiKey: 'a-key-of-one', token: tokenOf({ exp: 1 }) })),
    'Expired',
  );
  t.match(await judge(access, { apiKey: 'a-key-of-one', token: tokenOf() }), {
    right: { userId: 'alice', rights: { admin: true } },
  });
  t.equal(
    said(await judge(bySecret, { apiKey: 'a-key-of-one' })),
    'UnknownKey',
    'none is given out',
  );
});

t.test('without AUTH_ENABLED everybody is nobody, at once', async (t) => {
  const seen$ = new BehaviorSubject<Judged | undefined>(undefined);
  accessWith({ authEnabled: false, jwtSecret: SECRET })
    .authenticate({ token: 'x', apiKey: 'y' })
    .subscribe(seen$);
  t.match(seen$.value, { right: { userId: null, expiresAt: undefined, rights: { join: 'all' } } });
});

// rights

const rightsOf = async (claims: object): Promise<Rights> => {
  const judged = await judge(bySecret, { token: tokenOf(claims) });
  if (E.isLeft(judged)) throw new Error(judged.left._tag);
  return judged.right.rights;
};

t.test('what the claim rooms allows', async (t) => {
  const rows: readonly (readonly [
    rooms: object | undefined,
    room: string,
    join: boolean,
    publish: boolean,
  ])[] = [
    [undefined, 'a', true, true],
    [{}, 'a', false, false],
    [{ join: [] }, 'a', false, false],
    [{ join: true }, 'a', true, true],
    [{ join: ['*'] }, 'a', true, true],
    [{ join: ['a'] }, 'a', true, true],
    [{ join: ['a'] }, 'ab', false, false],
    [{ join: ['a*'] }, 'a', true, true],
    [{ join: ['a*'] }, 'ab', true, true],
    [{ join: ['a*'] }, 'ba', false, false],
    [{ join: ['stats*'] }, 'stats-1', true, true],
    [{ join: ['team-*'] }, 'team', false, false],
    [{ join: ['TEAM-*'] }, 'team-1', false, false],
    [{ join: ['x', 'a'] }, 'a', true, true],
    [{ join: ['a.*'] }, 'axb', false, false],
    [{ join: ['a'], publish: [] }, 'a', true, false],
    [{ join: ['a*'], publish: ['ab'] }, 'ab', true, true],
    [{ join: ['a*'], publish: ['ab'] }, 'ac', true, false],
    [{ join: true, publish: ['b'] }, 'a', true, false],
    [{ publish: true }, 'a', false, true],
    [{ joins: true }, 'a', false, false],
    // what no room is called allows none, and takes nothing from the others
    ...['stats', '', 'a ', '-', '-*', 'caf\u00e9', 'x'.repeat(129), `${'x'.repeat(129)}*`].map(
      (nowhere) => [{ join: [nowhere, 'a'] }, 'a', true, true] as const,
    ),
    [{ join: ['stats', '', '-*'] }, 'a', false, false],
    [{ join: [`${'x'.repeat(128)}*`] }, 'x'.repeat(128), true, true],
  ];
  for (const [rooms, room, join, publish] of rows) {
    const rights = await rightsOf({ rooms });
    const what = `${JSON.stringify(rooms)} ${room}`;
    t.equal(mayJoin(rights, room), join, `${what}: join`);
    t.equal(mayPublish(rights, room), publish, `${what}: publish`);
    t.equal(mayJoin(rights, GLOBAL), true, 'everybody hears the global log');
  }
  t.equal((await rightsOf({})).global, true);
  t.equal((await rightsOf({ rooms: { join: true } })).global, false, 'said of rooms, not of it');
  t.equal((await rightsOf({ rooms: { global: false } })).global, false);
  t.equal(mayPublish(await rightsOf({ rooms: { global: true } }), GLOBAL), true);
  for (const [scope, admin] of [
    ['admin', true],
    ['chat admin', true],
    ['administrator', false],
    ['chat:admin', false],
    ['Admin', false],
    ['', false],
    [undefined, false],
  ] as const)
    t.equal((await rightsOf({ scope })).admin, admin, scope ?? 'none');
});

t.test('a pattern is a name, or what a name begins with: for any names', async () => {
  const letters = fc.constantFrom('a', 'A', 'b', 'B', '0', '9', '_', '.', ':', '@', '-');
  const name = fc
    .tuple(fc.constantFrom('a', 'A', '0'), fc.array(letters, { maxLength: 6 }))
    .map(([first, rest]) => first + rest.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.array(name, { maxLength: 4 }),
      fc.array(name, { maxLength: 4 }),
      name,
      async (names, prefixes, room) => {
        const join = [...names, ...prefixes.map((prefix) => `${prefix}*`)];
        const rights = await rightsOf({ rooms: { join } });
        const expected = names.includes(room) || prefixes.some((prefix) => room.startsWith(prefix));
        return mayJoin(rights, room) === expected && mayPublish(rights, room) === expected;
      },
    ),
    { numRuns: 300 },
  );
});

t.test('no claims whatever throw, and what is not understood gives no rights', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 3 }), fc.jsonValue(), async (claims, rooms) => {
      t.ok(E.isLeft(await judge(bySecret, { token: signed(claims) })));
      const judged = await judge(bySecret, { token: tokenOf({ rooms }) });
      if (E.isLeft(judged)) return true;
      // what is taken is an object, and allows what it names at most
      const { join, publish, global, admin } = judged.right.rights;
      return [join, publish].every((list) => list.length === 0) && !global && !admin;
    }),
    { numRuns: 200 },
  );
});

t.test('no text whatever is taken for a token, or throws', async () => {
  const part = fc.oneof(
    fc.base64String(),
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) =>
      E.isLeft(await judge(bySecret, { token: parts.join('.') })),
    ),
    { numRuns: 300 },
  );
});

// what a request bears

t.test('which credentials a request bears', async (t) => {
  interface Request {
    readonly authorization?: readonly string[];
    readonly offered?: readonly string[];
    readonly key?: readonly string[];
    readonly url?: string;
  }
  const borne = ({ authorization, offered, key, url = '/' }: Request): unknown => {
    const headersDistinct = {
      ...(authorization && { authorization: [...authorization] }),
      ...(offered && { 'sec-websocket-protocol': [...offered] }),
      ...(key && { 'x-api-key': [...key] }),
    };
    const found = credentialsOf({ headersDistinct, url });
    if (E.isLeft(found))
      return `${found.left._tag}${'what' in found.left ? ` ${found.left.what}` : ''}`;
    return found.right.apiKey ?? found.right.token;
  };
  const rows: readonly (readonly [what: string, request: Request, expected: unknown])[] = [
    ['nothing', {}, undefined],
    ['the header', { authorization: ['Bearer a.b.c'] }, 'a.b.c'],
    ['its scheme in any case', { authorization: ['bEARER a.b.c'] }, 'a.b.c'],
    ['two spaces', { authorization: ['Bearer  a.b.c'] }, 'a.b.c'],
    ['another scheme', { authorization: ['Basic YTpi'] }, undefined],
    ['a scheme that begins so', { authorization: ['BearerX a'] }, undefined],
    ['no token behind it', { authorization: ['Bearer'] }, ''],
    ['two of them', { authorization: ['Bearer a b'] }, 'a b'],
    ['the query', { url: '/ws/r?x=1&token=a.b.c' }, 'a.b.c'],
    ['an empty one', { url: '/?token=' }, undefined],
    ['one of a client without', { url: '/?token=undefined&token=null' }, undefined],
    ['a subprotocol', { offered: ['realtime.v1, bearer.a.b.c'] }, 'a.b.c'],
    ['in two lines', { offered: ['realtime.v1', 'bearer.a.b.c ,x'] }, 'a.b.c'],
    [
      'all of them, the same',
      { authorization: ['Bearer a'], url: '/?token=a', offered: ['bearer.a'] },
      'a',
    ],
    [
      'header and query that differ',
      { authorization: ['Bearer a'], url: '/?token=b' },
      'Ambiguous token',
    ],
    ['two headers', { authorization: ['Bearer a', 'Bearer b'] }, 'Ambiguous token'],
    ['two in the query', { url: '/?token=a&token=b' }, 'Ambiguous token'],
    ['two subprotocols', { offered: ['bearer.a, bearer.b'] }, 'Ambiguous token'],
    [
      'an empty header beside a token',
      { authorization: ['Bearer'], url: '/?token=a' },
      'Ambiguous token',
    ],
    ['a key', { key: ['k'] }, 'k'],
    ['two keys', { key: ['k', 'l'] }, 'Ambiguous X-API-Key'],
    ['a key twice', { key: ['k', 'k'] }, 'k'],
  ];
  for (const [what, request, expected] of rows) t.equal(borne(request), expected, what);
  for (const what of ['token', 'X-API-Key'] as const) {
    const { status, detail } = problemOf({ _tag: 'Ambiguous', what });
    t.strictSame([status, detail], [400, `${what}: expected one, got different ones`]);
  }
});
