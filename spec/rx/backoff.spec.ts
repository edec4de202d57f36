/** Waits between tries. */
import fc from 'fast-check';
import t from 'tap';
import { backoffMs } from '../../lib/rx/backoff.js';

t.test(
  'when tries fail, then each wait is up to twice the one before, at most a second',
  async (t) => {
    t.same(
      [0, 1, 2, 3, 4, 5, 6, 1_000].map((failures) => backoffMs(failures, () => 1)),
      [50, 100, 200, 400, 800, 1_000, 1_000, 1_000],
    );
  },
);

t.test('when pods wait, then half of each wait is random', async (t) => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(10_000), chance, (failures, random) => {
      const [wait, most] = [backoffMs(failures, () => random), backoffMs(failures, () => 1)];
      return wait >= most / 2 && wait <= most;
    }),
  );
  t.pass('for any number of failures');
});
