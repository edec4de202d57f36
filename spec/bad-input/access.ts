/**
 * A: tokens and rights in handshakes with a process, and frames that come before the identity is known. The
 * tokens themselves are in `auth/jwt.spec.ts`.
 */
import { BASE } from '../support/pod.js';
import { handshakeOf } from '../support/raw-client.js';
import { inSeconds, jwkOf, pairFor, SECRET, signed } from '../support/tokens.js';
import { http } from './far-keys.js';
import {
  AUDIENCE,
  bearer,
  denied,
  good,
  header,
  ISSUER,
  KEY,
  knock,
  OURS,
  PEM,
  REASONS,
  RESIDENT,
  REST,
  row,
  RS256,
  UNKNOWN,
  withKid,
} from './knocks.js';
import { once, type Row, type Stage } from './row.js';

export const ACCESS: readonly Row[] = [
  row('A01', 'no token', {}, UNKNOWN),
  row('A01', 'a good token', bearer(good()), '101'),
  row(
    'A01',
    'a good token of RS256',
    bearer(good({}, { alg: 'RS256', key: RS256.privateKey })),
    '101',
  ),
  denied('A02', 'expired', good({ exp: inSeconds(-1) })),
  denied('A02', 'nbf in the future', good({ nbf: inSeconds(600) })),
  denied('A02', 'iat in the far future', good({ iat: inSeconds(86_400) })),
  denied(
    'A03',
    'alg none',
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good().split('.')[1] ?? ''}.`,
  ),
  denied('A03', 'alg NoNe, signed', good({}, { alg: 'NoNe' })),
  denied('A03', 'no signature', `${good().split('.').slice(0, 2).join('.')}.`),
  denied('A04', 'another secret', good({}, { key: `${SECRET}x` })),
  denied('A04', 'HS384', good({}, { alg: 'HS384' })),
  denied('A05', 'the public key as the secret of HS256', good({}, { key: PEM })),
  denied('A06', 'kid ../../dev/null', good({}, { key: '', header: { kid: '../../dev/null' } })),
  denied('A06', "kid ' OR 1=1", good({}, { key: 'x', header: { kid: "' OR 1=1 --" } })),
  denied('A06', 'a kid of 10 kB', withKid('x'.repeat(10_000))),
  denied(
    'A07',
    'an embedded jwk that signs it',
    good(
      {},
      { alg: 'RS256', key: pairFor('RS256').privateKey, header: { jwk: jwkOf(RS256.publicKey) } },
    ),
  ),
  denied(
    'A07',
    'jku and x5u',
    good({}, { key: 'x', header: { jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' } }),
  ),
  ...[undefined, '9999999999', -1, null].map((exp) =>
    denied('A08', `exp ${exp === undefined ? 'missing' : JSON.stringify(exp)}`, good({ exp })),
  ),
  denied(
    'A08',
    'exp 1e400',
    signed(`{"sub":"alice","iss":"${ISSUER}","aud":"${AUDIENCE}","exp":1e400}`),
  ),
  ...[undefined, {}, '', 'x'.repeat(1_024), 'a\u0000b', 'a\nb', 'server', 7].map((sub) =>
    denied(
      'A09',
      `sub ${(sub === undefined ? 'missing' : JSON.stringify(sub)).slice(0, 20)}`,
      good({ sub }),
    ),
  ),
  ...['SERVER', ' api', 's\u0435rver', '\uff41\uff50\uff49', 'ser\u200bver'].map((sub) =>
    denied('A09', `sub that looks like the server's: ${JSON.stringify(sub)}`, good({ sub })),
  ),
  denied('A09', 'claims that are an array', signed('[]')),
  denied('A09', 'sub twice', signed(`{"sub":"a","sub":"b",${REST}}`)),
  denied('A09', 'join twice', signed(`{"sub":"a",${REST},"rooms":{"join":[],"join":true}}`)),
  denied('A10', 'crit', header({ crit: ['exp'] })),
  denied('A10', 'b64 false', header({ b64: false })),
  denied('A10', 'b64 false and crit', header({ b64: false, crit: ['b64'] })),
  denied(
    'A10',
    'alg twice',
    signed(JSON.stringify({ sub: 'alice', exp: inSeconds(60), ...OURS }), {
      header: '{"alg":"none","alg":"HS256"}',
    }),
  ),
  denied('A11', 'a token of more than 4 KB', good({ more: 'x'.repeat(4_096) })),
  denied('A12', 'another audience', good({ aud: 'mail' })),
  denied('A12', 'another issuer', good({ iss: 'https://evil.example' })),
  row(
    'A13',
    'two tokens that differ',
    bearer(good()),
    '400',
    `/ws/a?token=${good({ sub: 'bob' })}`,
  ),
  row('A14', 'BEARER', { Authorization: `BEARER ${good()}` }, '101'),
  row('A14', 'two spaces', { Authorization: `Bearer  ${good()}` }, '101'),
  row(
    'A14',
    'base64 that is not of URLs',
    bearer(good().replace(/^[^.]*/, (head) => `${head}==`)),
    UNKNOWN,
  ),
  row('A14', 'a line feed at the end, in the query', {}, UNKNOWN, `/ws/a?token=${good()}%0a`),
  row('A14', 'another scheme', { Authorization: `Basic ${good()}` }, UNKNOWN),
  {
    row: 'A15',
    sent: 'a token in the query, good and bad',
    due: '101, 401, Bearer; in no log line, in no metric',
    counted: once('rejected 401'),
    play: async (stage) => {
      const [right, wrong] = [good({ jti: 'hunter2' }), good({ jti: 'hunter3' }, { key: 'x' })];
      const answers = [
        await knock(stage, `/ws/a?token=${right}`, {}),
        await knock(stage, `/ws/a?token=${wrong}`, {}),
      ];
      const body = await stage.metrics();
      const parts = [right, wrong].flatMap((token) => token.split('.').slice(1));
      const shown = parts.some((part) => stage.log().includes(part) || body.includes(part));
      return `${answers.join(', ')}; ${shown ? 'shown' : 'in no log line, in no metric'}`;
    },
  },
  row(
    'A16',
    'a token for room a opens room b',
    bearer(good({ rooms: { join: ['a'] } })),
    '403',
    '/ws/b',
  ),
  {
    row: 'A17',
    sent: 'a token that ends while it is connected',
    due: 'token_expiring, closed 4001',
    counted: once('closes 4001'),
    play: async (stage) => {
      const client = await stage.connect('/ws/a', { headers: bearer(good({ exp: inSeconds(1) })) });
      await client.received({ data: { event: 'token_expiring' } });
      return `token_expiring, closed ${await client.closed()}`;
    },
  },
  {
    row: 'A18',
    sent: 'an operator closes a user: two connections, another stays',
    due: '202, closed 4503 and 4503, the other stays',
    counted: { 'closes 4503': 2 },
    play: async (stage) => {
      const of = (sub: string): ReturnType<Stage['connect']> =>
        stage.connect('/ws/a', { headers: bearer(good({ sub })) });
      const [one, two, other] = [await of('mallory'), await of('mallory'), await of('bob')];
      const { status } = await stage.get(`${BASE}/users/mallory/connections`, 'DELETE', RESIDENT);
      const codes = await Promise.all([one.closed(1_000), two.closed(1_000)]);
      await other.caughtUp();
      return `${status}, closed ${codes.join(' and ')}, the other stays`;
    },
  },
  {
    row: 'A19',
    sent: 'one token from 100 sockets at once, where 4 may come',
    due: '4 let in, 96 times 429',
    counted: { 'rejected 429': 96 },
    play: async (stage) => {
      const token = bearer(good({ sub: 'many' }));
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => knock(stage, '/ws/a', token)),
      );
      const of = (status: string): number => answers.filter((answer) => answer === status).length;
      return `${of('101')} let in, ${of('429')} times 429`;
    },
  },
  {
    row: 'A20',
    sent: 'a wrong secret, an unknown kid, a wrong key that begins right',
    due: 'the same answer',
    // keys are compared in constant time (`auth/api-keys.ts`, jose); here it is only checked that all get the
    // same answer
    counted: { 'rejected 401': 4 },
    play: async (stage) => {
      const answers = await Promise.all(
        [
          bearer(good({}, { key: 'x' })),
          // not its last character, of which 2 bits say nothing
          bearer(withKid('unknown').replace(/.(?=.{9}$)/, (one) => (one === 'A' ? 'B' : 'A'))),
          { 'X-API-Key': KEY.slice(0, -1) },
          { 'X-API-Key': 'x' },
        ].map(async (headers) => {
          const client = await stage.raw();
          client.write(handshakeOf(`${BASE}/ws/a`, headers));
          await client.answer();
          return client.text();
        }),
      );
      const kinds = new Set(answers);
      return kinds.size === 1 ? 'the same answer' : [...kinds].join('\n');
    },
  },
  {
    row: 'A20',
    sent: 'any of those above that are 401',
    due: 'each reason is in the log, and no token',
    play: async (stage) => {
      const lines = stage.log().split('\n');
      const missing = REASONS.filter(
        (reason) => !lines.some((line) => line.includes(`"reason":"${reason}"`)),
      );
      return missing.length === 0 && !stage.log().includes('eyJ')
        ? 'each reason is in the log, and no token'
        : `not in the log: ${missing.join()}`;
    },
  },
  ...(
    [
      ['POST', `${BASE}/messages`],
      ['DELETE', `${BASE}/users/x/connections`],
      ['GET', `${BASE}/rooms/a/messages`],
      ['GET', `${BASE}/rooms/a`],
      ['GET', `${BASE}/ws/stats`],
    ] as const
  ).flatMap(([method, path]) => [
    http(method, path, {}, 401),
    http(method, path, bearer('hunter2.hunter2.hunter2'), 401),
    ...(path.endsWith('stats')
      ? []
      : [http(method, path, bearer(good({ rooms: { join: ['b'] } })), 403)]),
  ]),
];
