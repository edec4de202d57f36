/** Messages as clients meet them: fields, ids, order, acks. One pod without Redis, real sockets. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { type Message, positionOf } from '../support/client.js';
import { startPod } from '../support/pod.js';
import { until } from '../support/redis.js';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const data = (message: Message): Readonly<Record<string, unknown>> =>
  message.data as Readonly<Record<string, unknown>>;

t.test(
  'when a client sends a chat, then every member of the room gets the same text with six fields',
  async (t) => {
    const pod = await startPod(t);
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    const before = Date.now();
    alice.send({
      type: 'chat',
      data: { content: 'hi' },
      from: 'bob',
      timestamp: 'never',
      offset: 7,
      extra: 1,
    });
    const message = await bob.received({ type: 'chat' });
    t.strictSame(Object.keys(message), ['id', 'type', 'room', 'from', 'data', 'timestamp']);
    t.match(message, { type: 'chat', room: 'general', from: alice.name, data: { content: 'hi' } });
    t.match(message.timestamp, ISO);
    t.ok(
      Date.parse(message.timestamp) >= before - 1 && Date.parse(message.timestamp) <= Date.now(),
    );
    t.strictSame(await alice.received({ type: 'chat' }), message, 'the sender gets it too');
    await alice.caughtUp();
    t.equal(alice.all({ type: 'chat' }).length, 1, 'once');
  },
);

t.test('when data is any JSON value, then every member gets an equal one', async (t) => {
  const pod = await startPod(t, { limits: { rateLimitBurst: 1000 } });
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  const texts = [
    'null',
    'true',
    '0',
    '""',
    '[]',
    '{}',
    '-0.5e-7',
    '9007199254740992',
    '"<script>alert(1)</script>"',
    '"\u202e rtl"',
    '"👩‍👩‍👧‍👦 \\ud83d\\ude00"',
    JSON.stringify(`a${'\u0301'.repeat(10_000)}`),
    '{"__proto__":{"a":1},"constructor":1,"toString":2}',
    '"${jndi:ldap://x} %s %n\\r\\n"',
    `${'['.repeat(32)}${']'.repeat(32)}`,
  ];
  for (const text of texts) {
    alice.send(`{"type":"chat","data":${text}}`);
    const { data } = await bob.received({ type: 'chat' });
    const sent: unknown = JSON.parse(text);
    t.strictSame(data, sent, text.slice(0, 60));
    t.equal(JSON.stringify(data), JSON.stringify(sent), `${text.slice(0, 60)}, key by key`);
  }
});

t.test(
  'when messages are published, then their ids are UUIDv7 with offsets without holes, sorted as delivered',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws/general');
    const bob = await pod.connect('/ws/other');
    for (let i = 0; i < 50; i++) alice.send({ type: 'chat', data: i });
    bob.send({ type: 'chat', data: 'first' });
    alice.send({ type: 'chat', room: '', data: 'global' });
    await alice.received({ data: 49 });
    const first = await bob.received({ data: 'first' });
    const chats = alice.all({ type: 'chat', room: 'general' });
    t.strictSame(
      chats.map(({ data }) => data),
      Array.from({ length: 50 }, (_, i) => i),
      'in order',
    );
    const ids = chats.map(positionOf);
    t.strictSame(
      ids.map(({ offset }) => offset),
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    t.equal(new Set(ids.map(({ tag }) => tag)).size, 1);
    t.ok(ids.every(({ tag, global, outside }) => tag > 0 && tag < 4096 && !global && !outside));
    t.strictSame(
      chats.map(({ id }) => id).toSorted(),
      chats.map(({ id }) => id),
      'they sort as text',
    );
    t.ok(
      chats.every(
        ({ id, timestamp }) =>
          Math.abs(Number.parseInt(id.replace('-', '').slice(0, 12), 16) - Date.parse(timestamp)) <
          1000,
      ),
    );
    t.equal(positionOf(first).offset, 1, 'each room counts for itself');
    t.match(positionOf(await bob.received({ data: 'global' })), {
      offset: 1,
      global: true,
      outside: false,
    });
  },
);

const isGlobal = (message: Message): boolean =>
  message.room === undefined && data(message)['event'] === 'joined';

t.test(
  'when a message is outside the log, then its id says so and carries the offset last sent',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws/general');
    for (const message of alice.messages) {
      t.match(
        positionOf(message),
        { outside: true, offset: 0, global: isGlobal(message) },
        JSON.stringify(message.data),
      );
      t.ok(positionOf(message).tag > 0);
      t.equal(message.from, 'server');
      t.match(message.timestamp, ISO);
    }
    t.strictSame(
      alice.messages.map((message) => [
        message.room,
        data(message)['event'],
        data(message)['room'],
      ]),
      [
        [undefined, 'welcome', undefined],
        [undefined, 'joined', undefined],
        ['general', 'joined', 'general'],
      ],
      'a control message is of the log that its data.room names',
    );
    for (let i = 0; i < 3; i++) alice.send({ type: 'chat', data: i });
    const last = await alice.received({ type: 'chat', data: 2 });
    alice.send({ type: 'join', room: 'general', id: 'again' });
    const joined = await alice.received({ data: { event: 'joined', ref: 'again' } });
    t.match(joined, { room: 'general', data: { position: last.id, room: 'general' } });
    t.match(positionOf(joined), {
      outside: true,
      offset: 3,
      tag: positionOf(last).tag,
      global: false,
    });
    alice.send({ type: 'ping' });
    t.match(
      positionOf(await alice.received({ type: 'pong' })),
      { outside: true, offset: 3, global: false },
      "a pong is of the log of the URL's room",
    );
    const bob = await pod.connect('/ws/general');
    t.match(positionOf(await alice.received({ type: 'presence' })), {
      outside: true,
      offset: 3,
      global: false,
    });
    t.match(positionOf(bob.messages.find((message) => message.room === 'general')!), {
      offset: 3,
      tag: positionOf(last).tag,
    });
  },
);

t.test(
  'when a message has no room, then it is of the room in the URL; `""` and null are global',
  async (t) => {
    const pod = await startPod(t);
    const [inRoom, nowhere] = [await pod.connect('/ws/general'), await pod.connect('/ws')];
    inRoom.send({ type: 'chat', data: 'home' });
    inRoom.send({ type: 'chat', room: '', data: 'empty' });
    inRoom.send({ type: 'chat', room: null, data: 'null' });
    nowhere.send({ type: 'chat', data: 'absent' });
    t.equal((await inRoom.received({ data: 'home' })).room, 'general');
    for (const client of [inRoom, nowhere]) {
      for (const text of ['empty', 'null', 'absent']) {
        const message = await client.received({ data: text });
        t.notOk('room' in message, 'a global message carries no room');
        t.equal(positionOf(message).global, true);
      }
    }
    t.equal(nowhere.all({ data: 'home' }).length, 0);
  },
);

t.test(
  'when a message is global, then every connection gets it once and in one order',
  async (t) => {
    const pod = await startPod(t);
    const clients = await Promise.all(
      ['/ws', '/ws/a', '/ws/b', '/ws?room=c'].map((path) => pod.connect(path)),
    );
    for (const [i, client] of clients.entries()) client.send({ type: 'chat', room: '', data: i });
    const orders = await Promise.all(
      clients.map(async (client) => {
        for (const i of clients.keys()) await client.received({ data: i });
        await client.caughtUp();
        return client.all({ type: 'chat' }).map(({ id }) => id);
      }),
    );
    for (const order of orders) t.strictSame(order, orders[0]);
    t.equal(orders[0]?.length, 4);
  },
);

t.test('when many clients send at once, then all members of a room get one order', async (t) => {
  const pod = await startPod(t);
  const clients = await Promise.all(Array.from({ length: 8 }, () => pod.connect('/ws/general')));
  for (let i = 0; i < 20; i++)
    for (const [who, client] of clients.entries())
      client.send({ type: 'chat', data: `${who}.${i}` });
  await Promise.all(
    clients.map((client) => until('all of it', () => client.all({ type: 'chat' }).length >= 160)),
  );
  const orders = clients.map((client) => client.all({ type: 'chat' }).map(({ id }) => id));
  for (const order of orders) t.strictSame(order, orders[0]);
  t.equal(new Set(orders[0]).size, 160);
  for (const who of clients.keys()) {
    t.strictSame(
      clients[0]!.all({ data: new RegExp(`^${who}\\.`) }).map(({ data }) => data),
      Array.from({ length: 20 }, (_, i) => `${who}.${i}`),
      'and of one sender the order in which it spoke',
    );
  }
});

t.test(
  'when a message has an `id`, then its sender alone gets `ack`, with it as `ref` and the id of the message',
  async (t) => {
    const pod = await startPod(t);
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    alice.send({ type: 'chat', id: 'm-1', data: 'with' });
    const ack = await alice.received({ data: { event: 'ack' } });
    const message = await bob.received({ data: 'with' });
    t.strictSame(ack.data, { event: 'ack', ref: 'm-1', id: message.id, duplicate: false });
    t.not(message.id, 'm-1');
    alice.send({ type: 'chat', data: 'without' });
    await alice.received({ data: 'without' });
    await alice.caughtUp();
    t.equal(alice.all({ data: { event: 'ack' } }).length, 1);
    t.equal(bob.all({ data: { event: 'ack' } }).length, 0);
  },
);

t.test(
  'when a UUID is sent twice in a room, then the message is delivered once and acknowledged twice',
  async (t) => {
    const pod = await startPod(t);
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    const id = randomUUID();
    alice.send({ type: 'chat', id, data: { a: 1 } });
    const first = await alice.received({ data: { event: 'ack', ref: id } });
    alice.send({ type: 'chat', id, data: { a: 1 } });
    t.strictSame((await alice.received({ data: { event: 'ack', ref: id } })).data, {
      ...data(first),
      duplicate: true,
    });
    const again = await pod.connect('/ws/general', { as: alice });
    again.send({ type: 'chat', id, data: { a: 1 } });
    t.match(
      await again.received({ data: { event: 'ack' } }),
      { data: { duplicate: true, id: data(first)['id'] } },
      'after a reconnect too',
    );
    alice.send({ type: 'chat', id, data: { a: 2 } });
    t.match(await alice.received({ type: 'error' }), {
      data: { code: 'invalid_message', ref: id, message: /^id: / },
    });
    alice.send({ type: 'join', room: 'other' });
    alice.send({ type: 'chat', room: 'other', id, data: { a: 1 } });
    t.match(
      await alice.received({ data: { event: 'ack' } }),
      { data: { duplicate: false } },
      'another room has its own keys',
    );
    alice.send({ type: 'chat', data: 'end' });
    await bob.received({ data: 'end' });
    t.strictSame(
      bob.all({ type: 'chat' }).map((message) => positionOf(message).offset),
      [1, 2],
      'and no hole',
    );
    for (let i = 0; i < 2; i++) alice.send({ type: 'chat', id: 'not a uuid', data: i });
    const answers: unknown[] = [];
    for (let i = 0; i < 2; i++)
      answers.push((await alice.received({ data: { ref: 'not a uuid' } })).data);
    t.match(
      answers,
      [
        { event: 'ack', duplicate: false },
        alice.userId === null
          ? { event: 'ack', duplicate: false }
          : { code: 'invalid_message', message: /^id: / },
      ],
      'of a user any text is one, of nobody in particular a UUID alone',
    );
    const newcomer = await pod.connect('/ws/general');
    newcomer.send({ type: 'chat', id, data: { a: 1 } });
    t.match(
      await newcomer.received({ data: { event: 'ack' } }),
      { data: { duplicate: newcomer.userId === null } },
      "a user's keys are nobody else's",
    );
  },
);
