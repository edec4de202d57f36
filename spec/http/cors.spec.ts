/** Pages of other origins (CORS): those of `ALLOWED_ORIGINS` read every answer, others read nothing. */
import t from 'tap';
import { ask, BASE, startPod } from '../support/pod.js';

const ORIGIN = 'http://localhost:3000';
const FOREIGN = 'https://evil.example';

const PATHS: readonly (readonly [path: string, method: string, allowed: string])[] = [
  [`${BASE}/messages`, 'POST', 'POST'],
  [`${BASE}/rooms/r`, 'GET', 'GET, HEAD'],
  [`${BASE}/rooms/r/messages`, 'GET', 'GET, HEAD'],
  [`${BASE}/ws/stats`, 'GET', 'GET, HEAD'],
  [`${BASE}/users/alice/connections`, 'DELETE', 'DELETE'],
  [`${BASE}/connections/01a1fc30-7295-43ec-8000-0000004f7cd8`, 'DELETE', 'DELETE'],
  ['/ready', 'GET', 'GET, HEAD'],
];

const preflight = (origin: string, method: string) => ({
  Origin: origin,
  'Access-Control-Request-Method': method,
  'Access-Control-Request-Headers': 'authorization,content-type',
});

t.test(
  'when a page of ALLOWED_ORIGINS sends a preflight, then the answer says what it may do',
  async (t) => {
    const { port } = await startPod(t, { server: { allowedOrigins: [ORIGIN] } });
    for (const [path, method, allowed] of PATHS) {
      const headers = preflight(ORIGIN, method);
      const answer = await ask({ port, path, method: 'OPTIONS', headers });
      t.match(
        answer,
        {
          status: 204,
          body: '',
          headers: {
            vary: 'Origin',
            'access-control-allow-origin': ORIGIN,
            'access-control-allow-methods': allowed,
            'access-control-allow-headers': 'Authorization, Content-Type, X-API-Key',
            'access-control-max-age': '600',
          },
        },
        path,
      );
      t.notOk('access-control-allow-credentials' in answer.headers, 'cookies are no credentials');
    }
  },
);

t.test(
  'when a page of ALLOWED_ORIGINS sends a request, then it may read the answer, refusals too',
  async (t) => {
    const { port } = await startPod(t, { server: { allowedOrigins: [ORIGIN] } });
    const may = { vary: 'Origin', 'access-control-allow-origin': ORIGIN };
    for (const [path, method] of PATHS) {
      const { headers } = await ask({ port, path, method, headers: { Origin: ORIGIN } });
      t.match(headers, may, path);
      t.match(headers['access-control-expose-headers'], 'Retry-After');
    }
    for (const [path, method, status] of [
      [`${BASE}/rooms/r/messages?limit=0`, 'GET', 400],
      [`${BASE}/rooms/r/messages`, 'PUT', 405],
      ['/nothing', 'GET', 404],
    ] as const)
      t.match(await ask({ port, path, method, headers: { Origin: ORIGIN } }), {
        status,
        headers: may,
      });
    // refused while its body is still on the way
    const headers = { Origin: ORIGIN, 'Content-Type': 'text/plain' };
    const post = await ask(
      { port, path: `${BASE}/messages`, method: 'POST', headers },
      Buffer.from('x'),
    );
    t.match(post, { status: 415, headers: may });
  },
);

t.test(
  'when a request is refused before it reaches a route, then a page may read that answer too',
  async (t) => {
    const { port } = await startPod(t, { server: { allowedOrigins: [ORIGIN] } });
    for (const [path, extra, status] of [
      [`${BASE}/rooms/%E0%A4%A/messages`, {}, 400],
      ['/health', { Host: 'a b' }, 400],
      ['/health', { Expect: 'nonsense' }, 417],
    ] as const) {
      const headersOf = async (origin: string) => {
        const answer = await ask({
          port,
          path,
          method: 'GET',
          headers: { Origin: origin, ...extra },
        });
        t.equal(answer.status, status, path);
        t.equal(answer.headers['vary'], 'Origin');
        return answer.headers;
      };
      t.match(await headersOf(ORIGIN), {
        'access-control-allow-origin': ORIGIN,
        'access-control-expose-headers': /Retry-After/,
      });
      t.notOk('access-control-allow-origin' in (await headersOf(FOREIGN)));
    }
  },
);

t.test(
  'when a page of another origin sends a request, then no header lets it read the answer',
  async (t) => {
    const { port } = await startPod(t, { server: { allowedOrigins: [ORIGIN] } });
    for (const origin of [FOREIGN, 'null', `${ORIGIN}.evil.example`, 'http://localhost:3001'])
      for (const [path, method] of PATHS) {
        const asked = await ask({
          port,
          path,
          method: 'OPTIONS',
          headers: preflight(origin, method),
        });
        t.equal(asked.status, 403);
        const sent = await ask({ port, path, method, headers: { Origin: origin } });
        for (const { headers } of [asked, sent]) {
          t.equal(headers['vary'], 'Origin', 'no cache hands it the answer to another page');
          t.strictSame(
            Object.keys(headers).filter((name) => name.startsWith('access-control')),
            [],
            `${origin} ${path}`,
          );
        }
      }
  },
);

t.test('when ALLOWED_ORIGINS is *, then every page may read', async (t) => {
  const { port } = await startPod(t, { server: { allowedOrigins: ['*'] } });
  const path = `${BASE}/rooms/r/messages`;
  for (const [method, headers, status] of [
    ['GET', { Origin: FOREIGN }, 200],
    ['OPTIONS', preflight(FOREIGN, 'GET'), 204],
  ] as const) {
    const answer = await ask({ port, path, method, headers });
    t.equal(answer.status, status);
    t.equal(answer.headers['access-control-allow-origin'], '*');
  }
});

t.test('when OPTIONS is no preflight, then it is 405 as before', async (t) => {
  const { port } = await startPod(t, { server: { allowedOrigins: [ORIGIN] } });
  for (const headers of [
    {},
    { Origin: ORIGIN },
    { 'Access-Control-Request-Method': 'GET' },
  ] as readonly Readonly<Record<string, string>>[]) {
    const answer = await ask({ port, path: `${BASE}/rooms/r`, method: 'OPTIONS', headers });
    t.equal(answer.status, 405);
    t.equal(answer.headers['allow'], 'GET, HEAD');
  }
  const headers = preflight(ORIGIN, 'GET');
  t.equal((await ask({ port, path: '/nothing', method: 'OPTIONS', headers })).status, 404);
});
