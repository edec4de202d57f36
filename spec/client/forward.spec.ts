/** Time that never goes back. */
import t from 'tap';
import { type Forward, forward } from '../../lib/client/forward.js';

/** The time after each value of the wall clock. */
const times = (...walls: readonly number[]): readonly number[] => {
  let time: Forward = { nowMs: 0, setBack: 0 };
  return walls.map((wall) => {
    time = forward(time, wall);
    return time.nowMs;
  });
};

t.test('when the wall clock goes on or jumps ahead, then time follows it', async (t) => {
  t.strictSame(times(1_000, 1_000, 1_005, 9_000), [1_000, 1_000, 1_005, 9_000]);
});

t.test(
  'when the wall clock is set back, then time stands still for that moment and goes on',
  async (t) => {
    t.strictSame(times(5_000, 1_000, 1_010, 1_020), [5_000, 5_000, 5_010, 5_020]);
    t.strictSame(times(5_000, 1_000, 1_010, 10, 30), [5_000, 5_000, 5_010, 5_010, 5_030], 'twice');
    t.strictSame(
      forward({ nowMs: 5_000, setBack: 0 }, 1_000),
      { nowMs: 5_000, setBack: 4_000 },
      'the wall clock is so far behind',
    );
  },
);

t.test('when a clock that was set back jumps ahead, then time does, too', async (t) => {
  t.strictSame(times(5_000, 1_000, 6_000), [5_000, 5_000, 10_000]);
});
