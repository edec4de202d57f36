/**
 * Which tokens are valid, and for which user: rows A02–A14 of the bad input, the claims, and which keys may
 * have signed.
 */
import * as fc from 'fast-check';
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { type Denial, problemOf } from '../../lib/auth/index.js';
import { bySecret, judge, outcomeOf } from '../support/judging.js';
import { inSeconds, SECRET, signed, tokenOf } from '../support/tokens.js';

t.test('when a token is valid, then it gives its subject until it expires', async (t) => {
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
    t.equal(outcomeOf(await judge(bySecret, { token: tokenOf({ sub }) })), sub);
  t.equal(outcomeOf(await judge(bySecret, { token: tokenOf({ nbf: inSeconds(20) }) })), 'alice');
  t.equal(outcomeOf(await judge(bySecret, { token: tokenOf({ iat: inSeconds(20) }) })), 'alice');
  t.equal(outcomeOf(await judge(bySecret, { token: tokenOf({ exp: exp + 0.5 }) })), 'alice');
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
    t.equal(
      outcomeOf(await judge(bySecret, { token: tokenOf({ exp: 253_402_300_799 }) })),
      'alice',
    );
  },
);

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const nextIn64 = (character: string): string => BASE64URL[BASE64URL.indexOf(character) + 1] ?? 'A';

t.test(
  'when anything is wrong with a token, then it is denied with the tag of its row',
  async (t) => {
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
      [
        'alg none',
        signed({ sub: 'a', exp: inSeconds(9) }, { header: { alg: 'none' } }),
        'Untrusted',
      ],
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
      [
        'a sub with half a pair',
        signed(`{"sub":"a\\ud800","exp":${inSeconds(9)}}`),
        'InvalidClaim',
      ],
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
      [
        'sub twice, the same',
        signed(`{"sub":"a","sub":"a","exp":${inSeconds(9)}}`),
        'InvalidClaim',
      ],
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
      [
        'a bit set that says nothing',
        `${good.slice(0, -1)}${nextIn64(good.slice(-1))}`,
        'Malformed',
      ],
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
      t.equal(outcomeOf(judged), tag, what);
      if (E.isRight(judged)) continue;
      const { status, detail, headers } = problemOf(judged.left);
      t.equal(status, 401, what);
      t.strictSame(headers, { 'WWW-Authenticate': 'Bearer' }, what);
      t.equal(
        detail,
        "token: send a valid token, or one of the service's API keys in X-API-Key",
        what,
      );
    }
    const near = tokenOf({}, { header: `{"alg":"HS256","kid":"a",${inner}}` });
    t.equal(
      outcomeOf(await judge(bySecret, { token: near })),
      'alice',
      'names further in are not twice',
    );
    // the same digits in each of them
    const exp = Math.ceil(inSeconds(3600));
    const long = tokenOf({ exp, padding: '' });
    const padding = 'x'.repeat(Math.floor(((4_096 - long.length) * 3) / 4));
    t.ok(tokenOf({ exp, padding }).length > 4_090);
    t.equal(
      outcomeOf(await judge(bySecret, { token: tokenOf({ exp, padding }) })),
      'alice',
      'just 4 KB',
    );
  },
);

t.test('when a random text comes as a token, then it is denied and nothing throws', async () => {
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
