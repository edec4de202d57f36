/**
 * `mergeMap` for projections that are mostly done when they return: an inner Observable that is already over costs 2 µs
 * to find that out, so a projection may return nothing instead. Unbounded like `mergeMap`: the source bounds it.
 */
import { Observable, type OperatorFunction } from 'rxjs';

/** Emits what the inner ones emit; completes when the source and all of them have. */
export const mergeSome =
  <T, R>(project: (value: T) => Observable<R> | undefined): OperatorFunction<T, R> =>
  (source$) =>
    new Observable((out) => {
      let under = 0;
      let over = false;
      const error = (reason: unknown): void => out.error(reason);
      const run = (inner$: Observable<R>): void => {
        under++;
        const inner = inner$.subscribe({
          next: (value) => out.next(value),
          error,
          complete: () => {
            under--;
            if (over && under === 0) out.complete();
          },
        });
        // it takes itself out again when it ends
        if (!inner.closed) out.add(inner);
      };
      out.add(
        source$.subscribe({
          next: (value) => {
            let inner$: Observable<R> | undefined;
            try {
              inner$ = project(value);
            } catch (reason) {
              return out.error(reason);
            }
            if (inner$ !== undefined) run(inner$);
          },
          error,
          complete: () => {
            over = true;
            if (under === 0) out.complete();
          },
        }),
      );
    });
