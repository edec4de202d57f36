import t from 'tap';
import { fullJitterMs } from '../../lib/client/backoff.js';

t.test(
  'when failures go on, then the bound doubles from 250 ms to 30 s, and the wait is 1 ms to that',
  async (t) => {
    t.same(
      [0, 1, 2, 7, 100].map((failures) => fullJitterMs(failures, 1)),
      [250, 500, 1_000, 30_000, 30_000],
    );
    t.same([fullJitterMs(3, 0), fullJitterMs(3, 0.5)], [1, 1_000], 'never at once');
  },
);
