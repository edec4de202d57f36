/**
 * Ten tabs of one browser share a connection, and their leader is killed again and again under load: its tab
 * is closed, its process crashes, or it is frozen for a while. A new tab replaces each killed one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { servePages, startChromium } from '../../spec/support/chromium.js';
import { BASE, build, type Pod, startPod } from '../../spec/support/pod.js';
import { proxy } from '../../spec/support/proxy.js';
import { startRedis, until } from '../../spec/support/redis.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

export type Kill = 'close' | 'crash' | 'freeze';

export interface TabsOptions {
  readonly tabs: number;
  readonly kills: number;
  readonly perSecond: number;
  readonly onKill?: (line: string) => void;
}

/** What a tab has shown until it was killed, or until the end. */
interface Seen {
  readonly shown: readonly number[];
  readonly gaps: readonly unknown[];
}

export interface TabsReport {
  readonly published: number;
  readonly kills: Readonly<Record<Kill, number>>;
  /**
   * Tabs that were judged: those that were closed, and those that are there at the end. Of a crashed tab
   * nothing is known.
   */
  readonly judged: number;
  readonly missing: number;
  readonly twice: number;
  readonly disordered: number;
  readonly gaps: number;
  /** The most connections at the pods when all tabs had all messages again after a kill. */
  readonly connections: number;
  /** From each kill until all other tabs had shown a message that was published after it, ms. */
  readonly silences: readonly number[];
}

const FREEZE_MS = 1_500;
const PATIENCE_MS = 60_000;
const WAYS: readonly Kill[] = ['close', 'crash', 'freeze'];

const ask = <T>(page: Page, what: string): Promise<T> => page.evaluate<T>(what);

const judge = ({ shown, gaps }: Seen, last: number) => {
  const [first = 0] = shown;
  const seen = new Set(shown);
  return {
    missing: last + 1 - first - seen.size,
    twice: shown.length - seen.size,
    disordered: [...seen].filter((n, i, all) => n < (all[i - 1] ?? 0)).length,
    gaps: gaps.length,
  };
};

export const killLeaders = async (t: Test, options: TabsOptions): Promise<TabsReport> => {
  await build();
  const redis = await startRedis({});
  t.teardown(redis.stop);
  const site = await servePages({ '/': 'bench/tabs/page.html' });
  t.teardown(site.stop);
  const pods: readonly Pod[] = await Promise.all(
    ['p1', 'p2', 'p3'].map((serverId) =>
      startPod(t, {
        server: { serverId, allowedOrigins: [site.origin] },
        access: { authEnabled: false },
        broker: { redisUrl: redis.url },
      }),
    ),
  );
  let turn = 0;
  const balancer = await proxy({ to: () => pods[turn++ % pods.length]?.port ?? 0 });
  t.teardown(balancer.stop);
  const chromium = await startChromium();
  t.teardown(chromium.stop);
  const url = `${site.origin}/?url=ws://127.0.0.1:${balancer.port}${BASE}/ws`;
  const connections = (): number => pods.reduce((sum, pod) => sum + pod.connections(), 0);

  let tabs: readonly Page[] = [];
  const open = async (): Promise<void> => {
    const page = await chromium.context.newPage();
    page.on('pageerror', ({ message }) => options.onKill?.(`error in a page: ${message}`));
    // a process may have several tabs
    page.on('crash', () => {
      tabs = tabs.filter((tab) => tab !== page);
    });
    await page.goto(url);
    tabs = [...tabs, page];
  };
  const fill = async (): Promise<void> => {
    while (tabs.length < options.tabs) await open();
  };
  await fill();

  let published = 0;
  const load = setInterval(
    () => void pods[2]?.app.publish({ room: 'general', data: published++ }),
    1_000 / options.perSecond,
  );
  t.teardown(() => clearInterval(load));
  const verdicts: ReturnType<typeof judge>[] = [];
  const settle = async (page: Page, last?: number): Promise<void> => {
    const seen = await ask<Seen>(page, 'window.seen');
    for (const gap of seen.gaps) options.onKill?.(`gap: ${JSON.stringify(gap)}`);
    verdicts.push(judge(seen, last ?? seen.shown.at(-1) ?? -1));
  };
  const haveShown = (pages: readonly Page[], number: number): Promise<void> =>
    until(
      `${pages.length} tabs have shown ${number}`,
      async () =>
        (await Promise.all(pages.map((page) => ask<number>(page, 'last()')))).every(
          (last) => last >= number,
        ),
      PATIENCE_MS,
    ).catch(async (error: unknown) => {
      const states = await Promise.all(pages.map((page) => ask<string>(page, 'state()')));
      throw new Error(`${String(error)}\n${states.join('\n')}`);
    });
  const leaderOf = async (): Promise<Page> => {
    let leader: Page | undefined;
    await until(
      'one tab has the connection',
      async () => {
        const counts = await Promise.all(tabs.map((page) => ask<number>(page, 'sockets()')));
        leader = tabs[counts.findIndex((count) => count > 0)];
        return counts.filter((count) => count > 0).length === 1 && connections() === 1;
      },
      PATIENCE_MS,
    );
    return leader ?? Promise.reject(new Error('no leader'));
  };

  const kill: Readonly<Record<Kill, (leader: Page) => Promise<(() => Promise<void>) | undefined>>> =
    {
      close: async (leader) => {
        await settle(leader);
        tabs = tabs.filter((tab) => tab !== leader);
        await leader.close();
        return undefined;
      },
      crash: async (leader) => {
        const crashed = leader.waitForEvent('crash', { timeout: PATIENCE_MS });
        const cdp = await leader.context().newCDPSession(leader);
        // a tab that crashes never answers
        cdp.send('Page.crash').catch(() => undefined);
        await crashed;
        return undefined;
      },
      freeze: async (leader) => {
        const cdp = await leader.context().newCDPSession(leader);
        await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
        tabs = tabs.filter((tab) => tab !== leader);
        return async () => {
          await sleep(FREEZE_MS);
          await cdp.send('Page.setWebLifecycleState', { state: 'active' });
          await cdp.detach();
          tabs = [...tabs, leader];
        };
      },
    };

  const kills: Record<Kill, number> = { close: 0, crash: 0, freeze: 0 };
  const silences: number[] = [];
  let most = 0;
  await haveShown(tabs, published);
  for (let i = 0; i < options.kills; i++) {
    const way = WAYS[i % WAYS.length] ?? 'close';
    const leader = await leaderOf();
    const thaw = await kill[way](leader);
    kills[way]++;
    const since = performance.now();
    await haveShown(tabs, published);
    silences.push(performance.now() - since);
    await thaw?.();
    await fill();
    await haveShown(tabs, published);
    most = Math.max(most, connections());
    options.onKill?.(`${i + 1}: ${way}, silent for ${Math.round(silences.at(-1) ?? 0)} ms`);
  }
  clearInterval(load);
  await sleep(1_000);
  await haveShown(tabs, published - 1);
  await leaderOf();
  for (const page of tabs) await settle(page, published - 1);
  const sum = (of: (verdict: ReturnType<typeof judge>) => number): number =>
    verdicts.reduce((total, verdict) => total + of(verdict), 0);
  return {
    published,
    kills,
    judged: verdicts.length,
    missing: sum(({ missing }) => missing),
    twice: sum(({ twice }) => twice),
    disordered: sum(({ disordered }) => disordered),
    gaps: sum(({ gaps }) => gaps),
    connections: most,
    silences,
  };
};
