/** `deploy/nginx.conf` in Debian's nginx, with three pods and Redis behind it as plain processes. */
import t from 'tap';
import { type Client, connect as connectTo } from '../support/client.js';
import { asProgram } from '../support/credentials.js';
import { type NamedPod, startNginxPods } from '../support/nginx-pods.js';
import { ask, BASE, http } from '../support/pod.js';
import { HOST, until } from '../support/redis.js';

const cluster = await startNginxPods({ env: { DRAIN_MS: '1500', LOG_LEVEL: 'debug' } });
t.teardown(cluster.stop);
const { nginx, pods } = cluster;

const connect = async (path: string): Promise<Client> => {
  const client = await connectTo(`ws://${HOST}:${nginx.port}${BASE}${path}`);
  t.teardown(() => client.socket.terminate());
  return client;
};
const connectAll = async (count: number): Promise<readonly Client[]> => {
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) clients.push(await connect('/ws/general'));
  return clients;
};
const connections = async ({ port }: NamedPod): Promise<number> => {
  const { body } = await http(port, `${BASE}/ws/stats`);
  return (JSON.parse(body) as { readonly connections: number }).connections;
};
const publish = (data: unknown): ReturnType<typeof ask> =>
  ask(
    {
      port: nginx.port,
      path: `${BASE}/messages`,
      method: 'POST',
      headers: asProgram({ 'Content-Type': 'application/json' }),
    },
    JSON.stringify({ room: 'general', data }),
  );
const end = (clients: readonly Client[]): Promise<readonly number[]> =>
  Promise.all(clients.map((client) => client.close()));

t.test('when clients connect one by one, then each pod gets as many', async (t) => {
  const clients = await connectAll(9);
  t.strictSame(await Promise.all(pods.map(connections)), [3, 3, 3]);
  const [publisher, ...others] = clients;
  publisher?.send({ type: 'chat', room: 'general', data: 'hi' });
  for (const client of others) await client.received({ type: 'chat', data: 'hi' });
  await end(clients);
});

t.test('when a pod was restarted, then it gets the next clients', async (t) => {
  const before = await connectAll(6);
  const [pod] = pods;
  t.equal(await pod?.drain(), 0);
  await pod?.start();
  const after = await connectAll(2);
  t.strictSame(await Promise.all(pods.map(connections)), [2, 2, 2]);
  await end([...before.filter(({ socket }) => socket.readyState === 1), ...after]);
});

t.test('when a program sends requests, then the pods answer in turn', async (t) => {
  t.equal((await publish('by HTTP')).status, 202);
  const history = await http(nginx.port, `${BASE}/rooms/general/messages?limit=1`);
  t.match(JSON.parse(history.body), { messages: [{ data: 'by HTTP' }] });
  const ids = new Set<unknown>();
  for (let i = 0; i < 3; i++) {
    const { body } = await http(nginx.port, `${BASE}/ws/stats`);
    ids.add((JSON.parse(body) as { readonly server_id: string }).server_id);
  }
  t.equal(ids.size, 3);
});

t.test('when a request asks for h2c, then no pod gets the word', async (t) => {
  const headers = { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'A' };
  t.equal((await http(nginx.port, '/health', 'GET', headers)).status, 200);
});

t.test('when metrics are asked for, then they are not found', async (t) => {
  t.equal((await http(nginx.port, '/metrics')).status, 404);
  t.equal((await http(nginx.port, '/ready')).status, 200);
});

t.test('when a body is too large, then the answer is that of the pod', async (t) => {
  const { status, headers } = await publish('x'.repeat(1_048_577));
  t.match([status, headers['content-type']], [413, /problem\+json/]);
});

t.test('when a client invents X-Forwarded-For, then the pod sees its own address', async (t) => {
  const before = pods.map(({ running }) => running().stdout().length);
  const question = {
    port: nginx.port,
    path: `${BASE}/ws/-`,
    method: 'GET',
    headers: asProgram({ 'X-Forwarded-For': '203.0.113.9' }),
    // 127.0.0.1, as which nginx asks the pods, is the trusted proxy
    localAddress: '127.0.0.2',
  };
  t.equal((await ask(question)).status, 400);
  const refused = (): string | undefined =>
    pods
      .flatMap(({ running }, i) => running().stdout().slice(before[i]).split('\n'))
      .find((line) => line.includes('"msg":"request: refused"'));
  await until('the line of the pod', () => refused() !== undefined);
  t.match(refused(), '"address":"127.0.0.2"');
});

t.test('when a pod is killed, then every client connects at once', async (t) => {
  const [, pod] = pods;
  await pod?.kill();
  const began = performance.now();
  const clients = [...(await connectAll(20))];
  t.ok(performance.now() - began < 5_000, `${performance.now() - began} ms`);
  for (let i = 0; i < 6; i++) t.equal((await publish('without a pod')).status, 202);
  await pod?.start();
  // nginx has never taken the pod for dead
  clients.push(...(await connectAll(4)));
  t.ok((await connections(pod as NamedPod)) >= 4);
  await end(clients);
});

t.test('when a URL has a token, then no log of nginx has it, also with a pod down', async (t) => {
  const [pod] = pods;
  await pod?.kill();
  const clients: Client[] = [];
  for (let i = 0; i < 3; i++) clients.push(await connect('/ws/general?token=very.secret.one'));
  t.equal((await http(nginx.port, `${BASE}/ws/stats?token=very.secret.two`)).status, 200);
  await end(clients);
  await pod?.start();
  await until('the lines of the sockets', () =>
    nginx.accessLog().some((line) => line.includes('"upstream_status":"502, 101"')),
  );
  const line = nginx.accessLog().find((text) => text.includes('502, 101')) ?? '';
  t.match(JSON.parse(line), { method: 'GET', path: `${BASE}/ws/general`, status: '101' });
  t.notMatch(nginx.accessLog().join('\n') + nginx.errorLog(), 'secret');
});

t.test('when nginx is reloaded and the pods restarted, then clients move unharmed', async (t) => {
  const clients = await connectAll(6);
  const before = nginx.workers();
  await nginx.reload();
  const [publisher, ...others] = clients;
  publisher?.send({ type: 'chat', room: 'general', data: 'after the reload' });
  for (const client of others) await client.received({ data: 'after the reload' });
  t.ok(
    clients.every(({ socket }) => socket.readyState === 1),
    'nobody was disconnected',
  );
  t.strictSame(
    before.filter((pid) => nginx.workers().includes(pid)),
    before,
    'the old workers keep the sockets',
  );
  for (const pod of pods) {
    t.equal(await pod.drain(), 0);
    await pod.start();
  }
  const codes = await Promise.all(clients.map(({ closed }) => closed()));
  t.strictSame([...new Set(codes)], [1001]);
  await until('the old workers end', () => !before.some((pid) => nginx.workers().includes(pid)));
});
