/** What a program that embeds the service can rely on: its server is given back, `stop` is one, `publish` says no in words. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLeft } from 'fp-ts/lib/Either.js';
import t, { type Test } from 'tap';
import { type App, app, configOf, type Notice } from '../lib/index.js';
import { ACCESS } from './support/credentials.js';
import { doorsOf, startPod } from './support/pod.js';
import { handshakeOf } from './support/raw-client.js';
import { until } from './support/redis.js';

const ownServer = async (t: Test): Promise<Server & { readonly port: number }> => {
  const server = createServer((_request, response) => response.writeHead(418).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
};

const embedded = async (t: Test, server: Server): Promise<App> => {
  const config = configOf({ server: { drainMs: 1_000 }, access: ACCESS });
  if (isLeft(config)) throw new Error(JSON.stringify(config.left));
  const chat = app({ config: config.right, server });
  await chat.start();
  t.teardown(() => chat.stop({ hurry: true }));
  return chat;
};

t.test('a server that was lent is given back: another app can run on it', async (t) => {
  const server = await ownServer(t);
  const doors = doorsOf(t, server.port);
  const first = await embedded(t, server);
  const a = await doors.connect('/ws/r');
  const stopped = first.stop();
  const late = await doors.raw();
  late.write(handshakeOf('/api/chat-api/ws'));
  t.equal((await late.answer()).status, 503, 'while it drains, the door says so');
  t.equal(await a.closed(), 1001);
  await stopped;
  t.equal(server.listenerCount('upgrade'), 0);
  for (let i = 0; i < 3; i++) {
    const next = await embedded(t, server);
    const b = await doors.connect('/ws/r');
    b.send({ type: 'chat', data: i });
    await b.heard({ type: 'chat', data: i });
    await next.stop({ hurry: true });
    t.equal(await b.closed(), 1001);
  }
  t.equal(server.listenerCount('upgrade'), 0);
  t.equal((await doors.get('/theirs')).status, 418, 'the program goes on');
});

t.test(
  'stop is one: whoever asks again waits for the same end, and hurry hurries it',
  async (t) => {
    const pod = await startPod(t, { server: { drainMs: 10_000 } });
    const clients = await Promise.all([1, 2, 3].map(() => pod.connect('/ws/r')));
    const began = performance.now();
    let ended = 0;
    const count = (): void => {
      ended += 1;
    };
    const all = [pod.app.stop().then(count), pod.app.stop().then(count)];
    await clients[0]?.heard({ data: { event: 'draining' } });
    t.equal(ended, 0, 'asked again, it has not ended yet');
    all.push(pod.app.stop({ hurry: true }).then(count));
    for (const client of clients) t.equal(await client.closed(), 1001);
    await Promise.all(all);
    t.ok(performance.now() - began < 2_000, 'long before the drain would have ended');
    await pod.app.stop({ hurry: true });
    t.equal(pod.connections(), 0);
  },
);

t.test('what is no message is refused in words, whatever the types say', async (t) => {
  const pod = await startPod(t);
  const a = await pod.connect('/ws/r');
  const wrong: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{ type: 'error', data: 1 }, /^type: expected chat, notification or system/],
    [{ type: 'presence', data: { status: 'online' } }, /^type: /],
    [{ type: 'toString', data: 1 }, /^type: /],
    [{ type: 5, data: 1 }, /^type: /],
    [{ from: 7, data: 1 }, /^from: expected a text, got a number/],
    [{ from: '', data: 1 }, /^from: /],
    [{ from: 'a\u0000', data: 1 }, /^from: /],
    [{ from: null, data: 1 }, /^from: /],
    [{ room: 5, data: 1 }, /^room: /],
    [{ room: 'stats', data: 1 }, /^room: /],
    [{ key: 5, data: 1 }, /^key: expected a text, got a number/],
    [{ key: '', data: 1 }, /^key: /],
    [{}, /^data: /],
    [{ type: 'system', data: { event: 'ack' } }, /^data\.event: /],
  ];
  for (const [notice, why] of wrong)
    await t.rejects(pod.app.publish({ room: 'r', ...notice } as unknown as Notice), {
      name: 'TypeError',
      message: why,
    });
  t.match(await pod.app.publish({ room: 'r', data: 'well' }), { scope: 'cluster' });
  await a.heard({ type: 'notification', from: 'server', data: 'well' });
  t.equal(a.all({ type: 'notification' }).length, 1, 'and nothing else came through');
});

t.test('after its end an app takes nothing more', async (t) => {
  const pod = await startPod(t);
  await pod.app.stop({ hurry: true });
  await t.rejects(pod.app.publish({ room: 'r', data: 1 }), { message: /got one that has ended/ });
  await t.rejects(pod.app.start(), { message: /got one that has ended/ });
  await until('it is down', async () =>
    pod.get('/health').then(
      () => false,
      () => true,
    ),
  );
});
