/** Two or more apps on one lent server. */
import t from 'tap';
import { app, configOf } from '../../lib/index.js';
import { ACCESS } from '../support/credentials.js';
import { embed, lent, visitor } from '../support/lent-server.js';

t.test('when two apps share a server, then each has its own base path alone', async (t) => {
  const { server, doors } = await lent(t);
  const [a, b, c] = [
    await embed(t, server, { server: { basePath: '/a', serverId: 'a' } }),
    await embed(t, server, { server: { basePath: '/b', serverId: 'b' } }),
    await embed(t, server, { server: { basePath: '/a/ws', serverId: 'c' } }),
  ];
  for (const [path, id] of [
    ['/a/ws/r', 'a'],
    ['/b/ws/r', 'b'],
    ['/a/ws/ws/r', 'c'],
  ] as const)
    t.match((await visitor(t, doors.port, path)).outcome, new RegExp(`"server_id":"${id}"`), path);
  t.equal((await visitor(t, doors.port, '/c/ws')).outcome, '418');
  t.equal(server.listenerCount('upgrade'), 1);
  await a.chat.stop({ hurry: true });
  t.equal((await visitor(t, doors.port, '/a/ws/r')).outcome, '418', 'a path that was given back');
  t.match((await visitor(t, doors.port, '/b/ws/r')).outcome, /"server_id":"b"/);
  for (const { chat } of [b, c]) await chat.stop({ hurry: true });
  t.equal(server.listenerCount('upgrade'), 0);
});

t.test(
  'when two apps use one base path, then the second does not start until the first drains',
  async (t) => {
    const { server, doors } = await lent(t);
    const first = await embed(t, server, { server: { serverId: 'first' } });
    const config = configOf({ access: ACCESS, server: { serverId: 'second' } });
    if (config._tag === 'Left') throw new Error('no configuration');
    const second = app({ config: config.right, server });
    t.teardown(() => second.stop({ hurry: true }));
    await t.rejects(second.start(), { message: /another app uses \/api\/chat-api of this server/ });
    await t.rejects(second.publish({ room: 'r', data: 1 }), { message: /has not started/ });
    const alice = await doors.connect('/ws/general');
    const stopped = first.chat.stop();
    await second.start();
    const bob = await doors.connect('/ws/general');
    t.match(bob.messages[0], { data: { server_id: 'second' } });
    t.equal(await alice.closed(), 1001);
    await stopped;
    bob.send({ type: 'ping', data: 1 });
    await bob.received({ type: 'pong' });
  },
);
