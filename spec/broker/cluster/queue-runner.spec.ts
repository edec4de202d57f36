/** The effects of a room's publish queue: calls of Redis, timers and answers. */
import { left } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { closeQueue } from '../../../lib/broker/cluster/queue-runner.js';
import type { RedisError } from '../../../lib/broker/redis/port.js';
import { outcomes, queueWorld, TIMEOUT_MS } from '../../support/queue-world.js';

const BROKEN: RedisError = { _tag: 'Unreachable', detail: 'the connection broke' };

t.test('when a call is under way, then later messages wait for the next one', async (t) => {
  const w = queueWorld();
  w.publish('a', 'b');
  w.publish('c');
  t.equal(w.calls.length, 1);
  w.replies[0]?.next(outcomes('1', '2'));
  t.same(w.answers, ['a cluster', 'b cluster']);
  t.same(w.log, ['placed 1,2', 'call ended']);
  t.equal(w.calls.length, 2);
  w.replies[1]?.next(outcomes('3'));
  t.same(w.log.slice(2), ['placed 3', 'call ended', 'rest']);
  t.equal(w.clock.pending(), 0);
});

t.test('when more than 64 messages wait, then a call takes 64 of them', async (t) => {
  const w = queueWorld();
  w.publish(...Array.from({ length: 65 }, (_, i) => `${i}`));
  t.equal(w.calls[0]?.[1].length, 64);
});

t.test(
  'when the connection breaks during a try, then the same call is sent again soon',
  async (t) => {
    const w = queueWorld();
    w.publish('a');
    w.replies[0]?.next(left(BROKEN));
    t.equal(w.calls.length, 1);
    w.clock.advance(10);
    const [first, again] = w.calls;
    t.same(again?.slice(2, 5), first?.slice(2, 5), 'nonces, tag and deadline');
    t.match(again?.[5], { id: first?.[5]?.id, again: { tag: 1, offset: 9 } });
    w.replies[1]?.next(outcomes('1'));
    t.same(w.answers, ['a cluster']);
    t.same(w.log, ['placed 1', 'call ended', 'rest', 'recheck'], 'no pod may have got it');
  },
);

t.test(
  'when a call has no time left, then its messages go to the members on this pod',
  async (t) => {
    const w = queueWorld();
    w.publish('a', 'b');
    w.push(0);
    w.clock.advance(TIMEOUT_MS);
    t.same(w.answers, ['a cluster', 'b pod'], 'the channel has shown one of them');
    t.match(w.log, [
      'failed: 2, no answer within 2000 ms',
      'acked by push: 1',
      'delivered on the pod',
      'call ended',
    ]);
    w.replies[0]?.next(outcomes('1', '2'));
    t.notOk(w.log.includes('placed 1,2'), 'an answer that is too late is dropped');
    t.equal(w.clock.pending(), 0);
  },
);

t.test(
  'when the event loop was stalled, then an answer that has come is handled before the time limit',
  async (t) => {
    const w = queueWorld();
    w.publish('a');
    w.clock.scheduler.schedule(() => w.replies[0]?.next(outcomes('1')), TIMEOUT_MS);
    w.clock.advance(TIMEOUT_MS);
    t.same(w.answers, ['a cluster']);
  },
);

t.test(
  'when all messages of a call came on the channel, then a broken try is not repeated',
  async (t) => {
    const w = queueWorld();
    w.publish('a');
    w.push(0);
    w.replies[0]?.next(left(BROKEN));
    t.same([w.answers, w.calls.length], [['a cluster'], 1]);
    t.match(w.log, ['acked by push: 1', 'call ended', 'rest', 'recheck']);
  },
);

t.test(
  'when there is no connection, then the first message waits until its time limit',
  async (t) => {
    const w = queueWorld();
    w.isReady = false;
    w.publish('a');
    w.clock.advance(TIMEOUT_MS - 1);
    t.same([w.answers, w.log], [[], []]);
    w.clock.advance(1);
    t.same(w.answers, ['a pod']);
    t.match(w.log[0], /^failed: 1, there is no connection/);
  },
);

t.test(
  'when an outage is known, then messages go to the members on this pod at once',
  async (t) => {
    const w = queueWorld();
    w.route = 'pod';
    w.publish('a');
    t.same([w.answers, w.calls.length], [['a pod'], 0]);
  },
);

t.test('when a queue is closed, then all messages without an answer are returned', async (t) => {
  const w = queueWorld();
  w.publish('a');
  w.publish('b');
  t.equal(closeQueue(w.queue).length, 2);
  t.notOk(w.replies[0]?.observed);
  t.equal(w.clock.pending(), 0);
});
