/** An answer that does not come is an answer too: no part of the broker trusts the bus to give one. */
import { left } from 'fp-ts/lib/Either.js';
import { of, type OperatorFunction, type SchedulerLike, take, timeout } from 'rxjs';
import type { Either } from 'fp-ts/lib/Either.js';
import type { BusError } from './bus.js';

export const within =
  <A>(
    ms: number,
    scheduler: SchedulerLike,
  ): OperatorFunction<Either<BusError, A>, Either<BusError, A>> =>
  (answer$) =>
    answer$.pipe(
      take(1),
      timeout({
        first: ms,
        scheduler,
        with: () =>
          of(left<BusError, A>({ _tag: 'Unreachable', detail: `no answer within ${ms} ms` })),
      }),
    );
