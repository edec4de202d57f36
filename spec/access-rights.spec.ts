/** What a token allows, how long, and how many connections: with a real pod and real sockets. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { bearer, guarded, knock } from './support/guarded-pod.js';
import { BASE, startPod } from './support/pod.js';
import { handshakeOf } from './support/raw-client.js';
import { until } from './support/redis.js';
import { inSeconds, tokenOf } from './support/tokens.js';

// what it may do inside

t.test(
  'when a token names rooms, then the connection may join and publish in those alone',
  async (t) => {
    const pod = await guarded(t);
    const rooms = { join: ['team-*', 'news'], publish: ['team-*'] };
    const a = await pod.connect('/ws/team-1', { headers: bearer(tokenOf({ rooms })) });
    const b = await pod.connect('/ws/team-1', { headers: bearer(tokenOf({ sub: 'bob' })) });
    a.send({ type: 'join', room: 'secret', id: 'j1' });
    t.match(await a.received({ type: 'error' }), { data: { code: 'forbidden', ref: 'j1' } });
    a.send({ type: 'join', room: 'news', id: 'j2' });
    await a.received({ data: { event: 'joined', room: 'news', ref: 'j2' } });
    a.send({ type: 'chat', room: 'news', data: 1, id: 'c1' });
    t.match(await a.received({ type: 'error' }), { data: { code: 'forbidden', ref: 'c1' } });
    a.send({ type: 'chat', room: '', data: 1, id: 'c2' });
    t.match(await a.received({ type: 'error' }), { data: { code: 'forbidden', ref: 'c2' } });
    a.send({ type: 'chat', data: 'team' });
    t.equal((await b.received({ type: 'chat', room: 'team-1' })).from, 'alice');
    b.send({ type: 'chat', room: '', data: 'all' });
    t.equal((await a.received({ type: 'chat', room: undefined })).from, 'bob');
  },
);

t.test(
  'when a token expires, then the connection is closed with 4001, unless a new token came before',
  async (t) => {
    const pod = await guarded(t);
    const first = inSeconds(1);
    const [stays, goes] = [
      await pod.connect('/ws/a', { headers: bearer(tokenOf({ exp: first })) }),
      await pod.connect('/ws/a', { headers: bearer(tokenOf({ exp: first })) }),
    ];
    const { data } = await goes.received({ data: { event: 'token_expiring' } });
    t.match(data, { expires_at: new Date(first * 1000).toISOString() });
    stays.send({ type: 'refresh', data: { token: tokenOf({ sub: 'bob' }) }, id: 'r0' });
    t.match(await stays.received({ type: 'error' }), { data: { code: 'forbidden', ref: 'r0' } });
    const rooms = { join: ['b'] };
    stays.send({ type: 'join', room: 'b' });
    await stays.received({ data: { event: 'joined', room: 'b' } });
    const asked = performance.now();
    stays.send({ type: 'refresh', data: { token: tokenOf({ rooms }) }, id: 'r1' });
    await stays.received({ data: { event: 'ack', ref: 'r1' } });
    await stays.received({ data: { event: 'left', room: 'a', reason: 'forbidden' } });
    t.ok(performance.now() - asked < 100, 'rights end within 100 ms');
    t.equal(await goes.closed(), 4001);
    const late = Date.now() - first * 1000;
    t.ok(late >= 0 && late < 250, `${late} ms after its end`);
    await stays.caughtUp();
    t.strictSame(stays.all({ data: { event: 'left' } }).length, 1);
  },
);

t.test(
  'when a client came with an API key too, then it keeps its rights whatever tokens it sends later',
  async (t) => {
    const pod = await guarded(t);
    const rooms = { join: ['a'] };
    const first = inSeconds(2);
    const headers = { 'X-API-Key': 'key-of-one', ...bearer(tokenOf({ rooms, exp: first })) };
    const a = await pod.connect('/ws/b', { headers });
    for (const id of ['r1', 'r2']) {
      a.send({ type: 'refresh', data: { token: tokenOf({ rooms, exp: inSeconds(60) }) }, id });
      await a.received({ data: { event: 'ack', ref: id } });
    }
    a.send({ type: 'join', room: 'c', id: 'j' });
    await a.received({ data: { event: 'joined', room: 'c', ref: 'j' } });
    a.send({ type: 'chat', room: 'b', data: 'still', id: 'c' });
    await a.received({ type: 'chat', room: 'b', from: 'alice', data: 'still' });
    t.equal(a.all({ data: { event: 'left' } }).length, 0);
    await until('its first end has passed', () => Date.now() > first * 1_000 + 100, 5_000);
    await a.caughtUp();
    t.equal(a.socket.readyState, 1, 'and the new end holds');
  },
);

// how many

t.test('when a user has as many connections as allowed, then the next one gets 429', async (t) => {
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

t.test(
  'when an address has as many connections as allowed, then the next one gets 429, also behind trusted proxies',
  async (t) => {
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
  },
);
