/**
 * The last subscriber of a stream as one object. rxjs wraps an observer of functions twice: with thousands of
 * rooms, which are not in the processor's cache, each wrapper costs 0.2 µs a message. An exception of `take`
 * becomes the stream's error; rxjs would let it end the process.
 */
import { Subscriber } from 'rxjs';

export class BareSubscriber<T> extends Subscriber<T> {
  constructor(
    private readonly take: (value: T) => void,
    private readonly failed: (reason: unknown) => void,
    private readonly ended: () => void,
  ) {
    // rxjs 8 makes this constructor internal. It is called all the same: rxjs wraps all other observers
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
    this.failed(reason);
  }

  override complete(): void {
    if (this.closed) return;
    this.unsubscribe();
    this.ended();
  }
}
