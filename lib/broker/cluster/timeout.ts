/**
 * Time limits for Redis's answers. An answer that does not come in time becomes `Unreachable`: every part of
 * the broker that waits for Redis has such a limit.
 *
 * Source: `patience` is a hand-written operator; it subscribes to one answer, and ends with its subscriber.
 */
import { left } from 'fp-ts/lib/Either.js';
import {
  Observable,
  of,
  type OperatorFunction,
  type SchedulerLike,
  type Subscriber,
  type Subscription,
  take,
  timeout,
} from 'rxjs';
import type { Either } from 'fp-ts/lib/Either.js';
import { LinkSubscriber } from '../../rx/link-subscriber.js';
import type { RedisReply, RedisError } from '../redis/port.js';

const noAnswer = <A>(ms: number): Either<RedisError, A> =>
  left({ _tag: 'Unreachable', detail: `no answer within ${ms} ms` });

export const orTimeout =
  <A>(
    ms: number,
    scheduler: SchedulerLike,
  ): OperatorFunction<Either<RedisError, A>, Either<RedisError, A>> =>
  (answer$) =>
    answer$.pipe(
      take(1),
      timeout({
        first: ms,
        scheduler,
        with: () => of(noAnswer<A>(ms)),
      }),
    );

interface Open {
  readonly until: number;
  expire(): void;
}

/**
 * `orTimeout` for questions that are asked very often: one timer serves all open questions. The operators of
 * rxjs cost 4 µs a question. The answer to the last question does not stop the timer: the timer elapses once
 * more, or ends with `life`.
 */
export const patience = (
  ms: number,
  scheduler: SchedulerLike,
  life: Subscription,
): (<A>(answer$: RedisReply<A>) => RedisReply<A>) => {
  /** All questions have the same limit, so the oldest one ends first. */
  const open = new Set<Open>();
  let timer: Subscription | undefined;

  const wait = (restMs: number): void => {
    if (life.closed) return;
    if (timer !== undefined) life.remove(timer);
    timer = scheduler.schedule(check, restMs);
    life.add(timer);
  };

  const check = (): void => {
    const now = scheduler.now();
    // a question that `expire` causes is added behind the others, so the loop reaches it too
    for (const question of open) {
      if (question.until > now) return wait(question.until - now);
      question.expire();
    }
    timer = undefined;
  };

  return <A>(answer$: RedisReply<A>): RedisReply<A> =>
    new Observable((out) => {
      const question = new Question(open, out, scheduler.now() + ms, ms);
      out.add(question);
      if (timer === undefined) wait(ms);
      answer$.subscribe(question);
    });
};

/**
 * A question is in the Set until it is answered. It is one object; with closures and a subscriber of rxjs
 * there would be six.
 */
class Question<A>
  extends LinkSubscriber<Either<RedisError, A>, Either<RedisError, A>>
  implements Open
{
  constructor(
    private readonly open: Set<Open>,
    out: Subscriber<Either<RedisError, A>>,
    readonly until: number,
    private readonly ms: number,
  ) {
    super(out);
    open.add(this);
  }

  override next(answer: Either<RedisError, A>): void {
    if (this.closed) return;
    this.unsubscribe();
    this.out.next(answer);
    this.out.complete();
  }

  override complete(): void {
    // a question without an answer is answered by the timer
  }

  override unsubscribe(): void {
    this.open.delete(this);
    super.unsubscribe();
  }

  expire(): void {
    this.next(noAnswer(this.ms));
  }
}
