/** One timer for all tokens. */
import t from 'tap';
import { ExpiryTimer, type Waiter } from '../../lib/auth/expiry-timer.js';
import { virtualClock, type VirtualClock } from '../support/virtual-clock.js';

const waiterFor = (at: number, reached: () => void): Waiter => ({ at, onExpiry: reached });

t.test('when many tokens expire, then one timer serves all of them', async (t) => {
  const clock = virtualClock();
  const expiries = new ExpiryTimer(clock);
  const ended: number[] = [];
  const wait = (inMs: number): Waiter => {
    const waiter = waiterFor(clock.wall() + inMs, () => ended.push(inMs));
    expiries.enter(waiter);
    return waiter;
  };
  const [first, , , , furthest] = [5_000, 70_000, 30, 30, 2 ** 40, 100].map(wait) as [
    Waiter,
    ...Waiter[],
  ];
  t.equal(clock.pending(), 1);
  clock.advance(29);
  t.strictSame(ended, []);
  clock.advance(1);
  t.strictSame(ended, [30, 30]);
  clock.advance(70);
  t.strictSame(ended, [30, 30, 100]);
  expiries.leave(first);
  clock.advance(100_000);
  t.strictSame(ended, [30, 30, 100, 70_000], 'who has left is not told');
  t.equal(clock.pending(), 1);
  expiries.leave(furthest as Waiter);
  t.equal(clock.pending(), 0);
  wait(-1);
  clock.advance(0);
  t.equal(ended.at(-1), -1, 'what has been is told at once');
  t.equal(clock.pending(), 0);
});

t.test(
  'when a thousand tokens expire and remove each other, then each callback runs at most once',
  async (t) => {
    const clock: VirtualClock = virtualClock();
    const expiries = new ExpiryTimer(clock);
    let ended = 0;
    const waiters: Waiter[] = Array.from({ length: 1_000 }, (_, i) =>
      waiterFor(clock.wall() + 1_000 + i, () => {
        ended += 1;
        // the first takes the next with it
        if (i % 2 === 0) expiries.leave(waiters[i + 1] as Waiter);
      }),
    );
    for (const waiter of waiters) expiries.enter(waiter);
    clock.advance(1_500);
    t.ok(ended >= 240 && ended <= 251, `${ended} after half of the time`);
    clock.advance(520);
    t.equal(ended, 500);
    t.equal(clock.pending(), 0);
  },
);
