/** Tabs that share a socket: one comes back, or the server closes for ever. What their applications see. */
import t from 'tap';
import type { Locks } from '../../../lib/client/share/browser.js';
import { browserWorld, liveSockets } from '../../support/share-world.js';

t.test(
  'when a tab comes back from the bfcache while an old leader is frozen, then it gets messages again',
  async (t) => {
    const w = browserWorld(t);
    const tabs = [await w.tab(), await w.tab(), await w.tab()];
    const seen = tabs.map((tab) => tab.watch('r'));
    await w.advance(500);
    tabs[0]?.freeze();
    await w.advance(30_000);
    tabs[2]?.page$.next('pagehide');
    await w.advance(100);
    tabs[2]?.page$.next('pageshow');
    await w.advance(1_000);
    w.server.publish('r', 'hello');
    await w.advance(60_000);
    t.same(seen.slice(1), [['hello'], ['hello']]);
    t.equal(tabs[2]?.statuses.at(-1)?._tag, 'Live');
  },
);

t.test(
  'when the server closes the second connection of a drain for ever, then the clients of all tabs are closed',
  async (t) => {
    const w = browserWorld(t);
    const tabs = [await w.tab(), await w.tab(), await w.tab(), await w.tab()];
    tabs.forEach((tab) => tab.watch('r'));
    await w.advance(3_000);
    w.server.drain(20_000);
    while (w.server.sockets.length < 2) await w.advance(10);
    await w.advance(30);
    w.server.sockets[1]?.end(4503, 'told so');
    await w.advance(200);
    for (const { statuses } of tabs) t.match(statuses.at(-1), { _tag: 'Closed', code: 4503 });
    t.equal(liveSockets(w), 0);
  },
);

t.test(
  'when a client is closed while it takes the lock of a frozen leader, then it gives the lock back',
  async (t) => {
    const w = browserWorld(t, { stepMs: 1 });
    const { locks } = await w.tab();
    const stolen: string[] = [];
    // as in a browser, a lock is granted a moment later
    const later: Locks = {
      request: (name, options, granted) => {
        if (options.steal === true) stolen.push(name);
        return locks.request(
          name,
          options,
          (lock) =>
            new Promise((resolve, reject) =>
              w.clock.scheduler.schedule(() => void granted(lock).then(resolve, reject), 2),
            ),
        );
      },
    };
    const leader = await w.tab();
    leader.watch('r');
    await w.advance(500);
    const taker = await w.tab({ locks: later });
    taker.watch('r');
    await w.advance(500);
    leader.freeze();
    while (stolen.length === 0) await w.advance(1);
    taker.chat.close();
    await w.advance(100);
    leader.kill();
    const next = await w.tab();
    next.watch('r');
    await w.advance(1_000);
    t.equal(next.statuses.at(-1)?._tag, 'Live');
  },
);
