/** Tabs that share a socket, and a token that is always about to end, or comes late. */
import { map, timer } from 'rxjs';
import t from 'tap';
import { browserWorld } from '../../support/share-world.js';

t.test(
  'when each token has less than 30 s left, then the leader does not ask in a loop',
  async (t) => {
    const w = browserWorld(t, { latencyMs: 10 });
    let asked = 0;
    const token = (): string => {
      asked++;
      return 'token';
    };
    w.server.accept$.subscribe(() => w.server.expire());
    w.server.frame$.subscribe(({ frame }) => {
      if (frame.type === 'refresh') w.server.expire();
    });
    const tab = await w.tab({ token });
    tab.watch('r');
    await w.advance(60_000);
    t.ok(asked >= 3 && asked <= 8, `${asked} requests in a minute`);
    t.equal(tab.statuses.at(-1)?._tag, 'Live');
  },
);

t.test(
  'when the token takes 9 s and the handshake another 12 s, then the tabs are live',
  async (t) => {
    const w = browserWorld(t);
    const token = () => timer(9_000, w.clock.scheduler).pipe(map(() => 'token'));
    const tabs = [await w.tab({ token }), await w.tab({ token })];
    tabs.forEach((tab) => tab.watch('r'));
    w.server.setSilent(true);
    await w.advance(21_000);
    w.server.setSilent(false);
    await w.advance(500);
    for (const { statuses } of tabs) t.same(statuses.map(({ _tag }) => _tag).slice(-1), ['Live']);
    t.equal(w.server.sockets.length, 1);
  },
);
