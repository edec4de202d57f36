/** An answer that is asked for again, with growing waits, while it is `Left`. */
import { type Either, isRight } from 'fp-ts/lib/Either.js';
import { defer, type Observable, of, switchMap, timer } from 'rxjs';
import type { Clock } from '../clock.js';
import { backoffMs } from './backoff.js';

/**
 * `ask$` emits once for each subscription. The last try is made when `timeoutMs` have passed since the first
 * one; its answer is emitted, whatever it is.
 */
export const untilRight = <E, A>(
  ask$: Observable<Either<E, A>>,
  { scheduler, random }: Pick<Clock, 'scheduler' | 'random'>,
  timeoutMs: number,
): Observable<Either<E, A>> =>
  defer(() => {
    const until = scheduler.now() + timeoutMs;
    const asked = (failures: number): Observable<Either<E, A>> =>
      ask$.pipe(
        switchMap((answer) => {
          const leftMs = until - scheduler.now();
          return isRight(answer) || leftMs <= 0
            ? of(answer)
            : timer(Math.min(backoffMs(failures, random), leftMs), scheduler).pipe(
                switchMap(() => asked(failures + 1)),
              );
        }),
      );
    return asked(0);
  });
