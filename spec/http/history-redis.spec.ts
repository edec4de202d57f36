/** Histories over HTTP from pods over Redis. */
import t from 'tap';
import { BASE, startPod } from '../support/pod.js';
import { isProblem } from '../support/problem.js';
import { startRedis, until } from '../support/redis.js';
import { type Answer, answers, idsOf, messagesOf, pathOf, publishMany } from './history-table.js';

t.test('pods over Redis', async (t) => {
  const server = await startRedis();
  t.teardown(server.stop);
  const broker = { redisUrl: server.url };
  answers(t, async (t, over) => {
    await server.command('FLUSHALL');
    return [
      await startPod(t, { ...over, broker, server: { serverId: 'pod-1' } }),
      await startPod(t, { ...over, broker, server: { serverId: 'pod-2' } }),
    ];
  });

  t.test('when unused rooms are read, then they leave no key in Redis', async (t) => {
    await server.command('FLUSHALL');
    const pod = await startPod(t, { broker });
    for (let i = 0; i < 20; i += 1) {
      t.strictSame(await messagesOf(pod, `unused-${i}`, {}), { messages: [], next: null });
      t.equal((await pod.get(`${BASE}/rooms/unused-${i}`)).status, 200);
    }
    t.strictSame(await server.command('KEYS', '*unused*'), []);
  });

  t.test(
    'when an operator deleted messages or added invalid ones, then they are passed over',
    async (t) => {
      const pod = await startPod(t, { broker });
      const ids = await publishMany(pod, 'holes', 60);
      const [pos, log] = ['{realtime:room:holes}:pos', '{realtime:room:holes}:log'];
      const gone = [...Array.from({ length: 25 }, (_, i) => i + 20), 58, 60];
      await server.command('XDEL', log, ...gone.map((offset) => `${offset}-0`));
      await server.command('HINCRBY', pos, 'o', 3);
      for (const offset of [61, 62, 63])
        await server.command('XADD', log, `${offset}-0`, 'm', 'none');
      const more = await publishMany(pod, 'holes', 10);
      const left = [...ids.filter((_, i) => !gone.includes(i + 1)), ...more];
      const id = (offset: number): string => ids[offset - 1] ?? '';
      for (const limit of [1, 2, 7, 1_000]) {
        const back: string[] = [];
        for (let query: Record<string, string | number> | undefined = { limit }; query; ) {
          const answer: Answer = await messagesOf(pod, 'holes', query);
          back.unshift(...idsOf(answer));
          query = answer.next === null ? undefined : { limit, before: answer.next };
        }
        t.strictSame(back, left, `backwards by ${limit}`);
        const on = [id(1)];
        for (let next: string | null = id(1); next !== null; ) {
          const answer: Answer = await messagesOf(pod, 'holes', { limit, after: next });
          on.push(...idsOf(answer));
          ({ next } = answer);
        }
        t.strictSame(on, left, `on by ${limit}`);
      }
      const between = await messagesOf(pod, 'holes', { after: id(18), before: id(45) });
      t.strictSame([idsOf(between), between.next], [[id(19)], null]);
      isProblem(t, await pod.get(pathOf('holes', { after: id(20) })), 404);
    },
  );

  t.test('when a log cannot be read, then the answer is 503 with Retry-After', async (t) => {
    const pod = await startPod(t, { broker });
    const isUnavailable = async (): Promise<void> => {
      for (const path of [pathOf('bad'), `${BASE}/rooms/bad`]) {
        const answer = await pod.get(path);
        isProblem(t, answer, 503);
        t.match(answer.headers['retry-after'], /^[1-9]\d*$/);
      }
    };
    await publishMany(pod, 'bad', 1);
    await server.command('DEL', '{realtime:room:bad}:log');
    await server.command('SET', '{realtime:room:bad}:log', 'x');
    await isUnavailable();
    await server.command('DEL', '{realtime:room:bad}:log');
    t.strictSame(await messagesOf(pod, 'bad'), { messages: [], next: null });
    server.freeze();
    await isUnavailable();
    server.thaw();
    await until('it is read again', async () => (await pod.get(pathOf('bad'))).status === 200);
    t.equal(await pod.metric('realtime_log_bytes'), 0, 'nothing of it is here');
    t.notMatch(await pod.app.metrics(), /realtime_log_bytes/);
  });
});
