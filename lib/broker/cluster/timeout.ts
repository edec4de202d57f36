/** An answer that does not come is an answer too: no part of the broker trusts the bus to give one. */
import { left } from 'fp-ts/lib/Either.js';
import {
  Observable,
  of,
  type OperatorFunction,
  type SchedulerLike,
  type Subscription,
  take,
  timeout,
} from 'rxjs';
import type { Either } from 'fp-ts/lib/Either.js';
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
  readonly expire: () => void;
}

/**
 * `within` for questions that are asked all the time: one timer for all that are open, and none of rxjs's
 * operators, 4 µs a question. The timer runs on when the last one is answered, until `life` ends.
 */
export const patience = (
  ms: number,
  scheduler: SchedulerLike,
  life: Subscription,
): (<A>(answer$: RedisReply<A>) => RedisReply<A>) => {
  /** All wait equally long, so the oldest ends first. */
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
    // what is asked meanwhile stands behind the others, so it is seen here too
    for (const { until, expire } of open) {
      if (until > now) return wait(until - now);
      expire();
    }
    timer = undefined;
  };

  return <A>(answer$: RedisReply<A>): RedisReply<A> =>
    new Observable((out) => {
      const emit = (answer: Either<RedisError, A>): void => {
        out.next(answer);
        out.complete();
      };
      const one: Open = { until: scheduler.now() + ms, expire: () => emit(noAnswer(ms)) };
      out.add(() => open.delete(one));
      open.add(one);
      if (timer === undefined) wait(ms);
      out.add(answer$.subscribe(emit));
    });
};
