/** Membership and presence as clients meet them. One pod without Redis, real sockets. */
import t from 'tap';
import { type Message, positionOf } from '../support/client.js';
import { startPod } from '../support/pod.js';
import { until } from '../support/redis.js';

const data = (message: Message): Readonly<Record<string, unknown>> =>
  message.data as Readonly<Record<string, unknown>>;

t.test('when a connection opens, then `welcome` comes first with its ids and limits', async (t) => {
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
  "when a connection opens, then `joined` of the global log and of the URL\'s room have position, members and presence",
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
    const { id } = await alice.received({ type: 'chat' });
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
  'when a connection joins many rooms, then it may publish only where it has joined',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws');
    const bob = await pod.connect('/ws/a');
    for (const room of ['a', 'b', 'constructor', 'toString', 'x:y@z.-_']) {
      alice.send({ type: 'join', room, id: `join ${room}` });
      t.match(await alice.received({ data: { event: 'joined', room } }), {
        room,
        data: { ref: `join ${room}`, members: room === 'a' ? 2 : 1 },
      });
    }
    alice.send({ type: 'chat', room: 'a', data: 'to a' });
    alice.send({ type: 'chat', room: 'b', data: 'to b' });
    alice.send({ type: 'chat', room: 'constructor', data: 'to constructor' });
    t.match(await bob.received({ type: 'chat' }), { room: 'a', data: 'to a' });
    t.match(await alice.received({ data: 'to a' }), { room: 'a' });
    t.match(await alice.received({ data: 'to b' }), { room: 'b' });
    t.match(await alice.received({ data: 'to constructor' }), { room: 'constructor' });
    await bob.caughtUp();
    t.equal(bob.all({ type: 'chat' }).length, 1, 'other rooms are not for who is not in them');

    alice.send({ type: 'leave', room: 'a', id: 'bye' });
    const left = await alice.received({ data: { event: 'left' } });
    t.strictSame(left.data, { event: 'left', room: 'a', reason: 'asked', ref: 'bye' });
    t.equal(left.room, 'a');
    bob.send({ type: 'chat', data: 'after' });
    await bob.received({ data: 'after' });
    await alice.caughtUp();
    t.equal(alice.all({ data: 'after' }).length, 0);
    alice.send({ type: 'chat', room: 'a', data: 1, id: 'm' });
    t.match(await alice.received({ type: 'error' }), { data: { code: 'not_a_member', ref: 'm' } });
    alice.send({ type: 'join', room: 'a' });
    t.match(await alice.received({ data: { event: 'joined', room: 'a' } }), {
      data: { members: 2 },
    });

    alice.send({ type: 'leave', room: 'never' });
    t.match(
      await alice.received({ data: { event: 'left', room: 'never' } }),
      { data: { reason: 'asked' } },
      'leaving where one is not is no mistake',
    );
  },
);

t.test(
  'when a message is in the same write as its join, then it is delivered after `joined`',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws');
    alice.send({ type: 'join', room: 'a' });
    alice.send({ type: 'chat', room: 'a', data: 1 });
    await alice.received({ type: 'chat', data: 1 });
    const of = alice.messages.filter(({ room }) => room === 'a').map(({ type }) => type);
    t.strictSame(of, ['system', 'chat']);
  },
);

t.test(
  'when members join, leave or set a status, then the others get `presence`, and no member gets its own join',
  async (t) => {
    const pod = await startPod(t);
    const alice = await pod.connect('/ws/general');
    const outsider = await pod.connect('/ws/other');
    const bob = await pod.connect('/ws/general');
    const online = await alice.received({ type: 'presence' });
    t.match(online, { room: 'general', from: 'server' });
    t.strictSame(online.data, {
      user_id: bob.userId,
      connection_id: bob.id,
      status: 'online',
    });
    bob.send({ type: 'presence', data: { status: 'away' }, id: 'p' });
    t.match(await alice.received({ type: 'presence' }), {
      from: bob.name,
      room: 'general',
      data: { status: 'away' },
    });
    t.match(await bob.received({ data: { event: 'ack', ref: 'p' } }), {
      data: { duplicate: false },
    });
    bob.send({ type: 'join', room: 'other' });
    t.match(await outsider.received({ type: 'presence' }), {
      room: 'other',
      data: { status: 'online', connection_id: bob.id },
    });
    bob.send({ type: 'leave' });
    t.match(await alice.received({ type: 'presence' }), {
      from: 'server',
      data: { status: 'offline', connection_id: bob.id },
    });
    await bob.received({ data: { event: 'left' } });
    t.strictSame(bob.all({ data: { connection_id: bob.id }, type: 'presence' }), []);
    bob.socket.terminate();
    t.match(await outsider.received({ type: 'presence' }), {
      data: { status: 'offline', connection_id: bob.id },
    });
    alice.send({ type: 'chat', data: 1 });
    t.equal(
      positionOf(await alice.received({ type: 'chat' })).offset,
      1,
      'presence takes no offset',
    );
  },
);

t.test(
  'when a room is larger than PRESENCE_MAX_ROOM, then it gets no `presence` and `joined` says so',
  async (t) => {
    const pod = await startPod(t, { presence: { presenceMaxRoom: 2 } });
    const alice = await pod.connect('/ws/general');
    const second = await pod.connect('/ws/general');
    await alice.received({
      type: 'presence',
      data: { status: 'online', connection_id: second.id },
    });
    const third = await pod.connect('/ws/general');
    t.match(data(third.messages.find(({ room }) => room === 'general')!), {
      presence: false,
      members: 3,
    });
    const joined = await alice.received({
      data: { event: 'joined', room: 'general', presence: false },
    });
    t.match(joined, { room: 'general', data: { members: 3 } });
    await third.close();
    t.match(await alice.received({ data: { event: 'joined', presence: true } }), {
      data: { members: 2 },
    });
    await second.close();
    await alice.received({
      type: 'presence',
      data: { status: 'offline', connection_id: second.id },
    });
    t.strictSame(
      alice.all({ type: 'presence', data: { status: 'online', connection_id: third.id } }),
      [],
    );
  },
);

t.test('when PRESENCE_EVENTS is false, then joins and leaves are not sent', async (t) => {
  const pod = await startPod(t, { presence: { presenceEvents: false } });
  const alice = await pod.connect('/ws/general');
  const bob = await pod.connect('/ws/general');
  t.match(data(bob.messages.at(-1)!), { presence: false });
  bob.send({ type: 'presence', data: { status: 'away' } });
  await alice.received({ type: 'presence', from: bob.name });
  await bob.close();
  await until('gone', () => pod.connections() === 1);
  await alice.caughtUp();
  t.equal(alice.all({ type: 'presence' }).length, 1, 'but what clients say is passed on');
});

t.test('when a client sends `ping`, then it alone gets `pong` with the same data', async (t) => {
  const pod = await startPod(t);
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  for (const value of [null, 'x', { a: [1] }]) {
    alice.send({ type: 'ping', data: value });
    t.strictSame((await alice.received({ type: 'pong' })).data, value);
  }
  alice.send({ type: 'ping' });
  t.equal((await alice.received({ type: 'pong' })).from, 'server');
  await bob.caughtUp();
  t.equal(bob.all({ type: 'pong' }).length, 1, 'only its own');
});

t.test('when a message is refused, then `error` has its `ref`', async (t) => {
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
    t.match(
      await alice.received({ type: 'error' }),
      { data: { ref: 'r' } },
      JSON.stringify(message),
    );
  }
});

t.test(
  'when the pod drains, then `draining` has the time, and 1001 comes at about that time',
  async (t) => {
    const pod = await startPod(t, { server: { drainMs: 500 } });
    const clients = await Promise.all(Array.from({ length: 5 }, () => pod.connect('/ws/general')));
    const started = performance.now();
    const stopped = pod.app.stop();
    const times = await Promise.all(
      clients.map(async (client) => {
        const message = await client.received({ data: { event: 'draining' } });
        const promisedMs = Number(data(message)['reconnect_in_ms']);
        t.strictSame(Object.keys(data(message)), ['event', 'reconnect_in_ms']);
        t.ok(promisedMs >= 0 && promisedMs <= 350, `${promisedMs} is within 70 % of the drain`);
        t.equal(await client.closed(), 1001);
        const took = performance.now() - started;
        t.ok(
          took > promisedMs - 20 && took < promisedMs + 250,
          `told ${promisedMs} ms, closed after ${took}`,
        );
        return promisedMs;
      }),
    );
    t.equal(new Set(times).size, 5, 'not all at once');
    await stopped;
    t.ok(performance.now() - started < 700);
  },
);
