import { timer } from 'rxjs';
import t from 'tap';
import { virtualClock } from '../../lib/testing/index.js';

t.test('when time advances, then timers run in order, each at its time', async (t) => {
  const { scheduler, advance, wall } = virtualClock();
  const begin = wall();
  const ran: number[] = [];
  for (const ms of [30, 10, 20]) timer(ms, scheduler).subscribe(() => ran.push(wall() - begin));
  advance(25);
  t.same(ran, [10, 20]);
  advance(5);
  t.same([ran, wall() - begin], [[10, 20, 30], 30]);
});

t.test('when a page sleeps, then the wall clock advances and no timer runs', async (t) => {
  const { scheduler, advance, sleep, wall } = virtualClock();
  const begin = wall();
  let ran = 0;
  timer(10, scheduler).subscribe(() => ran++);
  sleep(1_000);
  t.same([ran, wall() - begin], [0, 1_000]);
  advance(10);
  t.equal(ran, 1);
});

t.test(
  'when the seed is the same, then chance is the same; with another seed it is not',
  async (t) => {
    const draw = (seed: number): readonly number[] => {
      const { random } = virtualClock(seed);
      return Array.from({ length: 100 }, random);
    };
    t.same(draw(1), draw(1));
    t.not(draw(1)[0], draw(2)[0]);
    t.ok(draw(3).every((one) => one >= 0 && one < 1));
  },
);
