/**
 * Who may use which endpoint when a token is required (row P04), and that a user is disconnected on all pods
 * (A18).
 */
import t, { type Test } from 'tap';
import { ask, BASE, type HttpAnswer, type Pod, startPod } from '../support/pod.js';
import { startRedis } from '../support/redis.js';
import { inSeconds, SECRET, tokenOf } from '../support/tokens.js';

const KEY = 'a-key-of-thirty-two-characters-0';
const access = { authEnabled: true, jwtSecret: SECRET, apiKeys: [KEY] };
type Headers = Readonly<Record<string, string>>;

const asked = (
  { port }: Pick<Pod, 'port'>,
  method: string,
  path: string,
  headers: Headers = {},
  body = '',
): Promise<HttpAnswer> => {
  const all = body === '' ? headers : { 'Content-Type': 'application/json', ...headers };
  return ask({ port, path, method, headers: all }, body);
};

const bearer = (claims: object = {}): Headers => ({ Authorization: `Bearer ${tokenOf(claims)}` });
const ADMIN = { sub: 'root', scope: 'chat admin' };

const send = (pod: Pod, headers: Headers, body: unknown): Promise<HttpAnswer> =>
  asked(pod, 'POST', `${BASE}/messages`, headers, JSON.stringify(body));

const is = (t: Test, { status, headers, body }: HttpAnswer, wanted: number, what: string): void => {
  t.equal(status, wanted, what);
  if (wanted >= 400) t.match(headers['content-type'], 'application/problem+json');
  t.equal(headers['www-authenticate'], wanted === 401 ? 'Bearer' : undefined, what);
  t.notMatch(body, /eyJ|thirty-two/, 'no token, no key in it');
};

t.test(
  'when a request has no valid credentials, then it gets 401; without the right, 403',
  async (t) => {
    const pod = await startPod(t, { access });
    const credentials: readonly (readonly [string, Headers, number | 'user' | 'admin'])[] = [
      ['nothing', {}, 401],
      ['another scheme', { Authorization: 'Basic YTpi' }, 401],
      ['no token', { Authorization: 'Bearer nonsense' }, 401],
      ['an expired token', bearer({ ...ADMIN, exp: inSeconds(-1) }), 401],
      [
        "a stranger's token",
        { Authorization: `Bearer ${tokenOf(ADMIN, { key: `${SECRET}!` })}` },
        401,
      ],
      ['an expired token and a key', { ...bearer({ exp: inSeconds(-1) }), 'X-API-Key': KEY }, 401],
      ['a key that nobody gave, and admin', { ...bearer(ADMIN), 'X-API-Key': `${KEY}x` }, 401],
      ['a key that nobody gave', { 'X-API-Key': `${KEY}x` }, 401],
      ['two tokens', { ...bearer(ADMIN), 'Sec-WebSocket-Protocol': `bearer.${tokenOf()}` }, 400],
      ['a token', bearer(), 'user'],
      ['a scope like it', bearer({ scope: 'administrator admin-not' }), 'user'],
      ['a scope with admin', bearer(ADMIN), 'admin'],
      ['a key', { 'X-API-Key': KEY }, 'admin'],
      ['a token without rooms and a key', { ...bearer({ rooms: {} }), 'X-API-Key': KEY }, 'admin'],
      ['a token and a key', { ...bearer(), 'X-API-Key': KEY }, 'admin'],
    ];
    const requests: readonly (readonly [
      method: string,
      path: string,
      body: string,
      admin: number,
      user: number,
    ])[] = [
      ['POST', '/messages', '{"room":null,"data":1}', 202, 403],
      ['POST', '/messages', 'no JSON', 400, 403],
      ['DELETE', '/connections/01a1fc30-7295-43ec-8000-0000004f7cd8', '', 202, 403],
      ['DELETE', '/connections/1', '', 400, 403],
      ['DELETE', '/users/nobody/connections', '', 202, 403],
      ['DELETE', '/users//connections', '', 400, 403],
      ['GET', '/ws/stats', '', 200, 200],
      ['GET', '/rooms/r', '', 200, 200],
      ['GET', '/rooms/r/messages', '', 200, 200],
      ['GET', '/rooms/-/messages', '', 400, 400],
    ];
    for (const [who, headers, right] of credentials)
      for (const [method, path, body, admin, user] of requests) {
        const wanted = right === 'admin' ? admin : right === 'user' ? user : right;
        const answer = await asked(pod, method, BASE + path, headers, body);
        is(t, answer, wanted, `${method} ${path} with ${who}`);
      }
    const query = `?token=${tokenOf(ADMIN)}`;
    is(
      t,
      await asked(pod, 'DELETE', `${BASE}/users/nobody/connections${query}`),
      202,
      'a token in the query',
    );
    for (const path of ['/health', '/ready', '/metrics'])
      is(t, await asked(pod, 'GET', path), 200, `${path} for everybody`);
    is(t, await asked(pod, 'GET', '/nothing'), 404, 'nothing is nothing to everybody');
    t.ok((await pod.metric('realtime_rejected{code="401"}')) >= 6 * requests.length);
    t.ok((await pod.metric('realtime_rejected{code="403"}')) >= 2 * 5);
  },
);

t.test('when a request has no valid credentials, then its body is not read', async (t) => {
  const pod = await startPod(t, { access });
  const anonymous = await pod.raw();
  anonymous.write(
    `POST ${BASE}/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n`,
  );
  const { status, headers } = await anonymous.answer();
  t.strictSame([status, headers.get('connection')], [401, 'close']);
  await anonymous.ended();
});

t.test(
  'when a user reads the history of a room, then it needs the right to join the room',
  async (t) => {
    const pod = await startPod(t, { access });
    const headers = bearer({ rooms: { join: ['team-*', 'lobby'] } });
    for (const [room, wanted] of [
      ['team-a', 200],
      ['lobby', 200],
      ['lobby2', 403],
      ['other', 403],
    ] as const)
      for (const path of [`/rooms/${room}`, `/rooms/${room}/messages`])
        is(t, await asked(pod, 'GET', BASE + path, headers), wanted, path);
  },
);

t.test(
  'when a program publishes, then `from` is `api` or its user, and only rooms of its token are allowed',
  async (t) => {
    const pod = await startPod(t, { access: { ...access, globalPublish: 'server' } });
    const listener = await pod.connect('/ws/team-a', { headers: bearer({ sub: 'bob' }) });
    const publishAs = async (headers: Headers, from: string): Promise<void> => {
      const { status, body } = await send(pod, headers, [
        { room: 'team-a', data: from },
        { room: null, type: 'notification', data: from },
      ]);
      t.equal(status, 202);
      for (const id of (JSON.parse(body) as { ids: readonly string[] }).ids)
        await listener.received({ id, from });
    };
    await publishAs({ 'X-API-Key': KEY }, 'api');
    await publishAs(bearer(ADMIN), 'root');
    await publishAs({ ...bearer({ sub: 'carol' }), 'X-API-Key': KEY }, 'carol');

    const bound = bearer({ ...ADMIN, rooms: { join: true, publish: ['team-*'] } });
    const before = listener.messages.length;
    const wrongs = [
      [
        { room: 'lobby' },
        /^\[1\]\.room: the token .* the room lobby; .* claim rooms\.publish allows it$/,
      ],
      [{ room: null }, /^\[1\]\.room: the token .* everybody; .* claim rooms\.global is true$/],
    ] as const;
    for (const [wrong, detail] of wrongs) {
      const refused = await send(pod, bound, [
        { room: 'team-a', data: 1 },
        { ...wrong, data: 2 },
      ]);
      is(t, refused, 403, 'another room');
      t.match(JSON.parse(refused.body), { detail });
    }
    await listener.caughtUp();
    t.equal(listener.messages.length, before + 1, 'nothing of it was sent');
    is(t, await send(pod, bound, { room: 'team-b', data: 1 }), 202, 'its own');
  },
);

t.test(
  "when a user sends one key by WebSocket and HTTP, then it is one message; another user's key is another",
  async (t) => {
    const pod = await startPod(t, { access });
    const root = await pod.connect('/ws/r', { headers: bearer(ADMIN) });
    root.send({ type: 'chat', id: 'k', data: 1 });
    const { id } = await root.received({ type: 'chat', data: 1 });
    const idOf = async (headers: Headers): Promise<unknown> =>
      (
        JSON.parse((await send(pod, headers, { room: 'r', id: 'k', data: 1 })).body) as {
          id: string;
        }
      ).id;
    t.equal(await idOf(bearer(ADMIN)), id);
    const others = await Promise.all([
      idOf({ 'X-API-Key': KEY }),
      idOf(bearer({ ...ADMIN, sub: 'root:' })),
      idOf(bearer({ ...ADMIN, sub: '%' })),
      idOf(bearer({ ...ADMIN, sub: 'root%3A' })),
    ]);
    t.equal(new Set([id, ...others]).size, 5);
  },
);

t.test(
  'when a user is disconnected, then its connections on all pods are closed with 4503 within a second',
  async (t) => {
    const server = await startRedis();
    t.teardown(server.stop);
    const broker = { redisUrl: server.url };
    const [a, b] = [
      await startPod(t, { access, broker, server: { serverId: 'pod-1' } }),
      await startPod(t, { access, broker, server: { serverId: 'pod-2' } }),
    ];
    const sub = 'é v/e?#%41';
    const connect = (pod: Pod, user: string, room: string) =>
      pod.connect(`/ws/${room}`, { headers: bearer({ sub: user }) });
    const eves = await Promise.all([a, a, b, b].map((pod, i) => connect(pod, sub, `r${i}`)));
    const bobs = await Promise.all([a, b].map((pod) => connect(pod, 'bob', 'r0')));
    const path = `${BASE}/users/${encodeURIComponent(sub)}/connections`;
    const askedAt = performance.now();
    is(t, await asked(a, 'DELETE', path, { 'X-API-Key': KEY }), 202, 'asked once');
    for (const eve of eves) t.equal(await eve.closed(1_000), 4503);
    t.ok(performance.now() - askedAt < 1_000);
    is(
      t,
      await send(a, { 'X-API-Key': KEY }, { room: null, data: 'still here' }),
      202,
      'they hear on',
    );
    for (const bob of bobs) await bob.received({ data: 'still here' });
    const back = await connect(b, sub, 'r0');
    await back.caughtUp();
    t.equal(b.connections(), 2, 'a word is no ban: a token that is good lets in again');
  },
);
