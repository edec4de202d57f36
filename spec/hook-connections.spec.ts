/** `onConnect` and `onDisconnect`, and the connection that they get. */
import { of } from 'rxjs';
import t from 'tap';
import { type ConnectionInfo } from '../lib/index.js';
import { podWith } from './support/hooked-pod.js';
import { startPod } from './support/pod.js';
import { until } from './support/redis.js';
import { SECRET, tokenOf } from './support/tokens.js';

t.test(
  'when hooks get connections, then each comes once, and a hook may send to it and close it',
  async (t) => {
    const came: ConnectionInfo[] = [];
    const went: (readonly [string, number | null])[] = [];
    const pod = await podWith(t, {
      onConnect: (connection) => {
        came.push(connection);
        connection.notify({ hello: connection.id });
        return of(undefined);
      },
      onDisconnect: ({ id }, code) => {
        went.push([id, code]);
      },
    });
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    t.match(came, [
      { id: alice.id, userId: alice.userId, address: /127\.0\.0\.1$/ },
      { id: bob.id },
    ]);
    const hello = await alice.received({ type: 'notification' });
    t.match(hello, { from: 'server', room: undefined, data: { hello: alice.id } });
    t.equal(bob.all({ data: { hello: alice.id } }).length, 0, 'to this one alone');
    t.match(alice.messages[0], { data: { event: 'welcome' } }, 'after welcome');
    came[0]?.close(4500, 'go away');
    t.equal(await alice.closed(), 4500);
    await bob.close();
    await until('both have gone', () => went.length === 2);
    t.strictSame(went, [
      [alice.id, 4500],
      [bob.id, null],
    ]);
    t.equal(came.length, 2);
    t.equal(await pod.metric('realtime_closes{code="4500"}'), 1);
  },
);

t.test(
  'when onConnect gets a connection, then it has headers, URL, address and claims, and not the token',
  async (t) => {
    const came: ConnectionInfo[] = [];
    const pod = await startPod(
      t,
      {
        server: { trustedProxies: ['127.0.0.1'] },
        access: { authEnabled: true, jwtSecret: SECRET },
      },
      {
        hooks: {
          onConnect: (connection) => {
            came.push(connection);
          },
        },
      },
    );
    const token = tokenOf({ sub: 'alice', tenant: { id: 7 } });
    const alice = await pod.connect(`/ws/general?a=1&%74oken=${token}&tab=%2F`, {
      headers: { Cookie: 'session=s1', 'X-Forwarded-For': '203.0.113.9', 'User-Agent': 'spec' },
    });
    const [info] = came;
    if (info === undefined) throw new Error('nobody came');
    t.match(info, {
      id: alice.id,
      userId: 'alice',
      url: '/api/chat-api/ws/general?a=1&token=***&tab=%2F',
      headers: { cookie: 'session=s1', 'user-agent': 'spec' },
      address: '203.0.113.9',
      claims: { sub: 'alice', tenant: { id: 7 } },
    });
    alice.send({
      type: 'refresh',
      id: 'r',
      data: { token: tokenOf({ sub: 'alice', tenant: { id: 8 } }) },
    });
    await alice.received({ data: { event: 'ack', ref: 'r' } });
    t.match(info.claims, { tenant: { id: 8 } }, 'those of the new token');
  },
);

t.test('when no token is required, then the claims are null', async (t) => {
  const came: ConnectionInfo[] = [];
  const pod = await startPod(
    t,
    { access: { authEnabled: false } },
    { hooks: { onConnect: (connection) => void came.push(connection) } },
  );
  await pod.connect('/ws?token=nobody-reads-it');
  t.match(came, [
    { claims: null, userId: null, url: '/api/chat-api/ws?token=***', rooms: Function },
  ]);
  t.strictSame(came[0]?.rooms(), [], 'the global log is no room');
});

t.test('when a connection begins and ends, then both hooks get its rooms', async (t) => {
  const rooms: (readonly [string, readonly string[]])[] = [];
  const pod = await podWith(t, {
    onConnect: (connection) => {
      rooms.push(['came', connection.rooms()]);
      if (connection.rooms().includes('closed')) connection.close(4500, 'closed');
    },
    onDisconnect: (connection) => {
      rooms.push(['went', connection.rooms()]);
    },
  });
  const alice = await pod.connect('/ws/general');
  alice.send({ type: 'join', room: 'other' });
  await alice.received({ data: { event: 'joined', room: 'other' } });
  alice.send({ type: 'join', room: 'left' });
  alice.send({ type: 'leave', room: 'left' });
  await alice.received({ data: { event: 'left', room: 'left' } });
  await alice.close();
  const bob = await pod.connect('/ws/general');
  bob.socket.terminate();
  await until('both have gone', () => rooms.length === 4);
  await pod.connect('/ws/closed').catch(() => undefined);
  await until('so has the third', () => rooms.length === 6);
  t.strictSame(rooms, [
    ['came', ['general']],
    ['went', ['general', 'other']],
    ['came', ['general']],
    ['went', ['general']],
    ['came', ['closed']],
    ['went', ['closed']],
  ]);
});
