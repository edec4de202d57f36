/**
 * The client against three pods on one Redis: connections are cut, one pod drains, and no message is lost or
 * comes twice.
 */
import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { type Chat, connect, type ConnectOptions, type Status } from '../../lib/client/index.js';
import { BASE, type Pod, startPod } from '../support/pod.js';
import { startRedis, until } from '../support/redis.js';
import { SECRET, tokenOf } from '../support/tokens.js';

interface Tab {
  readonly chat: Chat;
  readonly seen: string[];
  readonly gaps: unknown[];
  readonly statuses: Status[];
  /** When messages came, ms. */
  readonly times: number[];
  readonly cut: () => void;
}

/** A client whose connections go to the pods in turn, as a load balancer may do it. */
const tab = (
  t: Test,
  pods: readonly Pod[],
  isUp: (pod: Pod) => boolean,
  options: Partial<ConnectOptions> = {},
): Tab => {
  const open = new Set<WebSocket>();
  let opened = 0;
  class Balanced extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      const up = pods.filter(isUp);
      const { port } = up[opened++ % up.length]!;
      super(url.replace('pod', `127.0.0.1:${port}`), protocols);
      open.add(this);
      this.on('close', () => open.delete(this)).on('error', () => undefined);
    }
  }
  const chat = connect({ url: `ws://pod${BASE}/ws`, WebSocket: Balanced, ...options });
  t.teardown(() => chat.close());
  const [seen, gaps, statuses, times]: [string[], unknown[], Status[], number[]] = [[], [], [], []];
  chat.status$.subscribe((status) => statuses.push(status));
  chat.room('general').message$.subscribe(({ data }) => {
    seen.push(String(data));
    times.push(performance.now());
  });
  chat.room('general').gap$.subscribe((gap) => gaps.push(gap));
  return { chat, seen, gaps, statuses, times, cut: () => open.forEach((ws) => ws.terminate()) };
};

const isLive = ({ statuses }: Tab): boolean => statuses.at(-1)?._tag === 'Live';

const pods = async (t: Test, access = {}): Promise<readonly Pod[]> => {
  const redis = await startRedis({});
  t.teardown(redis.stop);
  const broker = { redisUrl: `redis://127.0.0.1:${redis.port}` };
  return Promise.all(
    ['p1', 'p2', 'p3'].map((serverId) =>
      startPod(t, { server: { serverId, drainMs: 3_000 }, broker, access }),
    ),
  );
};

t.test(
  'when connections are cut under messages, then nothing is lost, doubled or out of order',
  async (t) => {
    const all = await pods(t, { authEnabled: false });
    const tabs = [0, 1, 2].map(() => tab(t, all, () => true));
    await until('all live', () => tabs.every(isLive));
    await setTimeout(300);
    const answers: Promise<unknown>[] = [];
    for (let i = 0; i < 150; i++) {
      answers.push(tabs[i % 3]!.chat.room('general').publish(`message ${i}`));
      if (i % 10 === 9) tabs[((i / 10) % 3) | 0]!.cut();
      await setTimeout(10);
    }
    t.equal((await Promise.all(answers)).length, 150);
    await until('all received', () => tabs.every(({ seen }) => seen.length >= 150), 20_000);
    await setTimeout(200);
    for (const { seen, gaps } of tabs) {
      t.equal(new Set(seen).size, 150);
      t.same(seen, tabs[0]!.seen, 'one order for all');
      t.same(gaps, []);
    }
  },
);

t.test(
  'when a pod drains under messages, then its clients go to another one without a silence',
  async (t) => {
    const all = await pods(t, { authEnabled: false });
    const gone = new Set<Pod>();
    const one = tab(t, all, (pod) => !gone.has(pod));
    await until('live', () => isLive(one));
    await setTimeout(300);
    const first = one.statuses.at(-1);
    let sent = 0;
    const publish = async (ms: number): Promise<void> => {
      const end = performance.now() + ms;
      while (performance.now() < end) {
        await all[2]!.app.publish({ room: 'general', data: `message ${sent++}` });
        await setTimeout(10);
      }
    };
    await publish(500);
    gone.add(all[0]!);
    const stopped = all[0]!.app.stop();
    await publish(4_000);
    await stopped;
    await until('all received', () => one.seen.length >= sent, 10_000);
    t.same(
      one.seen,
      Array.from({ length: sent }, (_, i) => `message ${i}`),
    );
    t.same(one.gaps, []);
    t.match(first, { serverId: 'p1' });
    t.notOk(one.statuses.some(({ _tag }) => _tag === 'Waiting'));
    t.ok(one.statuses.some(({ _tag }) => _tag === 'Draining'));
    t.not((one.statuses.at(-1) as { serverId?: string }).serverId, 'p1');
    const silences = one.times.slice(1).map((time, i) => time - one.times[i]!);
    t.comment(`the largest silence: ${Math.round(Math.max(...silences))} ms`);
  },
);

t.test(
  'when a token is refused twice, then the client is closed; a good one reads history as well',
  async (t) => {
    const all = await pods(t, { authEnabled: true, jwtSecret: SECRET });
    let asked = 0;
    const bad = tab(t, all, () => true, { token: () => `bad ${++asked}`.replace(' ', '') });
    await until('closed', () => bad.statuses.at(-1)?._tag === 'Closed', 10_000);
    t.match(bad.statuses.at(-1), { code: 4001, because: 'HTTP 401' });
    t.equal(asked, 2);

    const { chat, seen, statuses } = tab(t, all, () => true, {
      token: async () => tokenOf({ sub: 'alice' }),
      fetch: (url, init) => fetch(url.replace('pod', `127.0.0.1:${all[0]!.port}`), init),
    });
    const room = chat.room<string>('general');
    for (const data of ['one', 'two', 'three']) await room.publish(data);
    await until('received', () => seen.length === 3);
    t.match(statuses.at(-1), { _tag: 'Live', userId: 'alice' });
    const page = await room.history({ limit: 2 });
    t.same(
      page.messages.map(({ data }) => data),
      ['two', 'three'],
    );
    const before = await room.history({ before: page.messages[0]!.id });
    t.same([before.messages.map(({ data }) => data), before.next], [['one'], null]);
    const refused = {
      name: 'ChatError',
      code: '400',
      message: /^HTTP 400: limit: send a whole number/,
    };
    await t.rejects(room.history({ limit: 0 }), refused);
    await t.rejects(chat.room('not a room').publish('x'), { code: 'invalid_room' });
  },
);
