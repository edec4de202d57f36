/**
 * Who may connect and publish, and how much, on real sockets: bad-input rows A01–A20, H24, H28, J18. The
 * tokens themselves are in `auth/jwt.spec.ts`.
 */
import t from 'tap';
import { ask, bearer, guarded, received, knock } from './support/guarded-pod.js';
import { BASE, startPod, startProcess } from './support/pod.js';
import { until } from './support/redis.js';
import { inSeconds, SECRET, tokenOf } from './support/tokens.js';

// the door

t.test(
  'when a token is in any of the accepted fields, then the connection is of its user',
  async (t) => {
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
      await until(`${what}: joined`, () =>
        received(client).some(({ event }) => event === 'joined'),
      );
      t.match(received(client)[0], { event: 'welcome', user_id: 'alice' }, what);
      client.destroy();
    }
    const client = await pod.connect('/ws/general', { headers: bearer(token) });
    client.send({ type: 'chat', data: 'hi', from: 'mallory' });
    t.equal((await client.received({ type: 'chat' })).from, 'alice');
    const program = await pod.connect('/ws/general', { headers: { 'X-API-Key': 'key-of-one' } });
    t.match(program.messages[0]?.data, { user_id: null });
  },
);

t.test('when a handshake has no valid token, then it gets 401; with two tokens, 400', async (t) => {
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

t.test('when AUTH_ENABLED is false, then tokens and keys are ignored', async (t) => {
  const pod = await startPod(t);
  for (const headers of [{}, bearer('x'), { 'X-API-Key': 'x' }])
    t.equal((await knock(pod, '/ws/r?token=y', headers)).status, 101);
  const offered = { 'Sec-WebSocket-Protocol': 'bearer.x' };
  const { headers } = await knock(pod, '/ws', offered);
  t.equal(headers.get('sec-websocket-protocol'), 'bearer.x', 'or browsers would give up');
});

t.test(
  'when HTTP is used, then health needs no token, stats need one, and a room needs the right to join it',
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

t.test("when a client publishes over HTTP, then it needs an operator's right", async (t) => {
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

// secrets

t.test(
  'when a pod runs at any log level, then no output contains a token, a key or a secret',
  async (t) => {
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
    const tokens = [
      good,
      bad,
      tokenOf({ exp: 1 }, { key: secret }),
      `${mark}.${mark}.${mark}`,
      mark,
    ];
    const parts = new Set([
      mark,
      secret,
      apiKey,
      ...tokens.flatMap((token) => token.split('.').slice(1)),
    ]);
    const texts: string[] = [];
    for (const token of tokens) {
      for (const [path, headers] of [
        ['/ws/r', bearer(token)],
        [`/ws/r?token=${token}`, {}],
        [`/ws/*?token=${token}`, {}],
        [`/ws/r?token=${token}&last_id=${token}`, {}],
        [`/ws/r?token=${token}&token=x`, {}],
        // where the name of a room is expected, a short text is one
        [`/ws/${token.length < 32 ? 'r' : token}`, {}],
        ['/ws/r', { 'Sec-WebSocket-Protocol': `realtime.v1, bearer.${token}` }],
        ['/ws/r', { 'Sec-WebSocket-Protocol': `bearer.${token},,` }],
        ['/ws/r', { 'X-API-Key': token }],
        ['/ws/r', { Origin: 'https://elsewhere.example', ...bearer(token) }],
      ] as const) {
        const { body, headers: answered, client } = await knock(doors, path, headers);
        texts.push(body, ...answered.values(), client.text());
        client.destroy();
      }
      for (const path of [`${BASE}/ws/stats`, `${BASE}/rooms/r`, `/nowhere`, '/metrics', '/health'])
        for (const [url, headers] of [
          [path, bearer(token)],
          [`${path}?token=${token}`, {}],
          [path, { 'X-API-Key': token }],
        ] as const) {
          const { body, headers: answered } = await ask(doors, url, headers);
          texts.push(body, ...answered.values());
        }
      const post = { 'Content-Type': 'application/json', ...bearer(token) };
      for (const body of [`{"room":"${token}"`, `{"room":"${token}","data":1}`])
        texts.push((await ask(doors, `${BASE}/messages`, post, { method: 'POST', body })).body);
    }
    const client = await doors.connect('/ws/r', { headers: bearer(good) });
    for (const token of tokens) {
      client.send({ type: 'refresh', data: { token }, id: 'r' });
      client.send({ type: 'refresh', data: { token, x: [[token]] } });
      client.send({ type: 'refresh', token });
    }
    await client.caughtUp();
    texts.push(...client.messages.map((message) => JSON.stringify(message)));
    await client.close();
    texts.push((await ask(doors, '/metrics')).body);
    pod.signal('SIGTERM');
    t.equal(await pod.ended(), 0);
    texts.push(pod.stdout(), pod.stderr());
    t.match(pod.stdout(), '"msg":"listening"');
    for (const text of texts)
      for (const part of parts)
        if (text.includes(part))
          t.fail(
            `said: ${text.slice(Math.max(0, text.indexOf(part) - 200), text.indexOf(part) + 100)}`,
          );
  },
);
