/**
 * A Subject for one subscriber. rxjs' own makes a closure for each value, and a list of its observers; where
 * a room has one and each message takes it, that is 80 bytes a value.
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

  /** Lost while nobody is subscribed. */
  next(value: T): void {
    this.subscriber?.next(value);
  }
}
