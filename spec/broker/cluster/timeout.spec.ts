import { type Either, isLeft, right } from 'fp-ts/lib/Either.js';
import { NEVER, of, Subject, Subscription } from 'rxjs';
import t from 'tap';
import type { RedisReply, RedisError } from '../../../lib/broker/redis/port.js';
import { patience } from '../../../lib/broker/cluster/timeout.js';
import { virtualClock } from '../../support/virtual-clock.js';

const answers = () => {
  const clock = virtualClock();
  const life = new Subscription();
  const patient = patience(1_000, clock.scheduler, life);
  const outcomes: string[] = [];
  const ask = (name: string, answer$: RedisReply<number>): Subscription =>
    patient(answer$).subscribe((answer) => {
      const outcome = isLeft(answer) ? answer.left._tag : answer.right;
      outcomes.push(`${name} ${outcome} at ${clock.scheduler.now() - began}`);
    });
  const began = clock.scheduler.now();
  return { clock, life, outcomes, ask };
};

t.test(
  'when no answer comes, then each question ends after its own time, by one timer',
  async (t) => {
    const { clock, outcomes, ask } = answers();
    ask('a', NEVER);
    clock.advance(400);
    ask('b', NEVER);
    ask('c', of(right(3)));
    t.equal(clock.pending(), 1);
    clock.advance(5_000);
    t.same(outcomes, ['c 3 at 400', 'a Unreachable at 1000', 'b Unreachable at 1400']);
    t.equal(clock.pending(), 0, 'nothing is open, so nothing waits');
    ask('d', NEVER);
    clock.advance(1_000);
    t.equal(outcomes.at(-1), 'd Unreachable at 6400');
  },
);

t.test('when an answer comes in time, then it is the only one', async (t) => {
  const { clock, outcomes, ask } = answers();
  const answer$ = new Subject<Either<RedisError, number>>();
  ask('a', answer$);
  clock.advance(999);
  answer$.next(right(1));
  answer$.next(right(2));
  clock.advance(5_000);
  t.same(outcomes, ['a 1 at 999']);
  t.notOk(answer$.observed);
});

t.test(
  'when the question is unsubscribed, or its life has ended, then no answer is emitted',
  async (t) => {
    const { clock, life, outcomes, ask } = answers();
    const answer$ = new Subject<Either<RedisError, number>>();
    ask('a', answer$).unsubscribe();
    t.notOk(answer$.observed);
    ask('b', answer$);
    life.unsubscribe();
    t.equal(clock.pending(), 0);
    clock.advance(5_000);
    t.same(outcomes, []);
  },
);
