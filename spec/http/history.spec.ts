/** A room and its messages over HTTP, on the wire: a pod alone, and pods over a real Redis. */
import t from 'tap';
import { asProgram } from '../support/credentials.js';
import { startPod } from '../support/pod.js';
import { linesOf } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import { answers, pathOf, publishMany } from './history-table.js';

t.test('a pod alone', async (t) => {
  answers(t, async (t, over) => {
    const pod = await startPod(t, over);
    return [pod, pod];
  });

  t.test(
    'when a client does not read its answer, then the answer is dropped and its memory is free for others',
    async (t) => {
      const pod = await startPod(t, { limits: { handshakeTimeoutMs: 1_000 } });
      await publishMany(pod, 'big', 80, 60_000);
      const path = pathOf('big', { limit: 1_000 });
      const head = linesOf(asProgram({ Host: 'x' }));
      const mutes = await Promise.all(Array.from({ length: 8 }, () => pod.raw()));
      for (const mute of mutes) mute.pause();
      const statusOf = async (): Promise<number> => (await pod.get(path)).status;
      await until('nothing is left', async () => {
        // the kernel takes some
        for (const mute of mutes) mute.write(`GET ${path} HTTP/1.1\r\n${head}\r\n`);
        return (await statusOf()) === 503;
      });
      await until('they are let go of', async () => (await statusOf()) === 200, 5_000);
    },
  );

  t.test('when messages are logged, then the metrics show the memory of the log', async (t) => {
    const pod = await startPod(t);
    t.equal(await pod.metric('realtime_log_bytes'), 0);
    await publishMany(pod, 'r', 100, 1_000);
    const bytes = await pod.metric('realtime_log_bytes');
    t.ok(bytes > 100_000 && bytes < 300_000, `${bytes}`);
  });
});
