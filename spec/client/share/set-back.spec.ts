/** Tabs that share a socket, on a machine whose clock is set back: what their applications see. */
import t, { type Test } from 'tap';
import { browserWorld, liveSockets, type ShareWorld, type Tab } from '../../support/share-world.js';

t.setTimeout(120_000);

const HOUR_MS = 3_600_000;

/** Three tabs in a room; the first one leads. */
const three = async (
  t: Test,
  rate = 100,
): Promise<{ w: ShareWorld; tabs: [Tab, Tab, Tab]; seen: unknown[][] }> => {
  const w = browserWorld(t, { rate, stepMs: 50 });
  const tabs: [Tab, Tab, Tab] = [await w.tab(), await w.tab(), await w.tab()];
  const seen = tabs.map((tab) => tab.watch('r'));
  await w.advance(2_000);
  return { w, tabs, seen };
};

/** How many of the messages have an answer. */
const answered = (answers: readonly Promise<unknown>[]): (() => number) => {
  let count = 0;
  for (const answer of answers)
    answer.then(
      () => count++,
      () => undefined,
    );
  return () => count;
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

t.test('when the clock was set back, then messages are sent at the same rate', async (t) => {
  const { w, tabs, seen } = await three(t, 10);
  w.clock.sleep(-HOUR_MS);
  const count = answered(numbers(40).map((i) => tabs[i % 3]!.publish('r', i)));
  await w.advance(8_000);
  t.equal(count(), 40);
  for (const one of seen) t.equal(one.length, 40);
  t.equal(liveSockets(w), 1);
  t.equal(w.server.sockets.length, 1);
});

t.test('when the clock was set back, then a silent server is noticed', async (t) => {
  const { w, seen } = await three(t);
  w.clock.sleep(-HOUR_MS);
  w.server.setSilent(true);
  await w.advance(62_000);
  w.server.setSilent(false);
  w.server.cut();
  w.server.publish('r', 'later');
  await w.advance(2_000);
  t.ok(w.server.sockets.length > 2, 'it was given up before it was cut');
  t.same(seen, [['later'], ['later'], ['later']]);
});

t.test('when the clock was set back, then the next leader leads at once', async (t) => {
  const { w, tabs } = await three(t);
  w.clock.sleep(-HOUR_MS);
  const late = await w.tab();
  const seen = [tabs[1], tabs[2], late].map((tab) => tab.watch('q'));
  await w.advance(2_000);
  // the lead goes to the tab that was opened after the clock was set back
  for (const tab of tabs) {
    tab.page$.next('freeze');
    await w.advance(200);
    tab.page$.next('resume');
    await w.advance(500);
  }
  w.server.publish('q', 'hello');
  await w.advance(100);
  t.same(seen, [['hello'], ['hello'], ['hello']]);
  t.equal(liveSockets(w), 1);
});

t.test('when the clock was set back, then a frozen leader loses the lock', async (t) => {
  const { w, tabs, seen } = await three(t);
  w.clock.sleep(-HOUR_MS);
  tabs[0].freeze();
  await w.advance(35_000);
  w.server.publish('r', 'hello');
  await w.advance(1_000);
  t.same(seen.slice(1), [['hello'], ['hello']]);
  tabs[0].wake();
  await w.advance(2_000);
  t.same(seen[0], ['hello']);
  t.equal(liveSockets(w), 1);
});

t.test(
  'when the clock was set back and later set right, then no message is lost or comes twice',
  async (t) => {
    const { w, tabs, seen } = await three(t);
    for (const ms of [-HOUR_MS, HOUR_MS, -10 * HOUR_MS, 1_000]) {
      w.clock.sleep(ms);
      const count = answered(numbers(5).map((i) => tabs[i % 3]!.publish('r', i)));
      await w.advance(40_000);
      t.equal(count(), 5);
    }
    for (const one of seen) {
      const sent = numbers(20).map((i) => i % 5);
      t.same([...one].sort(), [...sent].sort(), 'the order of three tabs may differ');
    }
    t.equal(liveSockets(w), 1);
  },
);
