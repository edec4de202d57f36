/** Readers that are slow, or never read again, and bursts to those that keep up. */
import t from 'tap';
import { type Client, type Message, offsetOf } from './support/client.js';
import { isUnharmed, member, podWith } from './support/limited-pod.js';
import { type Pod, startProcess } from './support/pod.js';
import { closeFrame, type RawClient } from './support/raw-client.js';
import { until } from './support/redis.js';

// readers that stop

/** The offsets of the notifications that it got. */
const offsetsOf = (client: RawClient): readonly number[] =>
  client.texts().flatMap((text) => {
    const message = JSON.parse(text) as Message;
    return message.type === 'notification' ? [offsetOf(message)] : [];
  });

/** Publishes, no faster than the healthy client reads, until that one hears that somebody has gone; answers how many it took. */
const publishUntilGone = async (pod: Pod, healthy: Client, bytes: number): Promise<number> => {
  const text = 'x'.repeat(bytes);
  for (let count = 20; count <= 20_000; count += 20) {
    for (let i = count - 19; i <= count; i++)
      void pod.app.publish({ room: 'general', data: [i, text] });
    await healthy.received({ type: 'notification', data: [count] });
    if (healthy.all({ type: 'presence', data: { status: 'offline' } }).length > 0) return count;
  }
  throw new Error('the stalled reader is still there');
};

for (const [what, bytes] of [
  ['by bytes', 30_000],
  ['by messages', 1_500],
] as const) {
  t.test(
    `when a reader of a busy room stops, then it is closed with 1013, ${what}, and the others get all`,
    async (t) => {
      const { pod, healthy } = await podWith(t, {
        limits: { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000 },
      });
      const stalled = await member(pod);
      stalled.pause();
      const count = await publishUntilGone(pod, healthy, bytes);
      stalled.resume();
      await until('a close frame', () => stalled.closeCode() !== undefined);
      t.equal(stalled.closeCode(), 1013);
      stalled.write(closeFrame(1013));
      await stalled.ended();
      const offsets = offsetsOf(stalled);
      t.ok(offsets.length > 0 && offsets.length < count);
      t.strictSame(
        offsets,
        Array.from(offsets, (_, i) => i + 1),
        'no hole in what it got: a last_id resumes',
      );
      t.strictSame(
        healthy.all({ type: 'notification' }).map(offsetOf),
        Array.from({ length: count }, (_, i) => i + 1),
      );
      await isUnharmed(t, pod, healthy, what);
      t.equal(await pod.metric('realtime_closes{code="1013"}'), 1);
    },
  );
}

t.test('when a reader never reads again, then it is terminated after two seconds', async (t) => {
  const { pod, healthy } = await podWith(t, {
    limits: { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000 },
  });
  const stalled = await member(pod);
  stalled.pause();
  await publishUntilGone(pod, healthy, 30_000);
  t.equal(pod.connections(), 2, 'its close is under way');
  await until('cut', () => pod.connections() === 1, 4_000);
  await isUnharmed(t, pod, healthy, 'never again');
});

t.test('when a burst goes to readers that keep up, then none of them is closed', async (t) => {
  for (const [count, bytes] of [
    [5_000, 100],
    [400, 60_000],
  ] as const) {
    const { pod, healthy } = await podWith(t);
    const others = await Promise.all(Array.from({ length: 5 }, () => pod.connect('/ws/general')));
    const text = 'x'.repeat(bytes);
    await Promise.all(
      Array.from({ length: count }, () => pod.app.publish({ room: 'general', data: text })),
    );
    for (const client of [healthy, ...others]) {
      await until(
        'all of it',
        () =>
          client.all({ type: 'notification' }).length >= count || client.socket.readyState !== 1,
        20_000,
      );
      t.strictSame(
        client.all({ type: 'notification' }).map(offsetOf),
        Array.from({ length: count }, (_, i) => i + 1),
        `${count} messages of ${bytes} bytes`,
      );
    }
    t.equal(pod.connections(), 6);
    for (const client of others) await client.close();
    await isUnharmed(t, pod, healthy, 'burst');
    t.equal(await pod.metric('realtime_gaps'), 0);
  }
});

t.test(
  'when one member sends a burst, then the others get it and the member gets all acks',
  async (t) => {
    const { pod, healthy } = await podWith(t, {
      limits: { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000 },
    });
    const client = await pod.connect('/ws/general');
    for (let i = 0; i < 5_000; i++) client.send({ type: 'chat', id: `${i}`, data: i });
    await until('all of it', () => healthy.all({ type: 'chat' }).length >= 5_000, 20_000);
    await until('all acks', () => client.all({ data: { event: 'ack' } }).length >= 5_000, 20_000);
    t.strictSame(
      healthy.all({ type: 'chat' }).map(({ data }) => data),
      Array.from({ length: 5_000 }, (_, i) => i),
    );
    t.equal(client.all({ type: 'chat' }).length, 5_000);
    await client.close();
    await isUnharmed(t, pod, healthy, 'one sender');
  },
);

t.test(
  'when a pod in its own process sends a burst, then no client that keeps reading is closed',
  async (t) => {
    const pod = await startProcess(t, {
      RATE_LIMIT_PER_SECOND: '100000',
      RATE_LIMIT_BURST: '100000',
      RATE_LIMIT_BYTES: '1000000000',
    });
    const readers = await Promise.all(
      Array.from({ length: 8 }, () => pod.doors.connect('/ws/general')),
    );
    for (const [count, bytes] of [
      [5_000, 100],
      [400, 60_000],
    ] as const) {
      const sender = await pod.doors.connect('/ws/general');
      const text = 'x'.repeat(bytes);
      for (let i = 0; i < count; i++) sender.send({ type: 'chat', data: [i, text] });
      for (const reader of [sender, ...readers]) {
        const all = (): readonly Message[] => reader.all({ type: 'chat', from: sender.name });
        await until(
          'all of it',
          () => all().length >= count || reader.socket.readyState !== 1,
          20_000,
        );
        t.equal(
          reader.socket.readyState,
          1,
          `still there after ${all().length} of ${count} messages of ${bytes} bytes`,
        );
        t.strictSame(
          all().map(({ data }) => (data as readonly unknown[])[0]),
          Array.from({ length: count }, (_, i) => i),
        );
      }
      await sender.close();
    }
    t.equal(pod.stderr(), '');
  },
);
