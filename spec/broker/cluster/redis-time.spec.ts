/** The time by the clock of Redis. */
import t from 'tap';
import { redisTime } from '../../../lib/broker/cluster/redis-time.js';
import { virtualClock } from '../../support/virtual-clock.js';

t.test("when no probe was answered, then the time is that of the pod's clock", async (t) => {
  const clock = virtualClock();
  const time = redisTime(clock, { ahead: () => undefined, lastAhead: () => undefined });
  t.equal(time.known(), undefined);
  t.equal(time.now(), clock.wall());
});

t.test(
  'when an outage makes the clock of Redis unknown, then the last difference is still used',
  async (t) => {
    const clock = virtualClock();
    let ahead: number | undefined = 5_000;
    const time = redisTime(clock, { ahead: () => ahead, lastAhead: () => 5_000 });
    const at = clock.scheduler.now() + 5_000;
    t.equal(time.known(), at);
    ahead = undefined;
    clock.advance(100);
    t.equal(time.known(), undefined);
    t.equal(time.now(), at + 100);
  },
);

t.test(
  'when a position is later than the clock of Redis, then the time is that of the position',
  async (t) => {
    const clock = virtualClock();
    const time = redisTime(clock, { ahead: () => 0, lastAhead: () => 0 });
    time.seen(clock.scheduler.now() + 1_000);
    time.seen(clock.scheduler.now() + 500);
    t.equal(time.nowOrLatest(), clock.scheduler.now() + 1_000);
    clock.advance(2_000);
    t.equal(time.nowOrLatest(), clock.scheduler.now());
  },
);
