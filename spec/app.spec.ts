/** What a program that embeds the service can rely on: its server is given back, `stop` is one, `publish` says no in words. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLeft } from 'fp-ts/lib/Either.js';
import t, { type Test } from 'tap';
import {
  type App,
  type AppOptions,
  app,
  configOf,
  configOrThrow,
  type Hooks,
  type Notice,
} from '../lib/index.js';
import { ACCESS } from './support/credentials.js';
import { doorsOf, startPod } from './support/pod.js';
import { handshakeOf } from './support/raw-client.js';
import { until } from './support/redis.js';
import { virtualClock } from './support/virtual-clock.js';

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
    [{ type: 'error', data: 1 }, /^type: send chat, notification or system/],
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
  for (const [notice, message] of [
    [{ data: 1 }, 'room: name the room, or null for everybody'],
    [{ room: undefined, data: 1 }, 'room: name the room, or null for everybody'],
    [{ romm: 'r', data: 1 }, 'romm: no field of a message; there are room, type, from, data, key'],
    [{ room: 'r', data: 1, kye: 'k' }, 'kye: no field of a message; there are'],
    [{ room: 'r', data: [1n] }, 'data'],
  ] as const)
    await t.rejects(pod.app.publish(notice as unknown as Notice), {
      name: 'TypeError',
      message: new RegExp(`^${message}`),
    });
  for (const [notice, kind] of [
    [null, 'null'],
    [undefined, 'nothing'],
    ['x', 'a string'],
    [5, 'a number'],
    [[], 'an array'],
  ] as const)
    await t.rejects(pod.app.publish(notice as unknown as Notice), {
      name: 'TypeError',
      message: `expected a message, such as { room: 'general', data: 'hello' }, got ${kind}`,
    });
  for (const room of [null, ''])
    t.match(await pod.app.publish({ room, data: 'to all' }), { scope: 'cluster' });
  t.match(await pod.app.publish({ room: 'r', data: 'well' }), { scope: 'cluster' });
  await a.heard({ type: 'notification', from: 'server', data: 'well' });
  t.equal(a.all({ type: 'notification' }).length, 3, 'and nothing else came through');
});

const configured = (overrides: NonNullable<Parameters<typeof configOf>[0]>): AppOptions => {
  const config = configOf({ access: ACCESS, ...overrides });
  if (isLeft(config)) throw new Error(JSON.stringify(config.left));
  return { config: config.right };
};

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
      message: 'the app has not started: await start() before publishing',
    });
    await chat.stop();
    await t.rejects(chat.start(), { message: /has ended/ });
    await t.rejects(chat.publish({ room: 'r', data: 1 }), { message: /has ended/ });
    t.equal(connections, 0);
  },
);

t.test('when start is asked for twice, then it is one start', async (t) => {
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
  'when stop comes while start is under way, then both settle and nothing is left',
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

t.test('when data is more than JSON can say, then a TypeError names the path', async (t) => {
  class Order {
    readonly total = 1;
    get id(): string {
      return 'o-17';
    }
  }
  const pod = await startPod(t);
  const alice = await pod.connect('/ws/r');
  const wrong: readonly (readonly [unknown, string])[] = [
    [new Map([['a', 1]]), 'data: expected a plain object or an array, got an instance of Map; '],
    [
      { lines: [1, new Set([1])] },
      'data.lines[1]: expected a plain object or an array, got an instance of Set; ',
    ],
    [
      { order: new Order() },
      'data.order: expected a plain object or an array, got an instance of Order; ',
    ],
    [
      { 'a b': /x/ },
      'data["a b"]: expected a plain object or an array, got an instance of RegExp; ',
    ],
    [
      { error: new Error('x') },
      'data.error: expected a plain object or an array, got an instance of Error; ',
    ],
    [
      new Uint8Array(2),
      'data: expected a plain object or an array, got an instance of Uint8Array; ',
    ],
    [{ f: () => 1 }, 'data.f: expected a JSON value, got a function; leave it out'],
    [[1n], 'data: a bigint is no JSON value; send it as a string'],
    [{ list: [1, undefined] }, 'data.list[1]: expected a JSON value, got nothing; '],
    [{ own: { toJSON: () => ({ deep: new Map() }) } }, 'data.own.deep: expected a plain object'],
    [{ own: { toJSON: () => '\u0000' } }, 'data.own: remove the character U+0000'],
  ];
  for (const [data, text] of wrong)
    await t.rejects(pod.app.publish({ room: 'r', data }), {
      name: 'TypeError',
      message: new RegExp(`^${text.replaceAll(/[[\].+]/g, '\\$&')}`),
    });
  const at = new Date(0);
  const fit: unknown = {
    at,
    url: new URL('http://a/'),
    no: undefined,
    bare: Object.create(null) as object,
  };
  await pod.app.publish({ room: 'r', data: fit });
  t.strictSame((await alice.heard({ type: 'notification' })).data, {
    at: '1970-01-01T00:00:00.000Z',
    url: 'http://a/',
    bare: {},
  });
  t.equal(alice.all({ type: 'notification' }).length, 1);
});

t.test('when a message was published, then its receipt is a plain object', async (t) => {
  const pod = await startPod(t);
  const first = await pod.app.publish({ room: 'r', data: 1, key: 'k' });
  const again = await pod.app.publish({ room: 'r', data: 1, key: 'k' });
  t.strictSame(Object.keys(first), ['id', 'duplicate', 'scope']);
  t.strictSame(JSON.parse(JSON.stringify(first)), {
    id: first.id,
    duplicate: false,
    scope: 'cluster',
  });
  t.strictSame(structuredClone(again), { id: first.id, duplicate: true, scope: 'cluster' });
  for (const receipt of [first, again]) t.equal(Object.getPrototypeOf(receipt), Object.prototype);
  await t.rejects(pod.app.publish({ room: 'r', data: 2, key: 'k' }), {
    message: 'key: already used for other data; use a new key',
  });
});

t.test('after its end an app takes nothing more', async (t) => {
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
  'when an app is made of something else, then a TypeError names what is expected',
  async (t) => {
    const config = configOrThrow();
    const wrong: readonly (readonly [options: unknown, why: RegExp])[] = [
      [undefined, /^options: expected an object with `config`, got nothing/],
      [null, /^options: .* got null/],
      ['x', /^options: .* got a string/],
      [{}, /^config: expected a configuration, as configOrThrow/],
      [{ config: null }, /^config: /],
      [{ config: configOf() }, /^config: .*`right`/],
      [{ config, hooks: null }, /^hooks: expected an object of functions, got null/],
      [
        { config, hooks: { onMessage: 'x' } },
        /^hooks\.onMessage: expected a function, got a string/,
      ],
      [{ config, onEvent: null }, /^onEvent: expected a function, got null/],
      [{ config, server: null }, /^server: expected an HTTP server/],
    ];
    for (const [options, message] of wrong)
      t.throws(() => app(options as AppOptions), { name: 'TypeError', message });
    const chat = app({ config, hooks: { onMessage: undefined } as unknown as Hooks });
    await chat.stop(null as unknown as undefined);
  },
);

t.test('when a key is a UUID in capitals, then it is the same key', async (t) => {
  const pod = await startPod(t);
  const key = 'F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6';
  const first = await pod.app.publish({ room: 'r', data: 1, key });
  const again = await pod.app.publish({ room: 'r', data: 1, key: key.toLowerCase() });
  t.match(again, { id: first.id, duplicate: true });
  t.match(await pod.app.publish({ room: 'r', data: 1, key: 'K' }), { duplicate: false });
  t.match(await pod.app.publish({ room: 'r', data: 1, key: 'k' }), { duplicate: false });
});
