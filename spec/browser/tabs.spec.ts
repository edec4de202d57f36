/** Tabs of Debian's Chromium that share one connection to three pods. `npm run tabs` does the same for longer. */
import t from 'tap';
import { killLeaders } from '../support/tabs.js';

t.setTimeout(300_000);

t.test(
  'when the leader of six tabs is closed, crashes or freezes, then every tab shows every message once',
  async (t) => {
    const { published, judged, silences, connections, ...counts } = await killLeaders(t, {
      tabs: 6,
      kills: 8,
      perSecond: 50,
      onKill: (line) => t.comment(line),
    });
    t.match(counts, { missing: 0, twice: 0, disordered: 0, gaps: 0 });
    t.equal(connections, 1, 'at the pods, after each kill');
    t.equal(silences.length, 8);
    t.ok(judged >= 6);
    t.comment(`${published} messages, ${Math.round(Math.max(...silences))} ms at most`);
  },
);
