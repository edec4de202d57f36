/**
 * The client of one id, over real sockets: the twenty lines of `support/twenty-line-client.ts` against two
 * pods on a real Redis. The connection is cut after a random number of frames. The client comes back to
 * either pod with the id of the last frame.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { asUser, newUser } from './support/credentials.js';
import { type Frame, idOf, recordOf } from './support/invariants/frame.js';
import { BASE, type Pod, startPod } from './support/pod.js';
import { startRedis, until } from './support/redis.js';
import { TwentyLineClient } from './support/twenty-line-client.js';

const CUTS = 100;
const OVERLAP_MS = 60_000;
/** The pauses of the client are shorter by this factor: 1 s is 2 ms, 30 s are 60 ms. */
const HURRY = 500;
const ROOM = 'cut';
const user = newUser();

const twoPods = async (t: Test): Promise<readonly Pod[]> => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  return Promise.all(
    ['one', 'two'].map((serverId) =>
      startPod(t, {
        server: { serverId },
        broker: { redisUrl: redis.url },
        // more than is published here, so that no gap is due
        log: { logMessages: 100_000 },
      }),
    ),
  );
};

/** Members on both pods publish to the room and to everybody, until they are stopped. Each ack is noted. */
const publishers = (pods: readonly Pod[], acked: string[]): (() => Promise<unknown>) => {
  const publishing = new AbortController();
  const all = pods.flatMap((pod, i) =>
    [ROOM, ''].map(async (room) => {
      const publisher = await pod.connect(`/ws/${ROOM}`);
      for (let n = 0; !publishing.signal.aborted; n++) {
        const id = `${i} ${room} ${n}`;
        publisher.send({ type: 'chat', room, id, data: id });
        await publisher.received({ data: { event: 'ack', ref: id } });
        acked.push(id);
        await sleep(Math.random() * 10);
      }
    }),
  );
  return () => {
    publishing.abort();
    return Promise.all(all);
  };
};

/** A socket to either pod. It is cut after `framesOf()` frames, and later frames are not received. */
const cuttable = (pods: readonly Pod[], framesOf: () => number) =>
  class extends WebSocket {
    constructor(url: string) {
      const { port } = pods[Math.floor(Math.random() * pods.length)]!;
      super(url.replace('pod', `127.0.0.1:${port}`), { headers: asUser(user) });
      let left = framesOf();
      const emit = this.emit.bind(this);
      this.emit = (type: string, ...rest: unknown[]) => {
        if (type !== 'message') return emit(type, ...rest);
        if (left === 0) return false;
        left -= 1;
        emit(type, ...rest);
        if (left === 0) this.terminate();
        return true;
      };
    }
  };

t.test(
  'when the twenty-line client is cut 100 times, then it gets every message, in order, and no gap',
  async (t) => {
    t.setTimeout(240_000);
    const pods = await twoPods(t);
    const acked: string[] = [];
    const stop = publishers(pods, acked);

    const got = new Set<string>();
    const seen = new Set<string>();
    const gaps: unknown[] = [];
    /** The last new id of each log. */
    const lasts = new Map<boolean, string>();
    let [cuts, cameAt, oldRepeats, disordered] = [0, 0, 0, 0];
    let begun: number | undefined;
    let isOver = false;

    const client = new TwentyLineClient(
      `ws://pod${BASE}/ws/${ROOM}`,
      ({ id: text, type, data }: Frame) => {
        const { event } = recordOf(data);
        if (event === 'gap') gaps.push(data);
        if (event === 'joined') begun ??= acked.length;
        const id = idOf(text);
        if (type !== 'chat' || id === undefined) return;
        got.add(String(data));
        if (seen.has(text)) {
          if (id.ms < cameAt - OVERLAP_MS - 1_000) oldRepeats += 1;
          return;
        }
        seen.add(text);
        if (text < (lasts.get(id.global) ?? '')) disordered += 1;
        lasts.set(id.global, text);
      },
      {
        WebSocket: cuttable(pods, () => {
          cameAt = Date.now();
          cuts += 1;
          return cuts > CUTS ? Number.POSITIVE_INFINITY : 1 + Math.floor(Math.random() ** 3 * 200);
        }),
        setTimeout: (work, ms) => isOver || setTimeout(work, ms / HURRY),
      },
    );
    client.connect();
    await until('it was cut often', () => cuts > CUTS, 180_000);
    await stop();
    // after the second `joined`, which comes with the first pong at the latest
    const [from, all] = [(begun ?? 0) + 20, acked.length];
    const missing = (): readonly string[] => acked.slice(from, all).filter((id) => !got.has(id));
    await until('everything has come', () => missing().length === 0, 10_000).catch(() => undefined);
    isOver = true;
    t.same(missing(), [], `of ${all - from} acknowledged`);
    t.ok(all - from > CUTS, 'and there was much to lose');
    t.same(gaps, []);
    t.equal(oldRepeats, 0, 'repeats are of the last minute');
    t.equal(disordered, 0, 'what is new comes in the order of its log');
  },
);
