/** `WORKERS=2` as its users start it: one port, one order, and nothing lost when a worker is killed. */
import { connect as dial, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { childrenOf, killWorkers } from './support/killed-workers.js';
import { http, runMain, BASE } from './support/pod.js';
import { until } from './support/redis.js';

t.test(
  'when workers are killed and reloaded under load, then every client gets each message once, in one order',
  async (t) => {
    const report = await killWorkers(t, {
      workers: 2,
      rooms: 5,
      clients: 30,
      perSecond: 200,
      kills: 3,
      everyMs: 1_200,
      reload: true,
    });
    t.match(report, {
      refused: [],
      missing: 0,
      twice: 0,
      disordered: 0,
      gaps: 0,
      exitCode: 0,
    });
    t.ok(report.acknowledged > 100, `${report.acknowledged} were acknowledged`);
    t.ok(report.workersSeen >= 4, `${report.workersSeen} workers had clients`);
  },
);

t.test('when a service has workers, then its reports are of all of them', async (t) => {
  const running = await runMain(t, { WORKERS: '3', SERVER_ID: 'service' });
  const port = await running.port();
  await until('all workers run', () => running.stdout().split('worker listening').length === 4);
  const health = await http(port, '/health');
  t.match(JSON.parse(health.body), { status: 'healthy', server_id: 'service' });
  const stats = await http(port, `${BASE}/ws/stats?room=r`);
  t.match(JSON.parse(stats.body), {
    server_id: 'service',
    broker: 'workers',
    connections: 0,
    room: { name: 'r', connections: 0 },
  });
  const metrics = await http(port, '/metrics');
  t.match(metrics.body, /^realtime_workers 3$/m);
  t.match(metrics.body, /^realtime_broker_up 1$/m);
  t.match(metrics.body, /^realtime_delivery_seconds_bucket\{le="\+Inf"\} 0$/m);
  await until('what workers send is read', async () =>
    /^realtime_workers_unsent_bytes 0$/m.test((await http(port, '/metrics')).body),
  );
  running.signal('SIGTERM');
  t.equal(await running.ended(), 0);
});

t.test(
  'when workers are killed before they take a connection, then it is served or closed',
  async (t) => {
    const running = await runMain(t, { WORKERS: '2' });
    const port = await running.port();
    await until('all workers run', () => running.stdout().split('worker listening').length === 3);
    const workers = childrenOf(running.pid);
    const clients = new Set<Socket>();
    t.teardown(() => clients.forEach((client) => client.destroy()));
    const settled = new Set<Socket>();
    for (const worker of workers) process.kill(worker, 'SIGSTOP');
    for (let i = 0; i < 6; i++) {
      const client = dial(port, '127.0.0.1');
      clients.add(client);
      client.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      for (const event of ['data', 'error', 'close']) client.on(event, () => settled.add(client));
    }
    await until('all are connected', () => [...clients].every(({ connecting }) => !connecting));
    await sleep(100);
    t.equal(settled.size, 0, 'nobody answers');
    for (const worker of workers) process.kill(worker, 'SIGKILL');
    await until('each is served or closed', () => settled.size === clients.size, 8_000);
  },
);

t.test('when the port is taken, then the service ends with 1, as with one pod', async (t) => {
  const first = await runMain(t, { WORKERS: '2' });
  const port = await first.port();
  const second = await runMain(t, { WORKERS: '2', PORT: String(port) });
  t.equal(await second.ended(), 1);
  t.match(second.stdout(), /another program has the port/);
});
