/**
 * A page in Debian's Chromium with the client as it is built, in a bare `<script type="module">`, and three pods on
 * a real Redis. Whatever happens to the page, its `message$` shows every message once, in order, without a gap.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CDPSession, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { servePages, hide, startChromium } from '../support/chromium.js';
import { BASE, build, type Pod, startPod } from '../support/pod.js';
import { type Proxy, proxy } from '../support/proxy.js';
import { startRedis, until } from '../support/redis.js';
import { inSeconds, SECRET, tokenOf } from '../support/tokens.js';

interface Status {
  readonly _tag: string;
  readonly because?: string;
  readonly serverId?: string;
  readonly connectionId?: string;
}

/** What the page has seen; `late`: how late each message was, ms. */
interface Seen {
  readonly shown: readonly number[];
  readonly late: readonly number[];
  readonly gaps: readonly unknown[];
  readonly statuses: readonly Status[];
  readonly isRestored: boolean;
}

interface Stage {
  readonly page: Page;
  readonly cdp: CDPSession;
  readonly seen: () => Promise<Seen>;
  readonly live: () => Promise<Status>;
  /** Between the page and the pods, as a load balancer. */
  readonly balancer: Proxy;
  readonly pods: readonly Pod[];
  /** Takes a pod out of the balancer. */
  readonly take: (pod: Pod) => void;
  /** How many tokens the page has asked for. */
  readonly asked: () => number;
  /** Ends the load: the page has shown all of it, once and in order, and no gap. */
  readonly judge: () => Promise<Seen>;
}

const EVERY_MS = 20;
const TOKEN_S = 4;
/** As late as no reader should see it; a machine of CI is slow at times. */
const LATE_MS = 2_000;

await build();
const chromium = await startChromium();
t.teardown(chromium.stop);
const redis = await startRedis({});
t.teardown(redis.stop);
let stages = 0;
t.setTimeout(300_000);

/** Three pods, a page that is live on one of them, and a load through another one. */
const stage = async (t: Test, options: { readonly withTokens?: boolean } = {}): Promise<Stage> => {
  const { withTokens = false } = options;
  let tokens = 0;
  const site = await servePages({
    '/': 'spec/browser/page.html',
    '/elsewhere': () => 'another page',
    '/token': () => {
      tokens++;
      return tokenOf({ exp: inSeconds(TOKEN_S) });
    },
  });
  t.teardown(site.stop);
  const config = {
    access: withTokens ? { authEnabled: true, jwtSecret: SECRET } : { authEnabled: false },
    // a log of its own for each test
    broker: { redisUrl: redis.url, redisPrefix: `stage-${++stages}:` },
  };
  const pods = await Promise.all(
    ['p1', 'p2', 'p3'].map((serverId) =>
      startPod(t, {
        ...config,
        server: { serverId, drainMs: 3_000, allowedOrigins: [site.origin] },
      }),
    ),
  );
  const taken = new Set<Pod>();
  let turn = 0;
  const balancer = await proxy({
    to: () => {
      const up = pods.filter((pod) => !taken.has(pod));
      return up[turn++ % up.length]?.port ?? 0;
    },
  });
  t.teardown(balancer.stop);

  const page = await chromium.context.newPage();
  t.teardown(() => page.close());
  const cdp = await page.context().newCDPSession(page);
  const url = `ws://127.0.0.1:${balancer.port}${BASE}/ws`;
  await page.goto(`${site.origin}/?url=${url}${withTokens ? '&token' : ''}`);
  const seen = (): Promise<Seen> => page.evaluate<Seen>('window.seen');
  const live = async (): Promise<Status> => {
    let status: Status | undefined;
    await until('the page is live', async () => {
      status = (await seen()).statuses.at(-1);
      return status?._tag === 'Live';
    });
    return status ?? { _tag: '' };
  };
  await live();
  await until('joined', () => pods.some((pod) => pod.app.stats().rooms > 0));

  let published = 0;
  const publisher = pods[2]!;
  const load = setInterval(() => {
    const data = { n: published++, at: Date.now() };
    void publisher.app.publish({ room: 'general', data });
  }, EVERY_MS);
  t.teardown(() => clearInterval(load));
  return {
    page,
    cdp,
    seen,
    live,
    balancer,
    pods,
    take: (pod) => void taken.add(pod),
    asked: () => tokens,
    judge: async () => {
      await sleep(300);
      clearInterval(load);
      await until('all shown', async () => (await seen()).shown.length >= published).catch(
        () => undefined,
      );
      const all = await seen();
      t.same(
        all.shown,
        Array.from({ length: published }, (_, n) => n),
      );
      t.same(all.gaps, []);
      t.comment(`${published} messages, the last one late by ${Math.max(...all.late)} ms`);
      return all;
    },
  };
};

const tagsOf = ({ statuses }: Seen): readonly string[] => statuses.map(({ _tag }) => _tag);

const countOf = (pods: readonly Pod[]): number =>
  pods.reduce((sum, pod) => sum + pod.connections(), 0);

t.test(
  'when the pod of a page drains, then the page goes to another pod, and no message is late',
  async (t) => {
    const { live, take, pods, judge } = await stage(t);
    const first = await live();
    await sleep(500);
    const old = pods.find(({ app }) => app.stats().server_id === first.serverId)!;
    take(old);
    await old.app.stop();
    const seen = await judge();
    t.same(tagsOf(seen).slice(tagsOf(seen).indexOf('Live')), ['Live', 'Draining', 'Live']);
    t.not(seen.statuses.at(-1)?.serverId, first.serverId);
    t.ok(Math.max(...seen.late) < LATE_MS);
  },
);

t.test('when the network is gone for a while, then the page goes on when it is back', async (t) => {
  const { page, pods, live, seen, judge } = await stage(t);
  await sleep(300);
  await page.context().setOffline(true);
  t.teardown(() => page.context().setOffline(false));
  await until('closed', () => countOf(pods) === 0);
  t.match((await seen()).statuses.at(-1), { _tag: 'Offline', because: 'offline' });
  await sleep(1_500);
  t.equal(countOf(pods), 0, 'nothing is tried meanwhile');
  await page.context().setOffline(false);
  await live();
  t.notOk(tagsOf(await judge()).includes('Waiting'), 'at once');
});

t.test('when the page is frozen, then it goes on when it is shown again', async (t) => {
  const { page, cdp, pods, seen, live, judge } = await stage(t);
  await sleep(300);
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  await until('closed', () => countOf(pods) === 0);
  await sleep(2_000);
  await cdp.send('Page.setWebLifecycleState', { state: 'active' });
  const thawed = await seen();
  t.match(thawed.statuses.at(-1), { _tag: 'Waiting', because: 'hidden' });
  t.ok(thawed.statuses.some(({ because }) => because === 'frozen'));
  await (await hide(page))();
  await live();
  await judge();
});

t.test('when the page comes back from the cache of pages, then it goes on', async (t) => {
  const { page, pods, live, judge } = await stage(t);
  await sleep(300);
  await page.goto(new URL('/elsewhere', page.url()).href);
  await until('closed', () => countOf(pods) === 0);
  await sleep(1_000);
  await page.goBack({ waitUntil: 'commit' });
  await live();
  t.ok((await judge()).isRestored, 'the same page');
});

t.test('when the page is loaded again, then it goes on from its last position', async (t) => {
  const { page, live, judge } = await stage(t);
  await sleep(300);
  await page.reload();
  await live();
  const seen = await judge();
  t.notOk(seen.isRestored, 'another page');
  t.ok(seen.late.length < seen.shown.length);
});

t.test('when tokens expire all the time, then the connection stays', async (t) => {
  const { live, asked, judge } = await stage(t, { withTokens: true });
  const { connectionId } = await live();
  await sleep((TOKEN_S + 2) * 1_000);
  const seen = await judge();
  t.match(seen.statuses.at(-1), { _tag: 'Live', connectionId, userId: 'alice' });
  t.equal(tagsOf(seen).filter((tag) => tag === 'Live').length, 1);
  t.ok(asked() >= 3 && asked() < 50, `${asked()} tokens`);
});

t.test(
  'when a hidden page loses its connection, then it comes back when it is visible',
  async (t) => {
    const { page, balancer, pods, live, seen, judge } = await stage(t);
    const show = await hide(page);
    await sleep(1_000);
    t.equal(countOf(pods), 1, 'a connection stays');
    balancer.reset();
    await until('closed', () => countOf(pods) === 0);
    await sleep(2_000);
    t.equal(countOf(pods), 0, 'nothing is tried while it is hidden');
    t.match((await seen()).statuses.at(-1), { _tag: 'Waiting', because: 'hidden' });
    await show();
    await live();
    await judge();
  },
);
