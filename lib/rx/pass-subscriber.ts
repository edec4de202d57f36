/** The subscriber of one of several streams that are merged: passes each value directly to `out`. */
import type { Subscriber } from 'rxjs';
import { LinkSubscriber } from './link-subscriber.js';

export class PassSubscriber<T> extends LinkSubscriber<T, T> {
  constructor(
    out: Subscriber<T>,
    private readonly ended: () => void,
    /** Called with an error. Without it, the error is that of the merged stream. */
    private readonly failed?: (reason: unknown) => void,
  ) {
    super(out);
  }

  override next(value: T): void {
    if (!this.closed) this.out.next(value);
  }

  override error(reason: unknown): void {
    if (this.failed === undefined) return super.error(reason);
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
