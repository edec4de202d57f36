/**
 * What a program that embeds the service can rely on: its server is released, `stop` ends everything once,
 * `publish` rejects with a reason.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLeft } from 'fp-ts/lib/Either.js';
import t from 'tap';
import {
  app,
  type AppOptions,
  type Broker,
  configOf,
  configOrThrow,
  type Hooks,
  localBroker,
} from '../lib/index.js';
import { ACCESS } from './support/credentials.js';
import { configured, embedded, ownServer } from './support/embedded-app.js';
import { doorsOf, startPod } from './support/pod.js';
import { handshakeOf } from './support/raw-client.js';
import { until } from './support/redis.js';
import { virtualClock } from './support/virtual-clock.js';

t.test('when an app on a lent server ends, then another app can run on the server', async (t) => {
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
    await b.received({ type: 'chat', data: i });
    await next.stop({ hurry: true });
    t.equal(await b.closed(), 1001);
  }
  t.equal(server.listenerCount('upgrade'), 0);
  t.equal((await doors.get('/theirs')).status, 418, 'the program goes on');
});

t.test(
  'when stop is called again, then both calls resolve at the same end, and hurry shortens it',
  async (t) => {
    const pod = await startPod(t, { server: { drainMs: 10_000 } });
    const clients = await Promise.all([1, 2, 3].map(() => pod.connect('/ws/r')));
    const began = performance.now();
    let ended = 0;
    const count = (): void => {
      ended += 1;
    };
    const all = [pod.app.stop().then(count), pod.app.stop().then(count)];
    await clients[0]?.received({ data: { event: 'draining' } });
    t.equal(ended, 0, 'asked again, it has not ended yet');
    all.push(pod.app.stop({ hurry: true }).then(count));
    for (const client of clients) t.equal(await client.closed(), 1001);
    await Promise.all(all);
    t.ok(performance.now() - began < 2_000, 'long before the drain would have ended');
    await pod.app.stop({ hurry: true });
    t.equal(pod.connections(), 0);
  },
);

t.test(
  'when an app was not started, then it connects to nothing and keeps nothing alive',
  async (t) => {
    const redis = createTcpServer((socket) => socket.destroy());
    redis.listen(0, '127.0.0.1');
    await once(redis, 'listening');
    t.teardown(() => redis.close());
    let connections = 0;
    redis.on('connection', () => connections++);
    const { port } = redis.address() as AddressInfo;
    const clock = virtualClock(1);
    const chat = app({
      ...configured({ broker: { redisUrl: `redis://127.0.0.1:${port}` } }),
      clock,
    });
    const server = createServer();
    app({ ...configured({}), server, clock });
    await sleep(100);
    t.equal(clock.pending(), 0);
    t.notMatch(process.getActiveResourcesInfo().join(), /Timeout|Immediate|TCPSocket/);
    t.equal(connections, 0);
    t.equal(server.listenerCount('upgrade'), 0);
    t.match(chat.stats(), { connections: 0, rooms: 0, uptime_s: 0, broker: 'redis' });
    t.equal(chat.readiness(), 'starting');
    t.equal(await chat.metrics(), '');
    await t.rejects(chat.publish({ room: 'r', data: 1 }), {
      code: 'not_started',
      message: 'the app has not started: await start() before publishing',
    });
    await chat.stop();
    await t.rejects(chat.start(), { message: /has ended/ });
    await t.rejects(chat.publish({ room: 'r', data: 1 }), { message: /has ended/ });
    t.equal(connections, 0);
  },
);

t.test('when start is called twice, then both calls return the same start', async (t) => {
  const chat = app(configured({ server: { port: 0 } }));
  t.teardown(() => chat.stop({ hurry: true }));
  const [first, second] = await Promise.all([chat.start(), chat.start()]);
  t.ok(first !== null && first.port > 0);
  t.equal(second, first);
  t.equal(await chat.start(), first);
});

t.test(
  'when the port is taken, then start rejects, leaves nothing behind, and may be tried again',
  async (t) => {
    const other = await ownServer(t);
    const redis = createTcpServer();
    const sockets = new Set<object>();
    redis.on('connection', (socket) => {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => sockets.delete(socket))
        .resume();
    });
    redis.listen(0, '127.0.0.1');
    await once(redis, 'listening');
    t.teardown(() => redis.close());
    const chat = app(
      configured({
        server: { port: other.port },
        broker: { redisUrl: `redis://127.0.0.1:${(redis.address() as AddressInfo).port}` },
      }),
    );
    t.teardown(() => chat.stop({ hurry: true }));
    await t.rejects(chat.start(), { code: 'EADDRINUSE' });
    await until('no connection to Redis is left', () => sockets.size === 0);
    await sleep(200);
    t.equal(sockets.size, 0);
    other.close();
    await once(other, 'close');
    t.match(await chat.start(), { port: other.port });
  },
);

t.test(
  'when stop is called while start is under way, then both settle and nothing is left',
  async (t) => {
    const chat = app(configured({ server: { port: 0 } }));
    const started = chat.start();
    const stopped = chat.stop();
    t.equal(chat.readiness(), 'draining');
    const address = await started;
    await stopped;
    await t.rejects(fetch(`http://127.0.0.1:${address?.port ?? 0}/health`));
  },
);

t.test('when an app has ended, then it takes no connection and no publish', async (t) => {
  const pod = await startPod(t);
  await pod.app.stop({ hurry: true });
  await t.rejects(pod.app.publish({ room: 'r', data: 1 }), { message: /has ended/ });
  await t.rejects(pod.app.start(), { message: /has ended/ });
  await until('it is down', async () =>
    pod.get('/health').then(
      () => false,
      () => true,
    ),
  );
});

t.test(
  'when a program brings a broker, then messages go through it, and it ends with the app',
  async (t) => {
    const seen: string[] = [];
    const own: AppOptions['broker'] = ({ clock, config }): Broker => {
      seen.push('made');
      const { publishNow: _, ...broker } = localBroker({
        clock,
        positionTtlMs: config.log.logPositionTtlMs,
      });
      return {
        ...broker,
        name: 'mine',
        publish: (draft) => {
          if (draft.type !== 'presence') seen.push(`${draft.type} ${draft.room}`);
          return broker.publish(draft);
        },
        close: () => {
          seen.push('closed');
          return broker.close();
        },
      };
    };
    const server = await ownServer(t);
    const config = configOf({ server: { drainMs: 1_000 }, access: ACCESS });
    if (isLeft(config)) throw new Error(JSON.stringify(config.left));
    const chat = app({ config: config.right, server, broker: own });
    t.equal(chat.stats().broker, 'own', 'before the start it has no name');
    t.strictSame(seen, [], 'and is not made');
    await chat.start();
    t.teardown(() => chat.stop({ hurry: true }));
    t.equal(chat.stats().broker, 'mine');
    const alice = await doorsOf(t, server.port).connect('/ws/r');
    alice.send({ type: 'chat', data: 1 });
    await alice.received({ type: 'chat', data: 1 });
    await chat.publish({ room: 'r', data: 2 });
    await alice.received({ type: 'notification', data: 2 });
    await chat.stop({ hurry: true });
    t.strictSame(seen, ['made', 'chat r', 'notification r', 'closed']);
  },
);

t.test('when a start fails, then its broker ends, and the next start makes another', async (t) => {
  const taken = createTcpServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const config = configOf({ server: { port, drainMs: 0 } });
  if (isLeft(config)) throw new Error(JSON.stringify(config.left));
  let made = 0;
  let closed = 0;
  const chat = app({
    config: config.right,
    broker: ({ clock }) => {
      made += 1;
      const broker = localBroker({ clock, positionTtlMs: 1_000 });
      return {
        ...broker,
        close: () => {
          closed += 1;
          return broker.close();
        },
      };
    },
  });
  await t.rejects(chat.start());
  t.strictSame([made, closed], [1, 1]);
  taken.close();
  await once(taken, 'close');
  await chat.start();
  await chat.stop({ hurry: true });
  t.strictSame([made, closed], [2, 2]);
});

t.test('when app() gets no valid options, then a TypeError names what is expected', async (t) => {
  const config = configOrThrow();
  const wrong: readonly (readonly [options: unknown, why: RegExp])[] = [
    [undefined, /^options: expected an object with `config`, got nothing/],
    [null, /^options: .* got null/],
    ['x', /^options: .* got a string/],
    [{}, /^config: expected a configuration from configOrThrow/],
    [{ config: null }, /^config: /],
    [{ config: configOf() }, /^config: .*`right`/],
    [{ config, hooks: null }, /^hooks: expected an object of functions, got null/],
    [{ config, hooks: { onMessage: 'x' } }, /^hooks\.onMessage: expected a function, got a string/],
    [{ config, onEvent: null }, /^onEvent: expected a function, got null/],
    [{ config, server: null }, /^server: expected an HTTP server/],
  ];
  for (const [options, message] of wrong)
    t.throws(() => app(options as AppOptions), { name: 'TypeError', message });
  const chat = app({ config, hooks: { onMessage: undefined } as unknown as Hooks });
  await chat.stop(null as unknown as undefined);
});
