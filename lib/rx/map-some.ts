/**
 * `map` whose function may return undefined, which is not emitted: one operator in place of `map` and
 * `filter`.
 */
import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { LinkSubscriber } from './link-subscriber.js';

class MapSome<T, R> extends LinkSubscriber<T, R> {
  constructor(
    private readonly project: (value: T) => R | undefined,
    out: Subscriber<R>,
  ) {
    super(out);
    out.add(this);
  }

  override next(value: T): void {
    if (this.closed) return;
    try {
      const result = this.project(value);
      if (result !== undefined) this.out.next(result);
    } catch (reason) {
      this.error(reason);
    }
  }
}

export const mapSome =
  <T, R>(project: (value: T) => R | undefined): OperatorFunction<T, R> =>
  (source$) =>
    new Observable((out) => {
      source$.subscribe(new MapSome(project, out));
    });
