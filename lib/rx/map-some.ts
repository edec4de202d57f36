/**
 * `map` whose function may return undefined, which is not emitted: one operator in place of `map` and
 * `filter`.
 */
import { Observable, type OperatorFunction } from 'rxjs';
import { BareSubscriber } from './bare-subscriber.js';

export const mapSome =
  <T, R>(project: (value: T) => R | undefined): OperatorFunction<T, R> =>
  (source$) =>
    new Observable((out) => {
      const next = (value: T): void => {
        const result = project(value);
        if (result !== undefined) out.next(result);
      };
      const source = new BareSubscriber(
        next,
        (error) => out.error(error),
        () => out.complete(),
      );
      out.add(source);
      source$.subscribe(source);
    });
