/** One socket for all tabs of a browser, in virtual time: what the applications of the tabs see. */
import t from 'tap';
import { browserWorld, liveSockets, type Tab } from '../../support/share-world.js';

t.test('when tabs share, then one socket serves all of them', async (t) => {
  const w = browserWorld(t);
  const tabs = [await w.tab(), await w.tab(), await w.tab()];
  const seen = tabs.map((tab) => tab.watch('r'));
  await w.advance(200);
  w.server.publish('r', 1);
  await w.advance(20);
  await Promise.all([tabs[1]!.publish('r', 'own'), w.advance(50)]);
  t.same(liveSockets(w), 1);
  t.same(seen, [
    [1, 'own'],
    [1, 'own'],
    [1, 'own'],
  ]);
  t.same(
    w.server
      .open()[0]
      ?.frames.filter(
        ({ type, data }) => type === 'join' && (data as { last_id?: string }).last_id,
      ),
    [],
  );
});

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

for (const [how, end] of [
  ['dies', (tab: Tab) => tab.kill()],
  ['is closed', (tab: Tab) => tab.chat.close()],
  ['is frozen by the browser', (tab: Tab) => tab.page$.next('freeze')],
  ['freezes without an event', (tab: Tab) => tab.freeze()],
] as const)
  t.test(
    `when the leader ${how}, then another tab leads, and no message is lost or comes twice`,
    async (t) => {
      const w = browserWorld(t, { stepMs: 80 });
      const tabs = [await w.tab()];
      await w.advance(50);
      const first = tabs[0]!.watch('r');
      await w.advance(50);
      tabs.push(await w.tab(), await w.tab());
      const seen = tabs.slice(1).map((tab) => tab.watch('r'));
      await w.advance(500);
      let sent = 0;
      const load = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) {
          w.server.publish('r', ++sent);
          await w.advance(80);
        }
      };
      await load(10);
      end(tabs[0]!);
      const own = tabs[1]!.publish('r', 'own');
      await load(220);
      await own;
      await w.advance(1_000);
      t.equal(first.length >= 10, true);
      for (const one of seen) {
        t.same(
          one.filter((data) => data !== 'own'),
          numbers(1, sent),
        );
        t.same(one.filter((data) => data === 'own').length, 1);
      }
      const isFrozen = how === 'freezes without an event';
      t.equal(liveSockets(w), isFrozen ? 2 : 1);
      if (!isFrozen) return;
      tabs[0]!.wake();
      await w.advance(2_000);
      t.equal(liveSockets(w), 1);
      t.same(
        first.filter((data) => data !== 'own'),
        numbers(1, sent),
      );
      t.equal(first.length, sent + 1);
    },
  );
