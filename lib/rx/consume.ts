/**
 * `tap` and `ignoreElements` in one: passes each value to `take` and emits none. The two operators of rxjs
 * cost 1.5 kB a stream, which is much for a stream of one value.
 */
import { Observable, type OperatorFunction } from 'rxjs';
import { BareSubscriber } from './bare-subscriber.js';

/** An exception of `take` is the stream's error. */
export const consume =
  <T>(take: (value: T) => void): OperatorFunction<T, never> =>
  (source$) =>
    new Observable((out) => {
      const source = new BareSubscriber(
        take,
        (reason) => out.error(reason),
        () => out.complete(),
      );
      out.add(source);
      source$.subscribe(source);
    });
