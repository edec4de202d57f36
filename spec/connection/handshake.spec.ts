/** The handshake as a pure function of the request: the room and positions that it asks for, or a problem. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import { ANONYMOUS } from '../../lib/auth/from-config.js';
import {
  admission,
  handshake,
  hasBody,
  hostFault,
  isOurs,
  ORIGIN_REFUSED,
  targetWithoutToken,
} from '../../lib/connection/handshake.js';
import { formatId } from '../../lib/protocol/position.js';
import { configWith } from '../support/hub-world.js';
import { requestOf, type RequestParts, upgradeOf } from '../support/requests.js';

const CONFIG = configWith({ server: { basePath: '/b', allowedOrigins: ['https://ok.example'] } });
const ID = formatId({ tag: 1, offset: 7, ms: 9, global: false, outside: false, nonce: 0 });

const statusOf = (url: string, parts?: RequestParts): number => {
  const asked = handshake(upgradeOf(url, parts), CONFIG);
  return isLeft(asked) ? asked.left.status : 101;
};

const roomOf = (url: string): string | undefined => {
  const asked = handshake(upgradeOf(url), CONFIG);
  return isRight(asked) ? asked.right.room : `${asked.left.status}`;
};

t.test('when a path is below the base path, then the service takes its upgrade', async (t) => {
  for (const url of ['/b/ws', '/b/ws/', '/b/ws/general', '/b/ws?room=r', 'http://h/b/ws/general'])
    t.ok(isOurs(upgradeOf(url), '/b'), url);
  for (const url of ['/', '/b', '/ws', '/b/wsx', '/b/messages', '/c/ws'])
    t.notOk(isOurs(upgradeOf(url), '/b'), url);
  t.ok(isOurs(upgradeOf('/b/ws/stats'), '/b'), 'a WebSocket asked for there is refused by us');
  t.notOk(isOurs(requestOf('/b/ws/stats'), '/b'), 'a plain request is not');
});

t.test('when path or query name a room, then it is that room', async (t) => {
  t.equal(roomOf('/b/ws'), undefined);
  t.equal(roomOf('/b/ws/general'), 'general');
  t.equal(roomOf('/b/ws?room=general'), 'general');
  t.equal(roomOf('/b/ws/general?room=general'), 'general', 'both, and the same');
  t.equal(roomOf('/b/ws/a%3Ab'), 'a:b');
  for (const url of [
    '/b/ws/',
    '/b/ws/general/',
    '/b/ws/a b',
    '/b/ws/%ff',
    '/b/ws/a?room=b',
    '/b/ws?room=a&room=b',
    '/b/ws/stats',
    `/b/ws/${'x'.repeat(129)}`,
  ])
    t.equal(roomOf(url), '400', url);
});

t.test('when last_id has one or two ids, then the logs resume from them', async (t) => {
  const asked = handshake(upgradeOf(`/b/ws/r?last_id=${ID}`), CONFIG);
  t.match(asked, { right: { resumes: { room: { _tag: 'After', id: { offset: 7 } } } } });
  t.equal(statusOf(`/b/ws/r?last_id=${ID},${ID}`), 101);
  t.equal(statusOf('/b/ws/r?last_id='), 101, 'an empty one is none');
  t.equal(statusOf(`/b/ws/r?last_id=${ID},${ID},${ID}`), 400);
  t.equal(statusOf(`/b/ws/r?last_id=${ID}&last_id=${ID}`), 400);
  t.equal(statusOf('/b/ws/r?last_id=7'), 400);
});

t.test(
  'when a request is no handshake, then its problem has the status of its fault',
  async (t) => {
    const rows: readonly (readonly [status: number, parts: RequestParts])[] = [
      [101, {}],
      [405, { method: 'POST' }],
      [400, { version: '1.0' }],
      [400, { headers: { host: '' } }],
      [400, { headers: { host: 'a b' } }],
      [400, { headers: { upgrade: 'h2c' } }],
      [400, { headers: { connection: 'close' } }],
      [101, { headers: { connection: 'keep-alive, Upgrade' } }],
      [400, { headers: { 'content-length': '1' } }],
      [400, { headers: { 'transfer-encoding': 'chunked' } }],
      [426, { headers: { 'sec-websocket-version': '8' } }],
      [400, { headers: { 'sec-websocket-key': 'short' } }],
      [403, { headers: { origin: 'https://evil.example' } }],
      [101, { headers: { origin: 'https://ok.example' } }],
    ];
    for (const [status, parts] of rows)
      t.equal(statusOf('/b/ws/r', parts), status, JSON.stringify(parts));
    t.match(
      handshake(upgradeOf('/b/ws', { headers: { origin: 'https://evil.example' } }), CONFIG),
      {
        left: ORIGIN_REFUSED,
      },
    );
  },
);

t.test('when two Host headers come, then the request is refused', async (t) => {
  const request = requestOf('/');
  t.equal(hostFault(request), undefined);
  request.rawHeaders.push('HOST', 'other.example');
  t.match(hostFault(request), { status: 400 });
  const old = requestOf('/', { version: '1.0' });
  delete old.headers.host;
  t.equal(hostFault(old), undefined, 'HTTP/1.0 has none');
});

t.test('when headers announce content, then the request has a body', async (t) => {
  t.notOk(hasBody(requestOf('/')));
  t.notOk(hasBody(requestOf('/', { headers: { 'content-length': '0' } })));
  t.ok(hasBody(requestOf('/', { headers: { 'content-length': '2' } })));
  t.ok(hasBody(requestOf('/', { headers: { 'transfer-encoding': 'chunked' } })));
});

t.test(
  'when an identity may not join the room, then the answer is 403; without a room the client is accepted',
  async (t) => {
    const nobody = { ...ANONYMOUS, rights: { ...ANONYMOUS.rights, join: ['a*'] } };
    const resumes = { room: undefined, global: undefined };
    t.match(admission({ room: 'b', resumes }, nobody, undefined), { left: { status: 403 } });
    t.match(admission({ room: 'ab', resumes }, nobody, undefined), { right: { room: 'ab' } });
    t.match(admission({ room: undefined, resumes }, nobody, undefined), { _tag: 'Right' });
  },
);

t.test(
  'when a URL has a token, however the parameter is written, then the token is not shown',
  async (t) => {
    t.equal(targetWithoutToken(requestOf('/b/ws/r')), '/b/ws/r');
    t.equal(targetWithoutToken(requestOf('/b/ws?a=1&token=x&b=2')), '/b/ws?a=1&token=***&b=2');
    const letter = fc
      .constantFrom('t', 'o', 'k', 'e', 'n')
      .chain((one) => fc.constantFrom(one, `%${one.charCodeAt(0).toString(16)}`));
    fc.assert(
      fc.property(fc.array(letter, { minLength: 5, maxLength: 5 }), (letters) => {
        const shown = targetWithoutToken(requestOf(`/b/ws?${letters.join('')}=SECRET`));
        const isToken = decodeURIComponent(letters.join('')) === 'token';
        return shown.includes('SECRET') !== isToken;
      }),
      { examples: [[['t', '%6f', 'k', '%65', 'n']]] },
    );
  },
);

t.test('when any URL is asked for, then nothing throws', async (t) => {
  fc.assert(
    fc.property(fc.webPath(), fc.string(), fc.string(), (path, query, name) => {
      const request = upgradeOf(`/b/ws${path}?${query}`, { headers: { [name || 'x']: query } });
      return isOurs(request, '/b') && ['Left', 'Right'].includes(handshake(request, CONFIG)._tag);
    }),
  );
  t.pass('for any path, query and header');
});
