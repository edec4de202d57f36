/**
 * Tabs with real channels against a real server: ten clients of this process share one socket, and leaders
 * end.
 */
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { WebSocket } from 'ws';
import { type Chat, connect } from '../../../lib/client/index.js';
import { lockManager } from '../../support/locks.js';
import { BASE, startPod } from '../../support/pod.js';
import { until } from '../../support/redis.js';

t.setTimeout(120_000);
t.test(
  'when ten tabs share a connection and leaders end under load, then each tab gets each message once',
  async (t) => {
    const pod = await startPod(t, { access: { authEnabled: false } });
    const locks = lockManager();
    const tabs = new Map<number, { readonly chat: Chat; readonly seen: string[] }>();
    let opened = 0;
    const open = (): void => {
      const chat = connect({
        url: `ws://127.0.0.1:${pod.port}${BASE}/ws`,
        WebSocket,
        locks,
        share: true,
      });
      const seen: string[] = [];
      chat.room<string>('general').message$.subscribe(({ data }) => seen.push(data));
      tabs.set(opened++, { chat, seen });
    };
    t.teardown(() => tabs.forEach(({ chat }) => chat.close()));
    const connections = async (): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${pod.port}${BASE}/ws/stats`);
      return ((await answer.json()) as { readonly connections: number }).connections;
    };
    for (let i = 0; i < 10; i++) open();
    await until('one connection', async () => (await connections()) === 1, 10_000);
    let sent = 0;
    const answers: Promise<unknown>[] = [];
    const publish = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const all = [...tabs.values()];
        answers.push(all[i % all.length]!.chat.room('general').publish(`message ${sent++}`));
        await setTimeout(5);
      }
    };
    await publish(50);
    for (let leader = 0; leader < 3; leader++) {
      // the first tab that is there leads: locks are granted in the order of the requests
      const going = tabs.get(leader)!;
      const last = answers.length;
      await Promise.all(answers.slice(0, last));
      tabs.delete(leader);
      going.chat.close();
      open();
      await publish(40);
    }
    await Promise.all(answers);
    const [longest] = [...tabs.values()];
    await until('all received', () => longest!.seen.length >= sent, 10_000);
    await setTimeout(200);
    const whole = longest!.seen;
    t.equal(new Set(whole).size, sent);
    t.equal(whole.length, sent);
    for (const { seen } of tabs.values())
      t.same(
        seen,
        whole.slice(whole.length - seen.length),
        'each from its subscription on, in one order',
      );
    t.equal(await connections(), 1);
  },
);
