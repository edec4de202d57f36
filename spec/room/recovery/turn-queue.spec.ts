/** Work that waits for its turn of the event loop. */
import t from 'tap';
import { turnQueue } from '../../../lib/room/recovery/turn-queue.js';
import { turnsByHand } from '../../support/marbles.js';

t.test('when more waits than a turn runs, then the rest runs in the turns after it', async (t) => {
  const turns = turnsByHand();
  const queue = turnQueue(turns, 2);
  const ran: number[] = [];
  for (let i = 1; i <= 5; i++) queue.push(() => ran.push(i));
  t.same(ran, [], 'nothing runs at once');
  t.equal(turns.due(), 1, 'one turn for all');
  turns.next();
  t.same(ran, [1, 2]);
  turns.next();
  t.same(ran, [1, 2, 3, 4]);
  turns.next();
  t.same(ran, [1, 2, 3, 4, 5]);
  t.equal(turns.due(), 0);
});

t.test('when work pushes work, then that runs in a later turn', async (t) => {
  const turns = turnsByHand();
  const queue = turnQueue(turns, 2);
  const ran: string[] = [];
  queue.push(() => {
    ran.push('first');
    queue.push(() => ran.push('second'));
  });
  turns.next();
  t.same(ran, ['first']);
  turns.next();
  t.same(ran, ['first', 'second']);
  t.equal(turns.due(), 0);
});

t.test('when the queue is cleared, then nothing of it runs and no turn is left', async (t) => {
  const turns = turnsByHand();
  const queue = turnQueue(turns, 1);
  const ran: number[] = [];
  for (let i = 1; i <= 3; i++) queue.push(() => ran.push(i));
  turns.next();
  queue.clear();
  t.equal(turns.due(), 0);
  t.same(ran, [1]);
});
