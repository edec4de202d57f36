/** Publishing over HTTP to pods over Redis. */
import t, { type Test } from 'tap';
import { accepted, post, receivedBy } from '../support/http-publishing.js';
import { type Pod, startPod } from '../support/pod.js';
import { isProblem } from '../support/problem.js';
import { startRedis, until } from '../support/redis.js';

t.test('pods over Redis', async (t) => {
  const server = await startRedis();
  t.teardown(server.stop);
  const pods = async (t: Test): Promise<readonly [Pod, Pod]> => {
    await server.command('FLUSHALL');
    const broker = { redisUrl: server.url, brokerTimeoutMs: 500 };
    return [
      await startPod(t, { broker, server: { serverId: 'pod-1' } }),
      await startPod(t, { broker, server: { serverId: 'pod-2' } }),
    ];
  };

  t.test(
    'when messages come over HTTP, then they reach members on every pod, a list in its order',
    async (t) => {
      const [a, b] = await pods(t);
      const clients = [await a.connect('/ws/r'), await b.connect('/ws/r'), await b.connect('/ws')];
      const list = Array.from({ length: 100 }, (_, i) => ({
        room: i % 2 === 0 ? 'r' : '',
        data: i,
      }));
      const [first, second] = await Promise.all([post(a, list), post(b, list)]);
      t.equal(new Set([...accepted(first).ids, ...accepted(second).ids]).size, 200);
      for (const [i, client] of clients.entries()) {
        const due = i === 2 ? 100 : 200;
        await until('all are heard', () => receivedBy(client).length === due);
        for (const { ids } of [accepted(first), accepted(second)])
          for (const global of [true, false]) {
            const mine = receivedBy(client).filter(
              ({ id, room }) => ids.includes(id) && (room === undefined) === global,
            );
            t.strictSame(
              mine.map(({ id }) => id),
              i === 2 && !global ? [] : ids.filter((_, at) => (at % 2 === 1) === global),
            );
          }
      }
      const once = accepted(await post(a, { room: 'r', id: 'k', data: 1 }));
      t.strictSame(JSON.parse((await post(b, { room: 'r', id: 'k', data: 1 })).body), {
        ...once,
        duplicate: true,
      });
      isProblem(t, await post(b, { room: 'r', id: 'k', data: 2 }), 409);
    },
  );

  t.test(
    'when Redis is down, then a message reaches this pod only, and the answer says so',
    async (t) => {
      const [a, b] = await pods(t);
      const [here, there] = [await a.connect('/ws/r'), await b.connect('/ws/r')];
      server.freeze();
      t.teardown(server.thaw);
      const one = await post(a, { room: 'r', data: 1 });
      t.match(JSON.parse(one.body), { id: /^[0-9a-f-]{36}$/, scope: 'pod' });
      const many = await post(a, [
        { room: 'r', data: 2 },
        { room: 's', data: 3 },
      ]);
      t.match(JSON.parse(many.body), { ids: { length: 2 }, scope: 'pod' });
      await until('it is heard here', () => receivedBy(here).length === 2);
      t.equal(receivedBy(there).length, 0);
      server.thaw();
      await until(
        'all are reached again',
        async () => !(await post(a, { room: 'r', data: 4 })).body.includes('scope'),
        10_000,
      );
      await there.received({ data: 4 });
    },
  );
});
