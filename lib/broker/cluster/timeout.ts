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
 * `orTimeout` for questions that are asked all the time: one timer serves all open questions. The operators
 * of rxjs cost 4 µs a question. The timer runs on when the last question is answered, until `life` ends.
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
