/** Tabs that share a socket while the server is away: when they try, and when they are live again. */
import t from 'tap';
import { browserWorld, type Tab } from '../../support/share-world.js';

t.setTimeout(120_000);

const retryAt = ({ statuses }: Tab): number => {
  const last = statuses.at(-1);
  return last?._tag === 'Waiting' ? last.retryAt : 0;
};

t.test(
  'when tabs are opened while the server is away, then they wait together and are live together',
  async (t) => {
    const w = browserWorld(t, { seed: 3 });
    w.server.setUp(false);
    const tabs: Tab[] = [];
    const liveAt: number[] = [];
    for (let i = 0; i < 5; i++) {
      const tab = await w.tab();
      tabs.push(tab);
      tab.watch('r');
      tab.chat.status$.subscribe(({ _tag }) => {
        if (_tag === 'Live') liveAt[i] = w.clock.wall();
      });
      await w.advance(7_000);
    }
    await w.advance(60_000);
    while (retryAt(tabs[0]!) < w.clock.wall() + 1_000) await w.advance(100);
    const times = tabs.map(retryAt);
    t.ok(Math.max(...times) - Math.min(...times) < 100, `one wait: ${times.join(', ')}`);
    w.server.setUp(true);
    await w.advance(31_000);
    t.ok(Math.max(...liveAt) - Math.min(...liveAt) < 200, `together: ${liveAt.join(', ')}`);
    t.equal(liveAt.length, 5);
    t.equal(w.server.open().length, 1);
  },
);

t.test('when a tab is opened while the others wait, then it tries at once', async (t) => {
  const w = browserWorld(t, { seed: 3 });
  w.server.setUp(false);
  const first = await w.tab();
  first.watch('r');
  await w.advance(60_000);
  while (retryAt(first) < w.clock.wall() + 5_000) await w.advance(100);
  w.server.setUp(true);
  const second = await w.tab();
  const seen = second.watch('r');
  await w.advance(1_000);
  w.server.publish('r', 'hello');
  await w.advance(100);
  t.same(seen, ['hello']);
  // its connection was live: the next failure is the first one
  await w.advance(60_000);
  w.server.cut();
  await w.advance(500);
  for (const tab of [first, second]) t.equal(tab.statuses.at(-1)?._tag, 'Live');
});

t.test(
  'when a pod drains and no other one is there, then the tabs wait as after a first failure',
  async (t) => {
    for (let seed = 1; seed <= 10; seed++) {
      const w = browserWorld(t, { seed });
      const tab = await w.tab();
      tab.watch('r');
      await w.advance(3_500);
      w.server.setUp(false);
      w.server.drain(6_000);
      await w.advance(5_000);
      while (w.server.open().length > 0) await w.advance(10);
      while (retryAt(tab) <= w.clock.wall()) await w.advance(10);
      const wait = retryAt(tab) - w.clock.wall();
      t.ok(wait <= 500, `seed ${seed}: ${wait} ms`);
      tab.chat.close();
    }
  },
);
