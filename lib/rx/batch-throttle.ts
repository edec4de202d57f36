/**
 * Emits the first value at once, and later values together, once in `ms`. So storms become few batches, and a
 * single value does not wait. A batch of `most` values is emitted at once, before `ms` is over.
 */
import { Observable, type OperatorFunction, type SchedulerLike, type Subscription } from 'rxjs';

export interface BatchThrottle {
  readonly ms: number;
  readonly most: number;
  readonly scheduler: SchedulerLike;
}

export const batchThrottle =
  <T>({ ms, most, scheduler }: BatchThrottle): OperatorFunction<T, readonly T[]> =>
  (source$) =>
    new Observable((subscriber) => {
      let waiting: T[] = [];
      let lull: Subscription | undefined;

      const flush = (): void => {
        const gathered = waiting;
        waiting = [];
        subscriber.next(gathered);
      };
      const rest = (): void => {
        lull = scheduler.schedule(() => {
          lull = undefined;
          if (waiting.length === 0) return;
          rest();
          flush();
        }, ms);
      };

      subscriber.add(() => lull?.unsubscribe());
      subscriber.add(
        source$.subscribe({
          next: (value) => {
            waiting.push(value);
            if (lull !== undefined && waiting.length < most) return;
            if (lull === undefined) rest();
            flush();
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            if (waiting.length > 0) flush();
            subscriber.complete();
          },
        }),
      );
    });
