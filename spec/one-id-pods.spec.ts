/**
 * The client that keeps one id, over real sockets: two pods on a real Redis, 200 cuts at random frames. It
 * comes back to either pod with the id of the last message of any kind.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { WebSocket } from 'ws';
import { asUser, newUser } from './support/credentials.js';
import { type Frame, idOf, recordOf } from './support/invariants/frame.js';
import { BASE, startPod } from './support/pod.js';
import { startRedis, until } from './support/redis.js';

const CUTS = 200;
const OVERLAP_MS = 60_000;
const ROOM = 'cut';
const user = newUser();

t.test(
  'when a client of one id is cut 200 times, then it gets every message, and no gap',
  async (t) => {
    t.setTimeout(240_000);
    const redis = await startRedis();
    t.teardown(redis.stop);
    const pods = await Promise.all(
      ['one', 'two'].map((serverId) =>
        startPod(t, {
          server: { serverId },
          broker: { redisUrl: redis.url },
          // more than the messages of this spec, so that no gap is due
          log: { logMessages: 100_000 },
        }),
      ),
    );
    const acked: string[] = [];
    const talking = new AbortController();
    const speakers = pods.flatMap((pod, i) =>
      [ROOM, ''].map(async (room) => {
        const speaker = await pod.connect(`/ws/${ROOM}`);
        for (let n = 0; !talking.signal.aborted; n++) {
          const id = `${i} ${room} ${n}`;
          speaker.send({ type: 'chat', room, id, data: id });
          await speaker.received({ data: { event: 'ack', ref: id } });
          acked.push(id);
          await sleep(Math.random() * 10);
        }
      }),
    );

    const got = new Map<string, number>();
    const gaps: unknown[] = [];
    const seen = new Set<string>();
    let lastId = '';
    let oldRepeats = 0;
    let begun = 0;

    const stay = (frames: number): Promise<void> =>
      new Promise((done) => {
        const { port } = pods[Math.floor(Math.random() * pods.length)]!;
        const url = `ws://127.0.0.1:${port}${BASE}/ws/${ROOM}?last_id=${lastId}`;
        const socket = new WebSocket(url, { headers: asUser(user) });
        const cameAt = Date.now();
        let left = frames;
        socket.on('error', () => undefined);
        socket.on('close', () => done());
        socket.on('message', (bytes: Buffer) => {
          if (left === 0) return;
          left -= 1;
          const frame = JSON.parse(bytes.toString()) as Frame;
          lastId = frame.id;
          if (recordOf(frame.data)['event'] === 'gap') gaps.push(frame.data);
          if (recordOf(frame.data)['event'] === 'joined' && begun === 0) begun = acked.length;
          if (frame.type === 'chat') {
            const text = String(frame.data);
            got.set(text, (got.get(text) ?? 0) + 1);
            const ms = idOf(frame.id)?.ms ?? 0;
            if (seen.has(frame.id) && ms < cameAt - OVERLAP_MS - 1_000) oldRepeats += 1;
            seen.add(frame.id);
          }
          if (left === 0) socket.terminate();
        });
      });

    for (let i = 0; i < CUTS; i++) {
      await stay(1 + Math.floor(Math.random() ** 3 * 200));
      await sleep(Math.random() * 60);
    }
    talking.abort();
    await Promise.all(speakers);
    const end = stay(Number.POSITIVE_INFINITY);
    // after the second `joined`, which comes with the first pong at the latest
    const [from, all] = [begun + 20, acked.length];
    const missing = (): readonly string[] => acked.slice(from, all).filter((id) => !got.has(id));
    await until('everything has come', () => missing().length === 0, 10_000).catch(() => undefined);
    t.same(missing(), [], `of ${all - from} acknowledged`);
    t.same(gaps, []);
    t.equal(oldRepeats, 0, 'repeats are of the last minute');
    void end;
  },
);
