/**
 * `tap` and `ignoreElements` in one: hands each value to `take` and emits none. For streams that live for one
 * value, where two operators of rxjs are 1.5 kB.
 */
import { Observable, type OperatorFunction, Subscriber } from 'rxjs';

/** Hands on no value. What `take` throws is the stream's error. */
class Consumer<T> extends Subscriber<T> {
  constructor(
    private readonly out: Subscriber<never>,
    private readonly take: (value: T) => void,
  ) {
    // rxjs 8 makes it internal; it is the only observer that is not wrapped
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    super();
  }

  override next(value: T): void {
    if (this.closed) return;
    try {
      this.take(value);
    } catch (reason) {
      this.error(reason);
    }
  }

  override error(reason: unknown): void {
    if (this.closed) return;
    this.unsubscribe();
    this.out.error(reason);
  }

  override complete(): void {
    if (this.closed) return;
    this.unsubscribe();
    this.out.complete();
  }
}

export const consume =
  <T>(take: (value: T) => void): OperatorFunction<T, never> =>
  (source$) =>
    new Observable((out) => {
      const consumer = new Consumer(out, take);
      out.add(consumer);
      source$.subscribe(consumer);
    });
