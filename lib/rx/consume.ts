/**
 * `tap` and `ignoreElements` in one: passes each value to `take` and emits none. For streams of one value,
 * for which two operators of rxjs cost 1.5 kB.
 */
import { Observable, type OperatorFunction, Subscriber } from 'rxjs';

/** Emits no value. An exception of `take` is the stream's error. */
class Consumer<T> extends Subscriber<T> {
  constructor(
    private readonly out: Subscriber<never>,
    private readonly take: (value: T) => void,
  ) {
    // rxjs 8 makes this constructor internal. A direct subclass is the only observer that rxjs does not wrap
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
