/** The members of a room on other workers. */
import t from 'tap';
import { workerCounts } from '../../../lib/broker/exchange/worker-counts.js';

t.test('when workers write their counts, then each reads the sum of the others', async (t) => {
  const { others, left, joined } = workerCounts();
  t.equal(others('r', 'a', 2), 0);
  t.equal(others('r', 'b', 3), 2);
  t.equal(others('r', 'a', undefined), 3, 'undefined leaves the count');
  t.equal(others('other', 'a', 1), 0);
  t.equal(others('r', 'b', 0), 2);
  t.equal(others('r', 'a', undefined), 0);
  t.strictSame(joined('c'), ['a', 'b', 'c']);
  left('a');
  t.equal(others('r', 'b', 1), 0);
  t.strictSame(joined('b'), ['b', 'c']);
});
