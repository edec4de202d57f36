import t from 'tap';
import { firstError } from '../lib/first-error.js';

t.test('when an error is about several addresses, then it is that of the first', async (t) => {
  const first = new Error('connect ECONNREFUSED ::1:6379');
  t.equal(firstError(new AggregateError([first, new Error('second')])), first);
});

t.test('when an error has no other inside, then it is that error', async (t) => {
  const empty = new AggregateError([]);
  const single = new Error('single');
  t.same([firstError(single) === single, firstError(empty) === empty], [true, true]);
});
