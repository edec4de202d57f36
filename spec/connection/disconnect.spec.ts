/** Disconnects by operators (row A18): which connections are closed, on any pod, and which are not. */
import t, { type Test } from 'tap';
import { CONTROL_CHANNEL } from '../../lib/broker/redis/port.js';
import type { Disconnect } from '../../lib/broker/control-command.js';
import type { Connection } from '../../lib/connection/connection.js';
import { disconnect } from '../../lib/connection/disconnect.js';
import type { Client } from '../support/client.js';
import { BASE, type Pod, startPod } from '../support/pod.js';
import { startCluster } from '../support/redis-cluster.js';
import { startRedis, until } from '../support/redis.js';

/** A connection's id that nobody has. */
const NOBODY = '01a1fc30-7295-43ec-8000-0000004f7cd8';

const ban = (pod: Pod, id: string) =>
  pod.get(`${BASE}/connections/${encodeURIComponent(id)}`, 'DELETE');

/** Whoever is still there hears one more message. */
const live = async (pod: Pod, ...clients: readonly Client[]): Promise<void> => {
  const { id } = await pod.app.publish({ room: null, data: 'still here' });
  for (const client of clients) await client.received({ id });
};

const isBad = (t: Test, { status, headers, body }: Awaited<ReturnType<Pod['get']>>): void => {
  t.equal(status, 400);
  t.match(headers['content-type'], 'application/problem+json');
  t.match(JSON.parse(body), {
    detail: /^(connection: send the UUID|user: send 1 to 255 characters) /,
  });
};

t.test(
  'when a disconnect names an id or a user, then those connections are closed with 4503',
  async (t) => {
    const revoked: string[] = [];
    const people = [
      ['1', 'alice'],
      ['2', 'bob'],
      ['3', null],
      ['4', 'alice'],
      ['alice', '1'],
    ] as const;
    const connections = people.map(
      ([id, userId]) =>
        ({
          id,
          userId,
          revoke: () => {
            revoked.push(id);
          },
        }) as Connection,
    );
    const revokedBy = (whom: Disconnect['whom'], id: string): readonly string[] => {
      revoked.length = 0;
      disconnect({ _tag: 'Disconnect', whom, id }, connections);
      return [...revoked];
    };
    t.strictSame(revokedBy('connection', '1'), ['1']);
    t.strictSame(revokedBy('user', 'alice'), ['1', '4']);
    t.strictSame(revokedBy('user', '1'), ['alice'], "a user's id is not a connection's");
    t.strictSame(revokedBy('connection', 'null'), []);
    t.strictSame(revokedBy('user', 'null'), [], 'nobody in particular has no name');
    t.strictSame(revokedBy('user', ''), []);
  },
);

t.test(
  'when a pod has no Redis, then a disconnect gets 202 and closes the connection with 4503 within a second',
  async (t) => {
    const pod = await startPod(t);
    const [alice, bob] = [await pod.connect('/ws/r'), await pod.connect('/ws/r')];
    const answer = await ban(pod, alice.id);
    t.equal(answer.status, 202);
    t.match(JSON.parse(answer.body), { status: 'accepted' });
    t.equal(await alice.closed(1_000), 4503);
    await bob.received({ type: 'presence', data: { connection_id: alice.id, status: 'offline' } });
    t.equal((await ban(pod, alice.id)).status, 202, 'whoever has gone is gone');
    t.equal((await ban(pod, NOBODY)).status, 202, 'whoever was never there is not there');
    await live(pod, bob);
    t.equal(pod.connections(), 1);
    t.equal(await pod.metric('realtime_closes{code="4503"}'), 1);
  },
);

t.test('when an id is in upper case, then it names the same connection', async (t) => {
  const pod = await startPod(t);
  const [alice, bob] = [await pod.connect('/ws/r'), await pod.connect('/ws/r')];
  t.equal((await ban(pod, alice.id.toUpperCase())).status, 202);
  t.equal(await alice.closed(1_000), 4503);
  await live(pod, bob);
});

t.test(
  'when a disconnect names no valid id, then it gets 400; another method 405, another path 404',
  async (t) => {
    const pod = await startPod(t);
    const bob = await pod.connect('/ws/r');
    for (const id of ['nope', `${NOBODY}0`, bob.id.replaceAll('-', '')])
      isBad(t, await pod.get(`${BASE}/connections/${id}`, 'DELETE'));
    for (const id of ['', '%00', 'a%0d%0ab', '%7f', 'x'.repeat(256)]) {
      isBad(t, await pod.get(`${BASE}/connections/${id}`, 'DELETE'));
      isBad(t, await pod.get(`${BASE}/users/${id}/connections`, 'DELETE'));
    }
    for (const id of ['%ff', '%ed%a0%80', '%zz'])
      t.equal((await pod.get(`${BASE}/connections/${id}`, 'DELETE')).status, 400, id);
    for (const path of ['/connections/1', '/users/alice/connections'])
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS']) {
        const { status, headers } = await pod.get(BASE + path, method);
        t.strictSame([status, headers['allow']], [405, 'DELETE'], `${method} ${path}`);
      }
    for (const path of ['/connections', '/connections/1/2', '/users/a', '/users/a/connections/1'])
      t.equal((await pod.get(BASE + path, 'DELETE')).status, 404, path);
    await live(pod, bob);
  },
);

interface Redis {
  readonly url: string;
  /** What another program publishes on `realtime:control`. */
  readonly publish: (text: string) => Promise<unknown>;
  readonly stop: () => Promise<void>;
}

const alone = async (): Promise<Redis> => {
  const { url, command, stop } = await startRedis();
  return { url, stop, publish: (text) => command('PUBLISH', CONTROL_CHANNEL, text) };
};

const cluster = async (): Promise<Redis> => {
  const { url, nodes, ownerOf, stop } = await startCluster();
  const slot = await nodes[0]?.command('CLUSTER', 'KEYSLOT', CONTROL_CHANNEL);
  const owner = await ownerOf(Number(slot));
  return { url, stop, publish: (text) => owner.command('SPUBLISH', CONTROL_CHANNEL, text) };
};

for (const [name, start, redisCluster] of [
  ['one Redis', alone, false],
  ['a Cluster', cluster, true],
] as const)
  t.test(
    `over ${name}: when any pod gets a disconnect, then the connection is closed on its own pod`,
    async (t) => {
      const redis = await start();
      t.teardown(redis.stop);
      const broker = { redisUrl: redis.url, redisCluster };
      const pod = (serverId: string): Promise<Pod> => startPod(t, { broker, server: { serverId } });
      const [a, b, c] = await Promise.all([pod('pod-1'), pod('pod-2'), pod('pod-3')]);
      const [here, there, bystander] = [
        await a.connect('/ws/r'),
        await b.connect('/ws/r'),
        await c.connect('/ws/r'),
      ];
      t.equal((await ban(a, there.id)).status, 202);
      t.equal(await there.closed(1_000), 4503);
      t.equal((await ban(a, here.id)).status, 202);
      t.equal(await here.closed(1_000), 4503);
      await live(c, bystander);

      const none = [
        '{"type":"disconnect"}',
        `{"type":"disconnect","connection":"${bystander.id}","user":"x"}`,
        `{"type":"Disconnect","connection":"${bystander.id}"}`,
        `[{"type":"disconnect","connection":"${bystander.id}"}]`,
        '{"type":"disconnect","user":""}',
        '{"type":"disconnect","user":"a\\u0000"}',
        '{"type":"disconnect","user":"\\ud800"}',
        '{"type":"disconnect","connection":7}',
        `{"type":"disconnect","connection":"${bystander.id}","by":7}`,
        '{"type":"shutdown"}',
        'disconnect',
        '',
        `"${'x'.repeat(10_000)}"`,
      ];
      for (const text of none) await redis.publish(text);
      await until(
        'all are dropped and counted',
        async () => (await c.metric('realtime_rejected{code="broker_payload"}')) === none.length,
      );
      await live(c, bystander);
      await redis.publish(`{"type":"disconnect","connection":"${bystander.id}","why":"spam"}`);
      t.equal(await bystander.closed(1_000), 4503, 'whoever may write to Redis is an operator');
    },
  );

t.test(
  'when Redis is down, then a disconnect is applied on this pod, and the answer is 503',
  async (t) => {
    const server = await startRedis();
    t.teardown(server.stop);
    const broker = { redisUrl: server.url, brokerTimeoutMs: 300 };
    const a = await startPod(t, { broker, server: { serverId: 'pod-1' } });
    const b = await startPod(t, { broker, server: { serverId: 'pod-2' } });
    const [here, there] = [await a.connect('/ws/r'), await b.connect('/ws/r')];
    server.freeze();
    t.teardown(server.thaw);
    const asked = ban(a, here.id);
    t.equal(await here.closed(250), 4503, 'at once');
    for (const { status, headers } of [await asked, await ban(a, NOBODY)])
      t.strictSame([status, headers['retry-after']], [503, '1']);
    server.thaw();
    await until('it is said again', async () => (await ban(a, there.id)).status === 202);
    t.equal(await there.closed(1_000), 4503);
  },
);
