/** HTTP endpoints and metrics as operators meet them. One pod without Redis. */
import t from 'tap';
import { type Client } from '../support/client.js';
import { BASE, startPod } from '../support/pod.js';
import { handshakeOf } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import { isProblem } from '../support/problem.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

t.test(
  'when a handshake is valid, then it is upgraded; else the refusal is a problem with its status',
  async (t) => {
    const pod = await startPod(t);
    for (const path of [
      '/ws',
      '/ws/general',
      '/ws?room=general',
      '/ws/general?room=general',
      '/ws/a%3Ab',
      '/ws?room=',
      '/ws?last_id=',
      '/ws?last_id=undefined',
      '/ws?last_id=null',
    ]) {
      const client = await pod.connect(path);
      t.equal(await client.close(), 1000, path);
    }
    const refused: readonly (readonly [string, number])[] = [
      ['/ws/a?room=b', 400],
      ['/ws?room=a&room=b', 400],
      ['/ws/stats', 400],
      ['/ws?room=stats', 400],
      ['/ws/', 400],
      ['/ws?last_id=x', 400],
      ['/wsx', 404],
      ['', 404],
      ['/rooms', 404],
    ];
    for (const [path, status] of refused) {
      const client = await pod.raw();
      client.write(handshakeOf(`${BASE}${path}`));
      const { headers, ...answer } = await client.answer();
      isProblem(t, { ...answer, headers: Object.fromEntries(headers) }, status, undefined, path);
      await client.ended();
    }
    await until('nobody is left', () => pod.connections() === 0);
    t.equal(await pod.metric('realtime_rejected{code="400"}'), 6);
  },
);

t.test(
  'when a request has no Upgrade, a wrong path or a wrong method, then the answer is a problem',
  async (t) => {
    const pod = await startPod(t);
    for (const path of ['/ws', '/ws/general', '/ws?room=general']) {
      const answer = await pod.get(BASE + path);
      isProblem(t, answer, 426, undefined, path);
      t.match(answer.headers['upgrade'], /^websocket$/i);
    }
    for (const path of ['/ws/*', '/ws/a%2Fb', '/ws/__proto__', '/ws/%2e%2e'])
      isProblem(t, await pod.get(BASE + path), 400, undefined, path);
    for (const path of [
      '/',
      '/x',
      BASE,
      `${BASE}/`,
      '/ws',
      '//',
      '/%00',
      '/..;/',
      '/health/',
      `${BASE}/ws/a/b`,
      `/${'x'.repeat(8000)}`,
    ]) {
      const answer = await pod.get(path);
      // the demo page may stand at the root
      if (path === '/' && answer.status === 200) continue;
      t.ok([400, 404].includes(answer.status), `${path.slice(0, 40)}: ${answer.status}`);
      isProblem(t, answer, answer.status, undefined, path.slice(0, 40));
    }
    for (const path of [
      '/health',
      '/ready',
      '/metrics',
      `${BASE}/ws`,
      `${BASE}/ws/general`,
      `${BASE}/ws/stats`,
    ]) {
      const answer = await pod.get(path, 'DELETE');
      isProblem(t, answer, 405, undefined, path);
      t.match(answer.headers['allow'], /GET/, path);
    }
    t.equal((await pod.get('/health', 'HEAD')).status, 200);
  },
);

t.test(
  'when a request is refused, then the answer has no stack and no version and is not cached',
  async (t) => {
    const pod = await startPod(t);
    for (const path of ['/nowhere', `${BASE}/ws`, '/%zz']) {
      const { headers, body } = await pod.get(path);
      t.equal(headers['x-content-type-options'], 'nosniff', path);
      t.equal(headers['cache-control'], 'no-store', path);
      t.equal(headers['server'], undefined);
      t.equal(headers['x-powered-by'], undefined);
      t.notMatch(body, /node_modules|\.js|fastify/i, path);
    }
  },
);

t.test('when the pod runs, then `/health` and `/ready` answer 200', async (t) => {
  const pod = await startPod(t);
  const health = JSON.parse((await pod.get('/health')).body) as Readonly<Record<string, unknown>>;
  t.strictSame(Object.keys(health), ['status', 'server_id', 'timestamp']);
  t.match(health, { status: 'healthy', server_id: 'pod-1' });
  t.ok(
    Number.isInteger(health['timestamp']) &&
      Math.abs(Number(health['timestamp']) - Date.now() / 1000) < 5,
  );
  const ready = await pod.get('/ready');
  t.equal(ready.status, 200);
  t.strictSame(JSON.parse(ready.body), { status: 'ready' });
});

t.test('when stats are requested, then they count connections, rooms and messages', async (t) => {
  const pod = await startPod(t);
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  await pod.connect('/ws');
  alice.send({ type: 'chat', data: 1 });
  await bob.received({ type: 'chat' });
  const stats = async (query = ''): Promise<Readonly<Record<string, unknown>>> =>
    JSON.parse((await pod.get(`${BASE}/ws/stats${query}`)).body) as Readonly<
      Record<string, unknown>
    >;
  const now = await stats();
  t.strictSame(Object.keys(now), [
    'connections',
    'rooms',
    'server_id',
    'uptime_s',
    'messages_received',
    'messages_sent',
    'broker',
  ]);
  t.match(now, {
    connections: 3,
    rooms: 1,
    server_id: 'pod-1',
    messages_received: 1,
    broker: 'local',
  });
  t.ok(Number(now['messages_sent']) >= 2);
  t.ok(Number(now['uptime_s']) >= 0 && Number(now['uptime_s']) < 30);
  t.strictSame((await stats('?room=general'))['room'], { name: 'general', connections: 2 });
  t.strictSame((await stats('?room=nobody'))['room'], { name: 'nobody', connections: 0 });
  isProblem(t, await pod.get(`${BASE}/ws/stats?room=*`), 400, undefined, 'a bad name');
  await bob.close();
  await until('one fewer', () => pod.connections() === 2);
  t.strictSame((await stats('?room=general'))['room'], { name: 'general', connections: 1 });
});

t.test('when BASE_PATH is set, then the endpoints are under it', async (t) => {
  const pod = await startPod(t, { server: { basePath: '/x' } });
  t.equal((await pod.get('/x/ws/stats')).status, 200);
  t.equal((await pod.get(`${BASE}/ws/stats`)).status, 404);
});

t.test(
  'when metrics are requested, then they have names and numbers, and no names of rooms or users',
  async (t) => {
    const pod = await startPod(t);
    const clients: readonly Client[] = [
      await pod.connect('/ws/secret-room'),
      await pod.connect('/ws/secret-room'),
    ];
    for (let i = 0; i < 3; i++) clients[0]!.send({ type: 'chat', data: i });
    await clients[1]!.received({ data: 2 });
    clients[0]!.send('nonsense');
    await clients[0]!.received({ type: 'error' });
    const { headers, body } = await pod.get('/metrics');
    t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const kinds = new Map(
      [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name, kind]),
    );
    const contract = {
      realtime_connections_total: 'gauge',
      realtime_rooms_total: 'gauge',
      realtime_messages_received: 'counter',
      realtime_messages_sent: 'counter',
      realtime_redis_publish_errors: 'counter',
      realtime_delivery_seconds: 'histogram',
      realtime_closes: 'counter',
      realtime_rejected: 'counter',
      realtime_broker_up: 'gauge',
      realtime_broker_probe_seconds: 'histogram',
      realtime_send_buffer_messages: 'gauge',
      realtime_recoveries: 'counter',
      realtime_gaps: 'counter',
      nodejs_eventloop_lag_seconds: 'gauge',
      process_resident_memory_bytes: 'gauge',
    };
    for (const [name, kind] of Object.entries(contract)) t.equal(kinds.get(name), kind, name);
    t.match(body, /^realtime_connections_total 2$/m);
    t.match(body, /^realtime_rooms_total 1$/m);
    t.match(body, /^realtime_messages_received 3$/m);
    t.match(body, /^realtime_rejected\{code="invalid_json"\} 1$/m);
    t.match(body, /^realtime_broker_up 1$/m);
    t.equal((await pod.metric('realtime_delivery_seconds_count')) >= 3, true);
    t.notMatch(body, /secret-room/);
    t.notMatch(body, clients[0]!.id);
    t.match(clients[0]!.id, UUID);
    for (const client of clients) await client.close();
    await until('nobody', () => pod.connections() === 0);
    t.equal(await pod.metric('realtime_connections_total'), 0);
    t.equal(await pod.metric('realtime_rooms_total'), 0);
  },
);
