import { left } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { type Job, StoreQueue } from '../../../lib/history/archive/store-queue.js';

const job = (messages: number, bytes = messages): Job => ({
  items: Array.from({ length: messages }, (_, i) => ({
    id: String(i),
    room: 'r',
    payload: Buffer.alloc(0),
    row: left(''),
  })),
  bytes,
  answer: () => undefined,
});

const queue = (): StoreQueue =>
  new StoreQueue({ messages: 10, bytes: 100 }, { messages: 4, bytes: 40 });

t.test('when calls wait, then a batch has as many whole calls as fit, in order', async (t) => {
  const some = queue();
  const jobs = [job(2), job(2), job(1), job(3)];
  for (const one of jobs) t.ok(some.push(one));
  t.strictSame(some.take(), jobs.slice(0, 2));
  some.done();
  t.strictSame(some.take(), jobs.slice(2));
  t.strictSame(some.take(), []);
});

t.test('when a call is larger than a batch, then it is a batch alone', async (t) => {
  const some = queue();
  const large = job(3, 90);
  t.ok(some.push(large));
  t.ok(some.push(job(1)));
  t.strictSame(some.take(), [large]);
});

t.test(
  'when the queue is full, then a call is not taken; what is being stored counts',
  async (t) => {
    const some = queue();
    t.ok(some.push(job(4)));
    t.ok(some.push(job(6)));
    t.notOk(some.push(job(1)), 'messages');
    some.take();
    t.strictSame(some.size, { messages: 10, bytes: 10 });
    t.notOk(some.push(job(1)));
    some.done();
    t.strictSame(some.size, { messages: 6, bytes: 6 });
    t.notOk(some.push(job(1, 95)), 'bytes');
    t.ok(some.push(job(4)));
    t.equal(some.clear().length, 2);
    t.strictSame(some.size, { messages: 0, bytes: 0 });
    t.ok(some.push(job(1, 1_000)), 'a call of any size when nothing waits');
  },
);
