/** The drain of a pod, in virtual time. */
import type { Subscription } from 'rxjs';
import t from 'tap';
import { drain } from '../../lib/connection/drain.js';
import { CLOSE } from '../../lib/protocol/close-codes.js';
import { many, type Played, setOf } from '../support/played-connection.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';

const DRAIN_MS = 10_000;

const drained = (
  clock: VirtualClock,
  all: readonly Played[],
): { readonly ended: () => boolean; readonly running: Subscription } => {
  let ended = false;
  const running = drain({ clock, drainMs: DRAIN_MS })(setOf(all)).subscribe({
    complete: () => {
      ended = true;
    },
  });
  return { ended: () => ended, running };
};

const promised = ({ sent }: Played): number => {
  const [first] = sent;
  if (first?.control.event !== 'draining') throw new Error('not told');
  return first.at + first.control.reconnect_in_ms;
};

t.test(
  'when a pod drains, then every client gets draining first, and 1001 at the announced time',
  async (t) => {
    const clock = virtualClock();
    const all = many(clock, 500);
    const { ended } = drained(clock, all);
    clock.advance(0);
    t.ok(
      all.every(({ sent }) => sent.length === 1),
      'everybody is told at once',
    );
    t.ok(
      all.every(({ closes }) => closes.length === 0),
      'before anybody is closed',
    );
    clock.advance(DRAIN_MS);
    t.ok(ended());
    for (const each of all) {
      t.same(
        each.closes.map(({ why }) => why),
        [CLOSE.goingAway],
      );
      const late = (each.closes[0]?.at ?? 0) - promised(each);
      t.ok(late >= -1 && late <= 30, `closed ${late} ms after the promise`);
    }
  },
);

t.test(
  'when a pod drains, then the closes are spread over the first 70 % of the time',
  async (t) => {
    const clock = virtualClock();
    const all = many(clock, 700);
    drained(clock, all);
    clock.advance(DRAIN_MS);
    const times = all.map(({ closes }) => closes[0]?.at ?? Infinity);
    t.ok(Math.max(...times) <= 0.7 * DRAIN_MS + 50, `the last at ${Math.max(...times)}`);
    for (let tenth = 0; tenth < 7; tenth++) {
      const here = times.filter((at) => at >= tenth * 1_000 && at < (tenth + 1) * 1_000).length;
      t.ok(here >= 90 && here <= 110, `${here} of 700 in second ${tenth}`);
    }
  },
);

t.test(
  'when thousands of clients are drained, then they get draining and 1001 in batches, a turn apart',
  async (t) => {
    const clock = virtualClock();
    const all = many(clock, 5_000);
    let turns = 0;
    let most = 0;
    let before = 0;
    const counting: VirtualClock = {
      ...clock,
      turn: (work) =>
        clock.turn(() => {
          turns += 1;
          work();
          const notified = all.filter(({ sent: notified }) => notified.length > 0).length;
          most = Math.max(most, notified - before);
          before = notified;
        }),
    };
    drained(counting, all);
    clock.advance(0);
    t.ok(turns >= 5);
    t.ok(most <= 1_000, `${most} in one turn`);
    clock.advance(DRAIN_MS);
    t.ok(all.every(({ closes }) => closes.length === 1));
  },
);

t.test(
  'when no client is connected, then the drain ends at once; unsubscribed, it leaves no timer',
  async (t) => {
    const clock = virtualClock();
    t.ok(drained(clock, []).ended());
    t.equal(clock.pending(), 0);
    const all = many(clock, 10);
    const { running } = drained(clock, all);
    clock.advance(1_000);
    t.ok(clock.pending() > 0);
    running.unsubscribe();
    t.equal(clock.pending(), 0);
  },
);

t.test('when one client is connected, then it gets draining and is closed too', async (t) => {
  const clock = virtualClock();
  const [one] = many(clock, 1);
  if (one === undefined) throw new Error('nobody');
  const { ended } = drained(clock, [one]);
  clock.advance(DRAIN_MS);
  t.same([one.sent.length, one.closes.length, ended()], [1, 1, true]);
});
