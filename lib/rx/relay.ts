/**
 * A Subject for one subscriber. The Subject of rxjs makes a closure and a list of its observers for each
 * value: 80 bytes for each message that passes.
 */
import { Observable, type Subscriber } from 'rxjs';

export class Relay<T> extends Observable<T> {
  private subscriber: Subscriber<T> | undefined = undefined;

  constructor() {
    super((subscriber) => {
      this.subscriber = subscriber;
      return () => {
        if (this.subscriber === subscriber) this.subscriber = undefined;
      };
    });
  }

  /** A value is lost while nobody is subscribed. */
  next(value: T): void {
    this.subscriber?.next(value);
  }
}
