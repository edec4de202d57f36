/** The contract's sections 1, 2 and 8 as clients meet them: one pod without Redis, real sockets. */
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { type Client, type Message, positionOf } from './support/client.js';
import { BASE, type HttpAnswer, startPod } from './support/pod.js';
import { handshakeOf } from './support/raw-client.js';
import { until } from './support/redis.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const data = (message: Message): Readonly<Record<string, unknown>> =>
  message.data as Readonly<Record<string, unknown>>;

/** An answer before the upgrade is a problem (RFC 9457). */
const isProblem = (t: Test, answer: HttpAnswer, status: number, what: string): void => {
  t.equal(answer.status, status, what);
  t.match(answer.headers['content-type'], 'application/problem+json', what);
  const problem = JSON.parse(answer.body) as Readonly<Record<string, unknown>>;
  t.equal(problem['status'], status, what);
  t.ok(typeof problem['title'] === 'string' && problem['title'] !== '', what);
  t.ok(typeof problem['detail'] === 'string' && problem['detail'] !== '', what);
};

t.test('a message has the six fields, and everybody in the room gets the same text', async (t) => {
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
  const message = await bob.heard({ type: 'chat' });
  t.strictSame(Object.keys(message), ['id', 'type', 'room', 'from', 'data', 'timestamp']);
  t.match(message, { type: 'chat', room: 'general', from: alice.name, data: { content: 'hi' } });
  t.match(message.timestamp, ISO);
  t.ok(Date.parse(message.timestamp) >= before - 1 && Date.parse(message.timestamp) <= Date.now());
  t.strictSame(await alice.heard({ type: 'chat' }), message, 'the sender gets it too');
  await alice.caughtUp();
  t.equal(alice.all({ type: 'chat' }).length, 1, 'once');
});

t.test('a value of data comes to everybody as an equal JSON value', async (t) => {
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
    const { data } = await bob.heard({ type: 'chat' });
    const said: unknown = JSON.parse(text);
    t.strictSame(data, said, text.slice(0, 60));
    t.equal(JSON.stringify(data), JSON.stringify(said), `${text.slice(0, 60)}, key by key`);
  }
});

t.test(
  'an id is a UUIDv7 that carries the position: offsets without holes, sorted as delivered',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws/general');
    const bob = await pod.connect('/ws/other');
    for (let i = 0; i < 50; i++) alice.send({ type: 'chat', data: i });
    bob.send({ type: 'chat', data: 'first' });
    alice.send({ type: 'chat', room: '', data: 'global' });
    await alice.heard({ data: 49 });
    const first = await bob.heard({ data: 'first' });
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
    t.match(positionOf(await bob.heard({ data: 'global' })), {
      offset: 1,
      global: true,
      outside: false,
    });
  },
);

/** Of the URL's room where there is one, but for the global log's own `joined`. */
const isGlobal = (message: Message): boolean =>
  message.room === undefined && data(message)['event'] === 'joined';

t.test('what is outside the log says so in its id, and carries the offset last sent', async (t) => {
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
    alice.messages.map((message) => [message.room, data(message)['event'], data(message)['room']]),
    [
      [undefined, 'welcome', undefined],
      [undefined, 'joined', undefined],
      ['general', 'joined', 'general'],
    ],
    'a control message is of the log that its data.room names',
  );
  for (let i = 0; i < 3; i++) alice.send({ type: 'chat', data: i });
  const last = await alice.heard({ type: 'chat', data: 2 });
  alice.send({ type: 'join', room: 'general', id: 'again' });
  const joined = await alice.heard({ data: { event: 'joined', ref: 'again' } });
  t.match(joined, { room: 'general', data: { position: last.id, room: 'general' } });
  t.match(positionOf(joined), {
    outside: true,
    offset: 3,
    tag: positionOf(last).tag,
    global: false,
  });
  alice.send({ type: 'ping' });
  t.match(
    positionOf(await alice.heard({ type: 'pong' })),
    { outside: true, offset: 3, global: false },
    "a pong is of the log of the URL's room",
  );
  const bob = await pod.connect('/ws/general');
  t.match(positionOf(await alice.heard({ type: 'presence' })), {
    outside: true,
    offset: 3,
    global: false,
  });
  t.match(positionOf(bob.messages.find((message) => message.room === 'general')!), {
    offset: 3,
    tag: positionOf(last).tag,
  });
});

t.test('welcome comes first and says who and where one is', async (t) => {
  const pod = await startPod(t, {
    limits: { maxMessageBytes: 1000, sendBufferMessages: 99, rateLimitPerSecond: 7 },
  });
  const alice = await pod.connect('/ws/general');
  const [first] = alice.messages;
  t.match(first, { type: 'system', from: 'server' });
  t.strictSame(first?.data, {
    event: 'welcome',
    connection_id: alice.id,
    user_id: alice.userId,
    server_id: 'pod-1',
    protocol: 1,
    limits: { message_bytes: 1000, buffer_messages: 99, rate: 7 },
  });
  t.not((await pod.connect('/ws')).id, alice.id);
});

t.test(
  'joined is said of the global log and of the room in the URL, with position, members and presence',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws/general');
    t.strictSame(data(alice.messages[1]!), {
      event: 'joined',
      position: null,
      members: 1,
      presence: false,
    });
    t.strictSame(data(alice.messages[2]!), {
      event: 'joined',
      room: 'general',
      position: null,
      members: 1,
      presence: true,
    });
    alice.send({ type: 'chat', data: 1 });
    const { id } = await alice.heard({ type: 'chat' });
    const bob = await pod.connect('/ws?room=general');
    t.match(data(bob.messages.at(-1)!), {
      event: 'joined',
      room: 'general',
      position: id,
      members: 2,
      presence: true,
    });
  },
);

t.test(
  'one connection in many rooms: join, leave, and speaking only where one has joined',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws');
    const bob = await pod.connect('/ws/a');
    for (const room of ['a', 'b', 'constructor', 'toString', 'x:y@z.-_']) {
      alice.send({ type: 'join', room, id: `join ${room}` });
      t.match(await alice.heard({ data: { event: 'joined', room } }), {
        room,
        data: { ref: `join ${room}`, members: room === 'a' ? 2 : 1 },
      });
    }
    alice.send({ type: 'chat', room: 'a', data: 'to a' });
    alice.send({ type: 'chat', room: 'b', data: 'to b' });
    alice.send({ type: 'chat', room: 'constructor', data: 'to constructor' });
    t.match(await bob.heard({ type: 'chat' }), { room: 'a', data: 'to a' });
    t.match(await alice.heard({ data: 'to a' }), { room: 'a' });
    t.match(await alice.heard({ data: 'to b' }), { room: 'b' });
    t.match(await alice.heard({ data: 'to constructor' }), { room: 'constructor' });
    await bob.caughtUp();
    t.equal(bob.all({ type: 'chat' }).length, 1, 'other rooms are not for who is not in them');

    alice.send({ type: 'leave', room: 'a', id: 'bye' });
    const left = await alice.heard({ data: { event: 'left' } });
    t.strictSame(left.data, { event: 'left', room: 'a', reason: 'asked', ref: 'bye' });
    t.equal(left.room, 'a');
    bob.send({ type: 'chat', data: 'after' });
    await bob.heard({ data: 'after' });
    await alice.caughtUp();
    t.equal(alice.all({ data: 'after' }).length, 0);
    alice.send({ type: 'chat', room: 'a', data: 1, id: 'm' });
    t.match(await alice.heard({ type: 'error' }), { data: { code: 'not_a_member', ref: 'm' } });
    alice.send({ type: 'join', room: 'a' });
    t.match(await alice.heard({ data: { event: 'joined', room: 'a' } }), { data: { members: 2 } });

    alice.send({ type: 'leave', room: 'never' });
    t.match(
      await alice.heard({ data: { event: 'left', room: 'never' } }),
      { data: { reason: 'asked' } },
      'leaving where one is not is no mistake',
    );
  },
);

t.test('a message in the same write as its join is delivered after joined', async (t) => {
  const pod = await startPod(t);
  const alice = await pod.connect('/ws');
  alice.send({ type: 'join', room: 'a' });
  alice.send({ type: 'chat', room: 'a', data: 1 });
  await alice.heard({ type: 'chat', data: 1 });
  const of = alice.messages.filter(({ room }) => room === 'a').map(({ type }) => type);
  t.strictSame(of, ['system', 'chat']);
});

t.test('the room of a message: absent is the URL\'s, "" and null are global', async (t) => {
  const pod = await startPod(t);
  const [inRoom, nowhere] = [await pod.connect('/ws/general'), await pod.connect('/ws')];
  inRoom.send({ type: 'chat', data: 'home' });
  inRoom.send({ type: 'chat', room: '', data: 'empty' });
  inRoom.send({ type: 'chat', room: null, data: 'null' });
  nowhere.send({ type: 'chat', data: 'absent' });
  t.equal((await inRoom.heard({ data: 'home' })).room, 'general');
  for (const client of [inRoom, nowhere]) {
    for (const text of ['empty', 'null', 'absent']) {
      const message = await client.heard({ data: text });
      t.notOk('room' in message, 'a global message carries no room');
      t.equal(positionOf(message).global, true);
    }
  }
  t.equal(nowhere.all({ data: 'home' }).length, 0);
});

t.test('a global message reaches everybody, in rooms or not, once and in one order', async (t) => {
  const pod = await startPod(t);
  const clients = await Promise.all(
    ['/ws', '/ws/a', '/ws/b', '/ws?room=c'].map((path) => pod.connect(path)),
  );
  for (const [i, client] of clients.entries()) client.send({ type: 'chat', room: '', data: i });
  const orders = await Promise.all(
    clients.map(async (client) => {
      for (const i of clients.keys()) await client.heard({ data: i });
      await client.caughtUp();
      return client.all({ type: 'chat' }).map(({ id }) => id);
    }),
  );
  for (const order of orders) t.strictSame(order, orders[0]);
  t.equal(orders[0]?.length, 4);
});

t.test('many senders at once: all members of a room see one order', async (t) => {
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

t.test('ack: only to who gave an id, with that as ref and the id that everybody got', async (t) => {
  const pod = await startPod(t);
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  alice.send({ type: 'chat', id: 'm-1', data: 'with' });
  const ack = await alice.heard({ data: { event: 'ack' } });
  const message = await bob.heard({ data: 'with' });
  t.strictSame(ack.data, { event: 'ack', ref: 'm-1', id: message.id, duplicate: false });
  t.not(message.id, 'm-1');
  alice.send({ type: 'chat', data: 'without' });
  await alice.heard({ data: 'without' });
  await alice.caughtUp();
  t.equal(alice.all({ data: { event: 'ack' } }).length, 1);
  t.equal(bob.all({ data: { event: 'ack' } }).length, 0);
});

t.test('a UUID is an idempotency key in its room: said once, acknowledged twice', async (t) => {
  const pod = await startPod(t);
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  const id = randomUUID();
  alice.send({ type: 'chat', id, data: { a: 1 } });
  const first = await alice.heard({ data: { event: 'ack', ref: id } });
  alice.send({ type: 'chat', id, data: { a: 1 } });
  t.strictSame((await alice.heard({ data: { event: 'ack', ref: id } })).data, {
    ...data(first),
    duplicate: true,
  });
  const again = await pod.connect('/ws/general', { as: alice });
  again.send({ type: 'chat', id, data: { a: 1 } });
  t.match(
    await again.heard({ data: { event: 'ack' } }),
    { data: { duplicate: true, id: data(first)['id'] } },
    'after a reconnect too',
  );
  alice.send({ type: 'chat', id, data: { a: 2 } });
  t.match(await alice.heard({ type: 'error' }), {
    data: { code: 'invalid_message', ref: id, message: /^id: / },
  });
  alice.send({ type: 'join', room: 'other' });
  alice.send({ type: 'chat', room: 'other', id, data: { a: 1 } });
  t.match(
    await alice.heard({ data: { event: 'ack' } }),
    { data: { duplicate: false } },
    'another room has its own keys',
  );
  alice.send({ type: 'chat', data: 'end' });
  await bob.heard({ data: 'end' });
  t.strictSame(
    bob.all({ type: 'chat' }).map((message) => positionOf(message).offset),
    [1, 2],
    'and no hole',
  );
  for (let i = 0; i < 2; i++) alice.send({ type: 'chat', id: 'not a uuid', data: i });
  const answers: unknown[] = [];
  for (let i = 0; i < 2; i++)
    answers.push((await alice.heard({ data: { ref: 'not a uuid' } })).data);
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
  const stranger = await pod.connect('/ws/general');
  stranger.send({ type: 'chat', id, data: { a: 1 } });
  t.match(
    await stranger.heard({ data: { event: 'ack' } }),
    { data: { duplicate: stranger.userId === null } },
    "a user's keys are nobody else's",
  );
});

t.test(
  'presence: comings and goings are told, nobody hears of their own coming, and status is passed on',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws/general');
    const outsider = await pod.connect('/ws/other');
    const bob = await pod.connect('/ws/general');
    const online = await alice.heard({ type: 'presence' });
    t.match(online, { room: 'general', from: 'server' });
    t.strictSame(online.data, {
      user_id: bob.userId,
      connection_id: bob.id,
      status: 'online',
    });
    bob.send({ type: 'presence', data: { status: 'away' }, id: 'p' });
    t.match(await alice.heard({ type: 'presence' }), {
      from: bob.name,
      room: 'general',
      data: { status: 'away' },
    });
    t.match(await bob.heard({ data: { event: 'ack', ref: 'p' } }), { data: { duplicate: false } });
    bob.send({ type: 'join', room: 'other' });
    t.match(await outsider.heard({ type: 'presence' }), {
      room: 'other',
      data: { status: 'online', connection_id: bob.id },
    });
    bob.send({ type: 'leave' });
    t.match(await alice.heard({ type: 'presence' }), {
      from: 'server',
      data: { status: 'offline', connection_id: bob.id },
    });
    await bob.heard({ data: { event: 'left' } });
    t.strictSame(bob.all({ data: { connection_id: bob.id }, type: 'presence' }), []);
    bob.socket.terminate();
    t.match(await outsider.heard({ type: 'presence' }), {
      data: { status: 'offline', connection_id: bob.id },
    });
    alice.send({ type: 'chat', data: 1 });
    t.equal(positionOf(await alice.heard({ type: 'chat' })).offset, 1, 'presence takes no offset');
  },
);

t.test(
  'presence: a room that is larger than PRESENCE_MAX_ROOM hears of none, and is told so',
  async (t) => {
    const pod = await startPod(t, { presence: { presenceMaxRoom: 2 } });
    const alice = await pod.connect('/ws/general');
    const second = await pod.connect('/ws/general');
    await alice.heard({ type: 'presence', data: { status: 'online', connection_id: second.id } });
    const third = await pod.connect('/ws/general');
    t.match(data(third.messages.find(({ room }) => room === 'general')!), {
      presence: false,
      members: 3,
    });
    const told = await alice.heard({ data: { event: 'joined', room: 'general', presence: false } });
    t.match(told, { room: 'general', data: { members: 3 } });
    await third.close();
    t.match(await alice.heard({ data: { event: 'joined', presence: true } }), {
      data: { members: 2 },
    });
    await second.close();
    await alice.heard({ type: 'presence', data: { status: 'offline', connection_id: second.id } });
    t.strictSame(
      alice.all({ type: 'presence', data: { status: 'online', connection_id: third.id } }),
      [],
    );
  },
);

t.test('presence: PRESENCE_EVENTS=false says nothing', async (t) => {
  const pod = await startPod(t, { presence: { presenceEvents: false } });
  const alice = await pod.connect('/ws/general');
  const bob = await pod.connect('/ws/general');
  t.match(data(bob.messages.at(-1)!), { presence: false });
  bob.send({ type: 'presence', data: { status: 'away' } });
  await alice.heard({ type: 'presence', from: bob.name });
  await bob.close();
  await until('gone', () => pod.connections() === 1);
  await alice.caughtUp();
  t.equal(alice.all({ type: 'presence' }).length, 1, 'but what clients say is passed on');
});

t.test('ping is answered to the sender alone, with what it carried', async (t) => {
  const pod = await startPod(t);
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  for (const value of [null, 'x', { a: [1] }]) {
    alice.send({ type: 'ping', data: value });
    t.strictSame((await alice.heard({ type: 'pong' })).data, value);
  }
  alice.send({ type: 'ping' });
  t.equal((await alice.heard({ type: 'pong' })).from, 'server');
  await bob.caughtUp();
  t.equal(bob.all({ type: 'pong' }).length, 1, 'only its own');
});

t.test('an error carries the ref of the message that it answers', async (t) => {
  const pod = await startPod(t);
  const alice = await pod.connect('/ws');
  for (const message of [
    { type: 'nonsense', id: 'r' },
    { type: 'chat', id: 'r', room: 'b', data: 1 },
    { type: 'chat', id: 'r' },
    { type: 'join', id: 'r', room: '*' },
    { type: 'system', id: 'r', data: 1 },
  ]) {
    alice.send(message);
    t.match(await alice.heard({ type: 'error' }), { data: { ref: 'r' } }, JSON.stringify(message));
  }
});

t.test('draining is told with the time to come back, and 1001 comes about then', async (t) => {
  const pod = await startPod(t, { server: { drainMs: 500 } });
  const clients = await Promise.all(Array.from({ length: 5 }, () => pod.connect('/ws/general')));
  const started = performance.now();
  const stopped = pod.app.stop();
  const times = await Promise.all(
    clients.map(async (client) => {
      const message = await client.heard({ data: { event: 'draining' } });
      const told = Number(data(message)['reconnect_in_ms']);
      t.strictSame(Object.keys(data(message)), ['event', 'reconnect_in_ms']);
      t.ok(told >= 0 && told <= 350, `${told} is within 70 % of the drain`);
      t.equal(await client.closed(), 1001);
      const took = performance.now() - started;
      t.ok(took > told - 20 && took < told + 250, `told ${told} ms, closed after ${took}`);
      return told;
    }),
  );
  t.equal(new Set(times).size, 5, 'not all at once');
  await stopped;
  t.ok(performance.now() - started < 700);
});

// section 2

t.test('endpoints: the handshake', async (t) => {
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
    isProblem(t, { ...answer, headers: Object.fromEntries(headers) }, status, path);
    await client.ended();
  }
  await until('nobody is left', () => pod.connections() === 0);
  t.equal(await pod.metric('realtime_rejected{code="400"}'), 6);
});

t.test('endpoints: without Upgrade', async (t) => {
  const pod = await startPod(t);
  for (const path of ['/ws', '/ws/general', '/ws?room=general']) {
    const answer = await pod.get(BASE + path);
    isProblem(t, answer, 426, path);
    t.match(answer.headers['upgrade'], /^websocket$/i);
  }
  for (const path of ['/ws/*', '/ws/a%2Fb', '/ws/__proto__', '/ws/%2e%2e'])
    isProblem(t, await pod.get(BASE + path), 400, path);
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
    isProblem(t, answer, answer.status, path.slice(0, 40));
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
    isProblem(t, answer, 405, path);
    t.match(answer.headers['allow'], /GET/, path);
  }
  t.equal((await pod.get('/health', 'HEAD')).status, 200);
});

t.test('errors have no stack, no version and may not be kept or guessed at', async (t) => {
  const pod = await startPod(t);
  for (const path of ['/nowhere', `${BASE}/ws`, '/%zz']) {
    const { headers, body } = await pod.get(path);
    t.equal(headers['x-content-type-options'], 'nosniff', path);
    t.equal(headers['cache-control'], 'no-store', path);
    t.equal(headers['server'], undefined);
    t.equal(headers['x-powered-by'], undefined);
    t.notMatch(body, /node_modules|\.js|fastify/i, path);
  }
});

t.test('endpoints: health, ready', async (t) => {
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

t.test('endpoints: stats', async (t) => {
  const pod = await startPod(t);
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  await pod.connect('/ws');
  alice.send({ type: 'chat', data: 1 });
  await bob.heard({ type: 'chat' });
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
  isProblem(t, await pod.get(`${BASE}/ws/stats?room=*`), 400, 'a bad name');
  await bob.close();
  await until('one fewer', () => pod.connections() === 2);
  t.strictSame((await stats('?room=general'))['room'], { name: 'general', connections: 1 });
});

t.test('another base path', async (t) => {
  const pod = await startPod(t, { server: { basePath: '/x' } });
  t.equal((await pod.get('/x/ws/stats')).status, 200);
  t.equal((await pod.get(`${BASE}/ws/stats`)).status, 404);
});

// section 8

t.test('metrics: the names, the numbers, and no names of rooms or users', async (t) => {
  const pod = await startPod(t);
  const clients: readonly Client[] = [
    await pod.connect('/ws/secret-room'),
    await pod.connect('/ws/secret-room'),
  ];
  for (let i = 0; i < 3; i++) clients[0]!.send({ type: 'chat', data: i });
  await clients[1]!.heard({ data: 2 });
  clients[0]!.send('nonsense');
  await clients[0]!.heard({ type: 'error' });
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
});
