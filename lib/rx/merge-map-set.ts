/**
 * `mergeMap` for many inner Observables that run at the same time, or for many that have nothing to wait for.
 * rxjs keeps them in an array, so with 50,000 of them each end searches 50,000; here they are in a Set. Also,
 * an inner Observable that has already completed costs 2 µs: here the projection may return undefined in its
 * place. Unbounded like `mergeMap`: the source bounds it.
 */
import { Observable, type OperatorFunction, type Subscriber, type Subscription } from 'rxjs';
import { BareSubscriber } from './bare-subscriber.js';
import { PassSubscriber } from './pass-subscriber.js';

/** In the Set until it ends. */
class Inner<T> extends PassSubscriber<T> {
  constructor(
    private readonly inners: Set<Subscription>,
    out: Subscriber<T>,
    ended: () => void,
    failed: (() => void) | undefined,
  ) {
    super(out, ended, failed);
    inners.add(this);
  }

  override unsubscribe(): void {
    this.inners.delete(this);
    super.unsubscribe();
  }
}

/**
 * Emits the values of the inner Observables; completes when the source and all of them have. With `failed`,
 * an error of an inner Observable ends only that one, and its value of the source is passed to `failed`. A
 * `catchError` in each inner Observable would cost one more call for each value.
 */
export const mergeMapSet =
  <T, R>(
    project: (value: T) => Observable<R> | undefined,
    failed?: (value: T) => void,
  ): OperatorFunction<T, R> =>
  (source$) =>
    new Observable((out) => {
      const inners = new Set<Subscription>();
      let under = 0;
      let over = false;
      const error = (reason: unknown): void => out.error(reason);
      const ended = (): void => {
        under--;
        if (over && under === 0) out.complete();
      };
      const failure = (value: T): (() => void) | undefined =>
        failed === undefined
          ? undefined
          : () => {
              try {
                failed(value);
              } catch (reason) {
                return error(reason);
              }
              ended();
            };

      const run = (inner$: Observable<R>, value: T): void => {
        under++;
        inner$.subscribe(new Inner(inners, out, ended, failure(value)));
      };

      out.add(() => {
        for (const inner of inners) inner.unsubscribe();
      });
      const take = (value: T): void => {
        const inner$ = project(value);
        if (inner$ !== undefined) run(inner$, value);
      };
      const source = new BareSubscriber(take, error, () => {
        over = true;
        if (under === 0) out.complete();
      });
      out.add(source);
      source$.subscribe(source);
    });
