/**
 * Who may connect, speak, and how much, on real sockets: bad-input rows A01–A20, H24, H28, J18. Tokens themselves are judged
 * in `access/tokens.spec.ts`.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { BASE, type Doors, type Pod, startPod, startProcess } from './support/pod.js';
import { type Answer, frame, handshakeOf, type RawClient, TEXT } from './support/raw-client.js';
import { until } from './support/redis.js';
import { inSeconds, jwkOf, pairFor, SECRET, tokenOf } from './support/tokens.js';

type Overrides = NonNullable<Parameters<typeof startPod>[1]>;

const BY_SECRET = { authEnabled: true, jwtSecret: SECRET, apiKeys: ['key-of-one'] } as const;

const guarded = (t: Test, overrides: Overrides = {}): Promise<Pod> =>
  startPod(t, { ...overrides, access: { ...BY_SECRET, ...overrides.access } });

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

/** What a handshake is answered. */
const knock = async (
  pod: Doors,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer & { readonly client: RawClient }> => {
  const client = await pod.raw();
  client.write(handshakeOf(`${BASE}${path}`, headers));
  return { ...(await client.answer()), client };
};

const ask = async (
  pod: Doors,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  init: RequestInit = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: string }> => {
  const answer = await fetch(`http://127.0.0.1:${pod.port}${path}`, { ...init, headers });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
};

/** Frames of one's own that nobody may take twice. */
const chat = (data: unknown): Buffer => frame(TEXT, JSON.stringify({ type: 'chat', data }));

/** The `data` of all that it was sent. */
const heard = (client: RawClient): readonly { readonly event?: string; readonly code?: string }[] =>
  client.texts().map((text) => (JSON.parse(text) as { readonly data: object }).data);

// the door

t.test('a token opens the door in whichever of its places, and names the user', async (t) => {
  const pod = await guarded(t);
  const token = tokenOf();
  const rows: readonly (readonly [
    what: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    protocol?: string,
  ])[] = [
    ['header', '/ws/general', bearer(token)],
    ['header, the scheme in small letters', '/ws/general', { authorization: `bearer ${token}` }],
    ['query', `/ws/general?token=${token}`, {}],
    ['query, with a room', `/ws?room=general&token=${token}`, {}],
    [
      'subprotocol',
      '/ws/general',
      { 'Sec-WebSocket-Protocol': `bearer.${token}` },
      `bearer.${token}`,
    ],
    [
      'subprotocol beside ours',
      '/ws/general',
      { 'Sec-WebSocket-Protocol': `bearer.${token}, realtime.v1` },
      'realtime.v1',
    ],
    ['the same one everywhere', `/ws/general?token=${token}`, bearer(token)],
  ];
  for (const [what, path, headers, protocol] of rows) {
    const { status, headers: answered, client } = await knock(pod, path, headers);
    t.equal(status, 101, what);
    t.equal(answered.get('sec-websocket-protocol'), protocol, what);
    await until(`${what}: joined`, () => heard(client).some(({ event }) => event === 'joined'));
    t.match(heard(client)[0], { event: 'welcome', user_id: 'alice' }, what);
    client.destroy();
  }
  const client = await pod.connect('/ws/general', { headers: bearer(token) });
  client.send({ type: 'chat', data: 'hi', from: 'mallory' });
  t.equal((await client.heard({ type: 'chat' })).from, 'alice');
  const program = await pod.connect('/ws/general', { headers: { 'X-API-Key': 'key-of-one' } });
  t.match(program.messages[0]?.data, { user_id: null });
});

t.test('nobody comes in without: 401 and how to do it, 400 for two tokens', async (t) => {
  const pod = await guarded(t);
  const token = tokenOf();
  const rows: readonly (readonly [
    what: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    status: number,
  ])[] = [
    ['none', '/ws/general', {}, 401],
    ['none, no room', '/ws', {}, 401],
    ['an empty one', '/ws?token=', {}, 401],
    ['rubbish', '/ws?token=hunter2', {}, 401],
    ['another scheme', '/ws', { Authorization: 'Basic aHVudGVyMg==' }, 401],
    ['a scheme alone', '/ws', { Authorization: 'Bearer' }, 401],
    ['expired', '/ws', bearer(tokenOf({ exp: inSeconds(-1) })), 401],
    ['a wrong key', '/ws', { 'X-API-Key': 'key-of-two' }, 401],
    ['a wrong key beside a token', '/ws', { 'X-API-Key': 'key-of-two', ...bearer(token) }, 401],
    ['header and query that differ', `/ws?token=${tokenOf({ jti: 1 })}`, bearer(token), 400],
    [
      'query and subprotocol that differ',
      `/ws?token=${token}`,
      { 'Sec-WebSocket-Protocol': 'bearer.x' },
      400,
    ],
    ['a bad room, whoever it is', '/ws/*', {}, 400],
    ['an origin, whoever it is', '/ws', { Origin: 'https://evil.example' }, 403],
    [
      'a room that the token does not allow',
      '/ws/b',
      bearer(tokenOf({ rooms: { join: ['a'] } })),
      403,
    ],
    ['no room at all', '/ws/b', bearer(tokenOf({ rooms: {} })), 403],
  ];
  for (const [what, path, headers, expected] of rows) {
    const { status, headers: answered, body, client } = await knock(pod, path, headers);
    t.equal(status, expected, what);
    t.equal(answered.get('www-authenticate'), expected === 401 ? 'Bearer' : undefined, what);
    t.match(answered.get('content-type'), 'application/problem+json', what);
    t.match(JSON.parse(body), { status: expected, title: /./, detail: /^[A-Za-z-]+: .{20}/ }, what);
    t.notMatch(body, /hunter2|eyJ|key-/, what);
    await client.ended();
    t.ok((await pod.metric(`realtime_rejected{code="${expected}"}`)) > 0, what);
  }
  t.equal(pod.connections(), 0);
  const apart = await knock(pod, '/ws', bearer(tokenOf({ rooms: {} })));
  t.equal(apart.status, 101, 'the global log is for everybody who is known');
});

t.test('without AUTH_ENABLED tokens and keys are of no account', async (t) => {
  const pod = await startPod(t);
  for (const headers of [{}, bearer('x'), { 'X-API-Key': 'x' }])
    t.equal((await knock(pod, '/ws/r?token=y', headers)).status, 101);
  const offered = { 'Sec-WebSocket-Protocol': 'bearer.x' };
  const { headers } = await knock(pod, '/ws', offered);
  t.equal(headers.get('sec-websocket-protocol'), 'bearer.x', 'or browsers would give up');
});

t.test(
  'over HTTP: health for all, stats for who is known, a room for who may join it',
  async (t) => {
    const pod = await guarded(t);
    const some = bearer(tokenOf({ rooms: { join: ['a'] } }));
    const rows: readonly (readonly [
      path: string,
      headers: Readonly<Record<string, string>>,
      status: number,
    ])[] = [
      ['/health', {}, 200],
      ['/ready', {}, 200],
      ['/metrics', {}, 200],
      [`${BASE}/ws/stats`, {}, 401],
      [`${BASE}/ws/stats`, some, 200],
      [`${BASE}/ws/stats?token=${tokenOf()}`, {}, 200],
      [`${BASE}/ws/stats?token=${tokenOf()}`, some, 400],
      [`${BASE}/ws/stats`, { 'X-API-Key': 'key-of-one' }, 200],
      [`${BASE}/rooms/a`, {}, 401],
      [`${BASE}/rooms/a`, some, 200],
      [`${BASE}/rooms/b`, some, 403],
      [`${BASE}/rooms/b`, { 'X-API-Key': 'key-of-one' }, 200],
      [`${BASE}/rooms/a/messages`, {}, 401],
      [`${BASE}/rooms/a/messages`, some, 200],
      [`${BASE}/rooms/b/messages`, some, 403],
    ];
    for (const [path, headers, expected] of rows) {
      const { status, headers: answered } = await ask(pod, path, headers);
      t.equal(status, expected, path);
      t.equal(answered.get('www-authenticate'), expected === 401 ? 'Bearer' : null, path);
    }
  },
);

t.test('to publish over HTTP one must be an operator', async (t) => {
  const pod = await guarded(t);
  const publish = (headers: Readonly<Record<string, string>>): ReturnType<typeof ask> =>
    ask(
      pod,
      `${BASE}/messages`,
      { 'Content-Type': 'application/json', ...headers },
      { method: 'POST', body: '{"room":"a","data":1}' },
    );
  t.equal((await publish({})).status, 401);
  t.equal((await publish(bearer(tokenOf()))).status, 403);
  t.equal((await publish({ 'X-API-Key': 'key-of-two' })).status, 401);
  t.equal((await publish(bearer(tokenOf({ scope: 'chat admin' })))).status, 202);
  t.equal((await publish({ 'X-API-Key': 'key-of-one' })).status, 202);
});

// what it may do inside

t.test('rooms and the global log, by the token', async (t) => {
  const pod = await guarded(t);
  const rooms = { join: ['team-*', 'news'], publish: ['team-*'] };
  const a = await pod.connect('/ws/team-1', { headers: bearer(tokenOf({ rooms })) });
  const b = await pod.connect('/ws/team-1', { headers: bearer(tokenOf({ sub: 'bob' })) });
  a.send({ type: 'join', room: 'secret', id: 'j1' });
  t.match(await a.heard({ type: 'error' }), { data: { code: 'forbidden', ref: 'j1' } });
  a.send({ type: 'join', room: 'news', id: 'j2' });
  await a.heard({ data: { event: 'joined', room: 'news', ref: 'j2' } });
  a.send({ type: 'chat', room: 'news', data: 1, id: 'c1' });
  t.match(await a.heard({ type: 'error' }), { data: { code: 'forbidden', ref: 'c1' } });
  a.send({ type: 'chat', room: '', data: 1, id: 'c2' });
  t.match(await a.heard({ type: 'error' }), { data: { code: 'forbidden', ref: 'c2' } });
  a.send({ type: 'chat', data: 'team' });
  t.equal((await b.heard({ type: 'chat', room: 'team-1' })).from, 'alice');
  b.send({ type: 'chat', room: '', data: 'all' });
  t.equal((await a.heard({ type: 'chat', room: undefined })).from, 'bob');
});

t.test('a token ends at the time that it says, and a new one takes its place', async (t) => {
  const pod = await guarded(t);
  const first = inSeconds(1);
  const [stays, goes] = [
    await pod.connect('/ws/a', { headers: bearer(tokenOf({ exp: first })) }),
    await pod.connect('/ws/a', { headers: bearer(tokenOf({ exp: first })) }),
  ];
  const { data } = await goes.heard({ data: { event: 'token_expiring' } });
  t.match(data, { expires_at: new Date(first * 1000).toISOString() });
  stays.send({ type: 'refresh', data: { token: tokenOf({ sub: 'bob' }) }, id: 'r0' });
  t.match(await stays.heard({ type: 'error' }), { data: { code: 'forbidden', ref: 'r0' } });
  const rooms = { join: ['b'] };
  stays.send({ type: 'join', room: 'b' });
  await stays.heard({ data: { event: 'joined', room: 'b' } });
  const asked = performance.now();
  stays.send({ type: 'refresh', data: { token: tokenOf({ rooms }) }, id: 'r1' });
  await stays.heard({ data: { event: 'ack', ref: 'r1' } });
  await stays.heard({ data: { event: 'left', room: 'a', reason: 'forbidden' } });
  t.ok(performance.now() - asked < 100, 'rights end within 100 ms');
  t.equal(await goes.closed(), 4001);
  const late = Date.now() - first * 1000;
  t.ok(late >= 0 && late < 250, `${late} ms after its end`);
  await stays.caughtUp();
  t.strictSame(stays.all({ data: { event: 'left' } }).length, 1);
});

t.test('who came with a key too keeps its rights, whatever tokens come after', async (t) => {
  const pod = await guarded(t);
  const rooms = { join: ['a'] };
  const headers = { 'X-API-Key': 'key-of-one', ...bearer(tokenOf({ rooms, exp: inSeconds(2) })) };
  const a = await pod.connect('/ws/b', { headers });
  for (const id of ['r1', 'r2']) {
    a.send({ type: 'refresh', data: { token: tokenOf({ rooms, exp: inSeconds(60) }) }, id });
    await a.heard({ data: { event: 'ack', ref: id } });
  }
  a.send({ type: 'join', room: 'c', id: 'j' });
  await a.heard({ data: { event: 'joined', room: 'c', ref: 'j' } });
  a.send({ type: 'chat', room: 'b', data: 'still', id: 'c' });
  await a.heard({ type: 'chat', room: 'b', from: 'alice', data: 'still' });
  t.equal(a.all({ data: { event: 'left' } }).length, 0);
  await sleep(2_100);
  await a.caughtUp();
  t.equal(a.socket.readyState, 1, 'and the new end holds');
});

// how many

t.test('so many connections of a user, and 429', async (t) => {
  const pod = await guarded(t, { limits: { maxConnectionsPerUser: 2 } });
  const alice = { headers: bearer(tokenOf()) };
  const first = await pod.connect('/ws', alice);
  await pod.connect('/ws', alice);
  const refused = await knock(pod, '/ws', alice.headers);
  t.equal(refused.status, 429);
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.match(JSON.parse(refused.body), { detail: /connections of this user: at most 2/ });
  t.equal((await knock(pod, '/ws', bearer(tokenOf({ sub: 'bob' })))).status, 101);
  for (let i = 0; i < 3; i++)
    t.equal((await knock(pod, '/ws', { 'X-API-Key': 'key-of-one' })).status, 101);
  await first.close();
  await until(
    'the place is free',
    async () => (await knock(pod, '/ws', alice.headers)).status === 101,
  );
  const raced = await Promise.all(
    Array.from({ length: 20 }, () => knock(pod, '/ws', bearer(tokenOf({ sub: 'carol' })))),
  );
  t.strictSame(raced.filter(({ status }) => status === 101).length, 2, 'also of those at once');
});

t.test('so many connections of an address, behind proxies that are ours', async (t) => {
  const from = (address: string): Record<string, string> => ({ 'X-Forwarded-For': address });
  const limits = { maxConnectionsPerAddress: 1 };
  const plain = await startPod(t, { limits });
  const { client } = await knock(plain, '/ws', from('1.1.1.1'));
  const refused = await knock(plain, '/ws', from('2.2.2.2'));
  t.equal(refused.status, 429, 'who is no proxy of ours is not believed');
  t.match(JSON.parse(refused.body), { detail: /connections of this address: at most 1/ });
  client.destroy();
  await until('the place is free', async () => (await knock(plain, '/ws')).status === 101);

  const pod = await startPod(t, { limits, server: { trustedProxies: ['127.0.0.0/8'] } });
  for (const [address, status] of [
    ['1.1.1.1', 101],
    ['2.2.2.2', 101],
    ['1.1.1.1', 429],
    ['9.9.9.9, 1.1.1.1', 429],
    ['1.1.1.1, 127.0.0.9', 429],
    ['1.1.1.1, 3.3.3.3', 101],
  ] as const)
    t.equal((await knock(pod, '/ws', from(address))).status, status, address);
  const strict = await guarded(t, { limits });
  // it never ends its side: the socket stays for a while
  const halfOpen = connect({ port: strict.port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => halfOpen.destroy());
  halfOpen.write(handshakeOf(`${BASE}/ws`));
  t.match(String(await once(halfOpen, 'data')), /^HTTP\/1\.1 401 /);
  t.equal((await knock(strict, '/ws')).status, 401, 'who is refused takes no place');
  t.equal((await knock(strict, '/ws', bearer(tokenOf()))).status, 101);
});

// while nobody knows yet who it is

const ES256 = pairFor('ES256');
const byKey = (claims: object = {}): string =>
  tokenOf(claims, { alg: 'ES256', key: ES256.privateKey, header: { kid: 'k1' } });

/** A pod whose keys are elsewhere, and that place: it answers when it is told to. */
const farKeys = async (
  t: Test,
  overrides: Overrides = {},
): Promise<{ readonly pod: Pod; readonly asked: () => number; readonly answer: () => void }> => {
  const waiting: (() => void)[] = [];
  let asked = 0;
  const serve: RequestListener = (_request, response) => {
    asked += 1;
    waiting.push(() => response.end(JSON.stringify({ keys: [jwkOf(ES256.publicKey, 'k1')] })));
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const jwtJwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const pod = await startPod(t, { ...overrides, access: { authEnabled: true, jwtJwksUrl } });
  return { pod, asked: () => asked, answer: () => waiting.splice(0).forEach((go) => go()) };
};

t.test('what comes early is taken once it is known who it is: in order, once', async (t) => {
  const { pod, asked, answer } = await farKeys(t);
  const client = await pod.raw();
  const shake = Buffer.from(handshakeOf(`${BASE}/ws/general?token=${byKey()}`));
  client.write(Buffer.concat([shake, chat('in the same packet'), chat('half').subarray(0, 10)]));
  await until('the keys were asked for', () => asked() === 1);
  client.write(Buffer.concat([chat('half').subarray(10), chat('later')]));
  await sleep(50);
  t.equal(client.text(), '', 'nothing is said to somebody unknown');
  t.equal(pod.connections(), 0);
  answer();
  await until(
    'all of it',
    () => client.texts().filter((text) => text.includes('"chat"')).length === 3,
  );
  t.strictSame(
    heard(client).map((data) => data.event ?? data),
    ['welcome', 'joined', 'joined', 'in the same packet', 'half', 'later'],
  );
  t.equal((await knock(pod, `/ws?token=${byKey()}`)).status, 101);
  t.equal(asked(), 1, 'the keys were asked for once');
});

t.test('who floods or goes meanwhile harms nobody and leaves nothing', async (t) => {
  const sockets: Socket[] = [];
  const seen = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    sockets.push(socket);
  };
  subscribe('net.server.socket', seen);
  t.teardown(() => unsubscribe('net.server.socket', seen));
  const { pod, asked, answer } = await farKeys(t);
  const clients = await Promise.all(Array.from({ length: 8 }, () => pod.raw()));
  const atPod = (): readonly Socket[] => sockets.filter(({ localPort }) => localPort === pod.port);
  await until('they were accepted', () => atPod().length === 8);
  const ours = atPod();
  for (const client of clients) client.write(handshakeOf(`${BASE}/ws/general?token=${byKey()}`));
  await until('the keys were asked for', () => asked() === 1);
  for (const client of clients.slice(0, 4)) client.write(Buffer.alloc(10_000_000));
  for (const client of clients.slice(4)) client.destroy();
  await sleep(300);
  const taken = ours.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  t.ok(taken < 4_000_000, `${taken} bytes of 40 MB were read`);
  answer();
  // zeros are no frame of a client's: not masked
  for (const client of clients.slice(0, 4)) {
    await client.ended();
    t.equal(client.closeCode(), 1002);
  }
  await until('all sockets are gone', () => ours.every(({ destroyed }) => destroyed));
  await until('nobody is left', () => pod.connections() === 0);
  for (const socket of ours) t.equal(socket.listenerCount('data'), 0);
  t.equal((await knock(pod, `/ws/general?token=${byKey()}`)).status, 101);
});

t.test('nobody waits longer than a handshake may take', async (t) => {
  const { pod, asked } = await farKeys(t, { limits: { handshakeTimeoutMs: 300 } });
  const started = performance.now();
  const { status, headers } = await knock(pod, `/ws?token=${byKey()}`);
  t.equal(status, 503, 'it is not known whether the token is good');
  t.match(headers.get('retry-after'), /^\d+$/);
  t.ok(performance.now() - started < 1_000);
  t.equal(asked(), 1);
  t.equal((await knock(pod, '/ws')).status, 401, 'who has none is told so');
});

t.test('who waits takes a place, and is told when the pod goes', async (t) => {
  const { pod, asked } = await farKeys(t, { server: { maxConnections: 2 } });
  const waiting = [await pod.raw(), await pod.raw()];
  for (const client of waiting) client.write(handshakeOf(`${BASE}/ws?token=${byKey()}`));
  await until('the keys were asked for', () => asked() === 1);
  await sleep(20);
  const full = await knock(pod, `/ws?token=${byKey()}`);
  t.equal(full.status, 503);
  t.match(JSON.parse(full.body), { detail: /its 2 connections/ });
  const stopped = pod.app.stop();
  for (const client of waiting) {
    const { status, body } = await client.answer();
    t.equal(status, 503);
    t.match(JSON.parse(body), { detail: /shutting down/ });
  }
  await stopped;
});

t.test(
  'who goes while it waits gives its place back at once, in whichever way it goes',
  async (t) => {
    const { pod, asked, answer } = await farKeys(t, {
      server: { maxConnections: 2 },
      limits: { maxConnectionsPerAddress: 2 },
    });
    const handshake = handshakeOf(`${BASE}/ws?token=${byKey()}`);
    for (const how of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const sockets = [0, 1].map(() => connect(pod.port, '127.0.0.1'));
      for (const socket of sockets) {
        t.teardown(() => socket.destroy());
        socket.write(handshake);
      }
      await until('the keys were asked for', () => asked() === 1);
      await until('both wait', async () => {
        const { status } = await knock(pod, `/ws?token=${byKey()}&last_id=x`);
        const third = await pod.raw();
        third.write(handshake);
        await sleep(20);
        third.destroy();
        return status === 400 && third.text().startsWith('HTTP/1.1 503');
      });
      for (const socket of sockets) socket[how]();
      const next = await pod.raw();
      await sleep(100);
      next.write(handshake);
      await sleep(50);
      t.equal(next.text(), '', `${how}: the next one may wait`);
      next.destroy();
      await sleep(100);
    }
    const last = [await pod.raw(), await pod.raw()];
    for (const client of last) client.write(handshake);
    await sleep(50);
    answer();
    for (const client of last) t.equal((await client.answer()).status, 101);
    await until('both are in', () => pod.connections() === 2);
    t.equal(asked(), 1);
    t.equal(await pod.metric('realtime_connections_total'), 2, 'and nobody who had gone');
  },
);

t.test(
  'keys that cannot be had: 503 for whoever brings a token, said once in the log',
  async (t) => {
    const jwtJwksUrl = 'http://127.0.0.1:1/keys';
    const pod = await startPod(t, {
      access: { authEnabled: true, jwtJwksUrl, apiKeys: ['key-of-one'] },
    });
    const { status, headers } = await knock(pod, `/ws?token=${byKey()}`);
    t.equal(status, 503);
    t.equal(headers.get('www-authenticate'), undefined);
    t.equal((await ask(pod, `${BASE}/ws/stats`, bearer(byKey()))).status, 503);
    t.equal((await ask(pod, `${BASE}/ws/stats`, { 'X-API-Key': 'key-of-one' })).status, 200);
    t.match(
      pod.events.find(({ _tag }) => _tag === 'KeysUnavailable'),
      { detail: /ECONNREFUSED/ },
    );
  },
);

// secrets

t.test('no token, key or secret stands in any output, at any log level', async (t) => {
  const mark = 'hunter2';
  const apiKey = `key-${mark}`;
  const secret = `${SECRET}-${mark}`;
  const pod = await startProcess(t, {
    AUTH_ENABLED: 'true',
    JWT_SECRET: secret,
    API_KEYS: apiKey,
    LOG_LEVEL: 'trace',
  });
  const { doors } = pod;
  const good = tokenOf({ jti: mark }, { key: secret });
  const bad = tokenOf({ jti: mark });
  const tokens = [good, bad, tokenOf({ exp: 1 }, { key: secret }), `${mark}.${mark}.${mark}`, mark];
  const parts = new Set([
    mark,
    secret,
    apiKey,
    ...tokens.flatMap((token) => token.split('.').slice(1)),
  ]);
  const said: string[] = [];
  for (const token of tokens) {
    for (const [path, headers] of [
      ['/ws/r', bearer(token)],
      [`/ws/r?token=${token}`, {}],
      [`/ws/*?token=${token}`, {}],
      [`/ws/r?token=${token}&last_id=${token}`, {}],
      [`/ws/r?token=${token}&token=x`, {}],
      // where a short text stands in place of a room's name it is one
      [`/ws/${token.length < 32 ? 'r' : token}`, {}],
      ['/ws/r', { 'Sec-WebSocket-Protocol': `realtime.v1, bearer.${token}` }],
      ['/ws/r', { 'Sec-WebSocket-Protocol': `bearer.${token},,` }],
      ['/ws/r', { 'X-API-Key': token }],
      ['/ws/r', { Origin: 'https://elsewhere.example', ...bearer(token) }],
    ] as const) {
      const { body, headers: answered, client } = await knock(doors, path, headers);
      said.push(body, ...answered.values(), client.text());
      client.destroy();
    }
    for (const path of [`${BASE}/ws/stats`, `${BASE}/rooms/r`, `/nowhere`, '/metrics', '/health'])
      for (const [url, headers] of [
        [path, bearer(token)],
        [`${path}?token=${token}`, {}],
        [path, { 'X-API-Key': token }],
      ] as const) {
        const { body, headers: answered } = await ask(doors, url, headers);
        said.push(body, ...answered.values());
      }
    const post = { 'Content-Type': 'application/json', ...bearer(token) };
    for (const body of [`{"room":"${token}"`, `{"room":"${token}","data":1}`])
      said.push((await ask(doors, `${BASE}/messages`, post, { method: 'POST', body })).body);
  }
  const client = await doors.connect('/ws/r', { headers: bearer(good) });
  for (const token of tokens) {
    client.send({ type: 'refresh', data: { token }, id: 'r' });
    client.send({ type: 'refresh', data: { token, x: [[token]] } });
    client.send({ type: 'refresh', token });
  }
  await client.caughtUp();
  said.push(...client.messages.map((message) => JSON.stringify(message)));
  await client.close();
  said.push((await ask(doors, '/metrics')).body);
  pod.signal('SIGTERM');
  t.equal(await pod.ended(), 0);
  said.push(pod.stdout(), pod.stderr());
  t.match(pod.stdout(), '"msg":"listening"');
  for (const text of said)
    for (const part of parts)
      if (text.includes(part))
        t.fail(
          `said: ${text.slice(Math.max(0, text.indexOf(part) - 200), text.indexOf(part) + 100)}`,
        );
});
