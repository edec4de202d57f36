/** The programs in `examples/`, each run as its reader would, and what the package exports once it is built. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { BASE, build, type Doors, doorsOf, type Running, run } from './support/pod.js';
import { until } from './support/redis.js';
import { ROOT } from './support/root.js';

const EXAMPLES = join(ROOT, 'examples');

/** Servers that chat is put into, each with a route of its own that speaks of the chat, or to it. */
const RECIPES: readonly {
  readonly name: string;
  readonly route: string;
  readonly body?: string;
}[] = [
  { name: 'embedded', route: '/chat-stats' },
  { name: 'express', route: '/orders', body: '{"id":"o-17"}' },
  { name: 'fastify', route: '/orders', body: '{"id":"o-17"}' },
  { name: 'hono', route: '/orders', body: '{"id":"o-17"}' },
  { name: 'nest', route: '/orders', body: '{"id":"o-17"}' },
];

const EXAMPLE_NAMES = [
  ...RECIPES.map(({ name }) => name),
  'notification-sender',
  'profanity-filter',
];

/** Examples that publish under a key: `POST /orders`, where the id of the order is the key. */
const PUBLISHERS = ['express', 'fastify', 'hono', 'nest', 'notification-sender'];

const start = async (t: Test, name: string): Promise<Running & { readonly doors: Doors }> => {
  const env = { PORT: '0', DRAIN_MS: '1000' };
  const running = run(t, ['--import', 'tsx', `examples/${name}.ts`], env, /port (\d+)/);
  return { ...running, doors: doorsOf(t, await running.port()) };
};

const endsWell = async (t: Test, example: Running): Promise<void> => {
  example.signal('SIGTERM');
  t.equal(await example.ended(), 0);
  t.equal(example.stderr(), '');
};

t.test('when the examples are listed, then each is short and has a spec here', async (t) => {
  const programs = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts'));
  t.strictSame(programs.toSorted(), EXAMPLE_NAMES.map((name) => `${name}.ts`).toSorted());
  for (const name of programs) {
    const text = readFileSync(join(EXAMPLES, name), 'utf8');
    t.ok(text.split('\n').length <= 110, name);
    t.match(text, `npx tsx examples/${name}`, 'it says how to run it');
  }
});

for (const { name, route, body } of RECIPES)
  t.test(
    `when ${name} is started, then it chats beside its routes, and SIGTERM ends it in order`,
    async (t) => {
      const example = await start(t, name);
      t.match(await example.doors.get('/'), { status: 200, body: /always here/ });
      const [alice, bob] = [
        await example.doors.connect('/ws/general'),
        await example.doors.connect('/ws/orders'),
      ];
      alice.send({ type: 'chat', id: 'm1', data: 'hi' });
      await alice.received({ type: 'chat', data: 'hi', from: alice.name });
      await alice.received({ data: { event: 'ack', ref: 'm1' } });
      const port = String(example.doors.port);
      const answer = await fetch(`http://127.0.0.1:${port}${route}`, {
        ...(body === undefined
          ? {}
          : { method: 'POST', body, headers: { 'Content-Type': 'application/json' } }),
      });
      const answered: unknown = await answer.json();
      if (body === undefined) t.match(answered, { connections: 2, rooms: 2, messages_received: 1 });
      else {
        const received = await Promise.any([
          alice.received({ type: 'notification' }),
          bob.received({ type: 'notification' }),
        ]);
        t.strictSame(answered, { id: received.id, duplicate: false, scope: 'cluster' });
      }
      example.signal('SIGTERM');
      await alice.received({ data: { event: 'draining' } });
      t.equal(await alice.closed(), 1001);
      t.equal(await bob.closed(), 1001);
      t.equal(await example.ended(), 0);
      t.equal(example.stderr(), '');
    },
  );

for (const name of PUBLISHERS)
  t.test(`when ${name} refuses a request, then the answer is a text and no stack`, async (t) => {
    const example = await start(t, name);
    const order = async (body: string): Promise<readonly [status: number, text: string]> => {
      const response = await fetch(`http://127.0.0.1:${example.doors.port}/orders`, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json', connection: 'close' },
      });
      return [response.status, await response.text()];
    };
    t.match(await order('{"id":"o-17","total":42}'), [202, /"duplicate":false/]);
    t.match(await order('{"id":"o-17","total":42}'), [202, /"duplicate":true/]);
    const refused = [
      [409, await order('{"id":"o-17","total":43}')],
      [400, await order('{"id":17}')],
      [400, await order('{"id":""}')],
      [400, await order('{"id":')],
      [400, await order('')],
    ] as const;
    for (const [expected, [status, text]] of refused) {
      t.equal(status, expected, text);
      t.notMatch(text, /node_modules|\n +at |<pre>/);
      t.match(JSON.parse(text), Object);
    }
    t.match(refused[0][1][1], /key: .*use a new key/);
    await endsWell(t, example);
  });

for (const name of EXAMPLE_NAMES)
  t.test(
    `when Ctrl-C stops ${name}, then clients are closed with 1001 and it exits with 0`,
    async (t) => {
      const example = await start(t, name);
      const alice = await example.doors.connect('/ws/general');
      example.signal('SIGINT');
      t.equal(await alice.closed(), 1001);
      t.equal(await example.ended(), 0);
      t.equal(example.stderr(), '');
    },
  );

t.test('when the profanity filter runs, then it changes, refuses and drops messages', async (t) => {
  const example = await start(t, 'profanity-filter');
  const [alice, bob] = [
    await example.doors.connect('/ws/general'),
    await example.doors.connect('/ws/general'),
  ];
  t.match(await alice.received({ type: 'notification' }), {
    from: 'server',
    data: { content: /language/ },
  });
  alice.send({
    type: 'chat',
    id: 'm1',
    data: { content: 'Darn it, what the heck', colour: 'red' },
  });
  t.strictSame((await bob.received({ type: 'chat' })).data, {
    content: '**** it, what the ****',
    colour: 'red',
  });
  await alice.received({ data: { event: 'ack', ref: 'm1' } });
  alice.send({ type: 'chat', id: 'm2', data: { content: 'Buy now!' } });
  t.match(await alice.received({ type: 'error' }), {
    data: { code: 'rejected', message: 'no advertising here', ref: 'm2' },
  });
  alice.send({ type: 'chat', data: 7 });
  t.match(await alice.received({ type: 'error' }), {
    data: { code: 'rejected', message: /^data\.content/ },
  });
  // no other way around it
  bob.send({ type: 'presence', data: { status: 'away', content: 'darn' } });
  await alice.received({ type: 'presence', data: { status: 'away', content: '****' } });
  const posted = await fetch(`http://127.0.0.1:${example.doors.port}/api/chat-api/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ room: 'general', data: { content: 'darn, buy now' } }),
  });
  t.equal(posted.status, 422);
  alice.send({ type: 'chat', id: 'm3', data: { content: ' ' } });
  alice.send({ type: 'chat', data: { content: 'end' } });
  await bob.received({ data: { content: 'end' } });
  await alice.caughtUp();
  t.equal(bob.all({ type: 'chat' }).length, 2);
  t.strictSame(
    alice.all({ data: { ref: 'm3' } }).map(({ data }) => data),
    [{ event: 'ack', ref: 'm3', duplicate: false }],
  );
  t.equal(alice.all({ type: 'error' }).length, 2);
  await bob.close();
  await alice.close();
  await endsWell(t, example);
});

t.test(
  'when an order comes over HTTP, then the notification sender publishes it to the room once',
  async (t) => {
    const example = await start(t, 'notification-sender');
    const [clerk, visitor] = [
      await example.doors.connect('/ws/orders'),
      await example.doors.connect('/ws'),
    ];
    const order = async (body: string): Promise<readonly [number, unknown]> => {
      const response = await fetch(`http://127.0.0.1:${example.doors.port}/orders`, {
        method: 'POST',
        body,
        headers: { connection: 'close' },
      });
      return [response.status, await response.json()];
    };
    const [status, answer] = await order('{"id":"o-17","total":42}');
    t.equal(status, 202);
    const message = await clerk.received({ type: 'notification' });
    t.match(message, { room: 'orders', from: 'shop', data: { id: 'o-17', total: 42 } });
    t.strictSame(answer, { message: message.id, duplicate: false });
    t.strictSame(await order('{"id":"o-17","total":42}'), [
      202,
      { message: message.id, duplicate: true },
    ]);
    t.equal((await order('{"id":"o-17","total":43}'))[0], 409);
    t.equal((await order('{"id":17}'))[0], 400);
    t.equal((await order('nonsense'))[0], 400);
    t.equal((await example.doors.get('/orders')).status, 405);
    await clerk.caughtUp();
    await visitor.caughtUp();
    t.equal(clerk.all({ type: 'notification' }).length, 1);
    t.equal(visitor.all({ type: 'notification' }).length, 0);
    await clerk.close();
    await visitor.close();
    await endsWell(t, example);
  },
);

t.test('when the package is built, then it exports what the examples import', async (t) => {
  await build();
  const program = `
    import { app, configOf, reject } from 'chat-api';
    const config = configOf({ server: { port: 0 } });
    const chat = app({ config: config.right, hooks: { onMessage: () => reject('no') } });
    const { port } = await chat.start();
    console.log('port ' + port);
    process.once('SIGTERM', () => chat.stop());`;
  const running = run(t, ['--input-type=module', '--eval', program], {}, /port (\d+)/);
  const doors = doorsOf(t, await running.port());
  const alice = await doors.connect('/ws/general');
  alice.send({ type: 'chat', data: 1 });
  t.match(await alice.received({ type: 'error' }), { data: { code: 'rejected', message: 'no' } });
  await until('counted', async () => (await doors.get(`${BASE}/ws/stats`)).status === 200);
  await alice.close();
  await endsWell(t, running);
});
