/** The HTTP surface: what holds for all endpoints. Requests are injected, without a socket. */
import fastify from 'fastify';
import { right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { NO_AUTH } from '../../lib/auth/from-config.js';
import { routes, type Readiness } from '../../lib/http/routes.js';
import type { HubEvent } from '../../lib/hub-event.js';
import { stats } from '../../lib/telemetry/stats.js';
import { configWith } from '../support/hub-world.js';
import { virtualClock } from '../support/virtual-clock.js';

const ORIGIN = 'https://app.example';
const PREFLIGHT = { origin: ORIGIN, 'access-control-request-method': 'POST' };

const world = () => {
  const self = { readiness: 'ready' as Readiness, events: [] as HubEvent[] };
  const http = fastify();
  routes({
    config: configWith({ server: { basePath: '/b', allowedOrigins: [ORIGIN] } }),
    clock: virtualClock(),
    access: NO_AUTH,
    stats: stats({ serverId: 'pod', broker: () => 'local', uptimeS: () => 1 }),
    metrics: {
      text: async () => {
        throw new Error('a bug');
      },
      json: async () => [],
      contentType: 'text/plain',
      fold: () => undefined,
    },
    readiness: () => self.readiness,
    history: {
      messages: async () => right(Buffer.from('[]')),
      state: async (room) => right({ room, members: 0, position: null }),
    },
    publishing: async () => right({ id: 'id', status: 'accepted' }),
    sendControl: () => of(right(undefined)),
    emit: (event) => self.events.push(event),
  })(http);
  return Object.assign(self, { http });
};

t.test('when an answer is sent, then it has the headers of all answers', async (t) => {
  const { http } = world();
  const { statusCode, headers } = await http.inject({
    url: '/health',
    headers: { origin: ORIGIN },
  });
  t.equal(statusCode, 200);
  t.match(headers, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'access-control-allow-origin': ORIGIN,
    vary: 'Origin',
  });
});

t.test('when a path or method is unknown, then it is refused and reported', async (t) => {
  const { http, events } = world();
  const unknown = await http.inject('/no/such/path?token=secret');
  t.match(unknown.json(), { status: 404, title: 'Not Found' });
  t.notMatch(unknown.body, /secret/);
  const { statusCode, headers } = await http.inject({ method: 'PUT', url: '/health' });
  t.same([statusCode, headers.allow], [405, 'GET, HEAD']);
  t.match(events, [
    { _tag: 'RequestRefused', status: 404 },
    { _tag: 'RequestRefused', status: 405 },
  ]);
});

t.test('when a query parameter is misspelled, then it is named', async (t) => {
  const { http } = world();
  const one = await http.inject('/b/rooms/r/messages?limt=5');
  t.match(one.json(), {
    status: 400,
    detail: 'limt: no parameter of this endpoint; it takes only after, before, at, limit',
  });
  t.match((await http.inject('/b/rooms/r?limit=5')).json(), { detail: /it takes none$/ });
  t.equal((await http.inject('/b/rooms/r/messages?limit=5&token=t')).statusCode, 200);
  t.equal((await http.inject('/health?any=1')).statusCode, 200, 'monitors may add their own');
});

t.test('when a page sends a preflight, then its origin decides the answer', async (t) => {
  const { http, events } = world();
  const url = '/b/messages';
  const allowed = await http.inject({ method: 'OPTIONS', url, headers: PREFLIGHT });
  t.equal(allowed.statusCode, 204);
  t.match(allowed.headers, { 'access-control-allow-methods': 'POST' });
  const headers = { ...PREFLIGHT, origin: 'https://other.example' };
  const refused = await http.inject({ method: 'OPTIONS', url, headers });
  t.equal(refused.statusCode, 403);
  t.notOk('access-control-allow-origin' in refused.headers);
  t.match(events, [
    { _tag: 'OriginRefused', origin: 'https://other.example' },
    { _tag: 'RequestRefused', status: 403 },
  ]);
});

t.test(
  'when the origin of a request is not allowed, then it is answered, and an event names the origin',
  async (t) => {
    const { http, events } = world();
    const headers = { origin: 'https://other.example' };
    t.equal((await http.inject({ url: '/health', headers })).statusCode, 200);
    t.match(events, [{ _tag: 'OriginRefused', origin: 'https://other.example' }]);
  },
);

t.test('when the pod drains, then it takes no messages and answers reads', async (t) => {
  const w = world();
  w.readiness = 'draining';
  const publish = await w.http.inject({ method: 'POST', url: '/b/messages' });
  t.match(publish.json(), { status: 503, detail: /^the server is shutting down; send .* again/ });
  t.equal(publish.headers['retry-after'], '1');
  t.equal((await w.http.inject('/b/rooms/r')).statusCode, 200);
});

t.test('when Content-Type is no media type, then the 415 names the header', async (t) => {
  const { http } = world();
  for (const type of ['json', '/', ';']) {
    const headers = { 'content-type': type };
    const answer = await http.inject({ method: 'POST', url: '/b/messages', headers });
    t.match(
      answer.json(),
      {
        status: 415,
        detail: /^Content-Type: send the body as application\/json in UTF-8, not as another type$/,
      },
      type,
    );
  }
});

t.test('when a handler throws, then the answer is 500 without the exception', async (t) => {
  const { http, events } = world();
  const { statusCode, body } = await http.inject('/metrics');
  t.equal(statusCode, 500);
  t.match(JSON.parse(body), { status: 500, detail: /^the server failed at this request/ });
  t.notMatch(body, /a bug/);
  t.match(events, [{ _tag: 'RequestRefused', status: 500 }]);
});
