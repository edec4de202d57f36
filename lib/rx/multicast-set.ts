/**
 * Hands each value to many: the loop over a Set *is* the operator. An operator a subscriber would cost 0.64 kB and
 * 50–300 ns each; leaving an rxjs Subject is O(n), so 50,000 leaves block for seconds; in a Set they take 14 ms.
 *
 * One value at a time: `deliver` completes when everybody has it, and the next may be delivered then. More than
 * `slice` subscribers get it in slices with a turn of the event loop between. Who subscribes meanwhile gets it too,
 * as a Set is walked in the order of insertion; who unsubscribes before its turn does not.
 */
import { EMPTY, Observable, Subscription } from 'rxjs';
import type { Clock } from '../clock.js';

/** Somebody in the Set, once. An object, where a closure would be two: each member is cold when its turn comes. */
export interface Sink<T> {
  take(value: T): void;
}

export interface MulticastSet<T> {
  /** To subscribe is to enter the Set, to unsubscribe is to leave it. */
  subscribe(taker: Sink<T>): Subscription;
  /** How many are subscribed. */
  size(): number;
  /** Whether a value is on its way: who enters now is owed it. */
  busy(): boolean;
  deliver(value: T): Observable<never>;
}

export interface MulticastOptions {
  readonly slice: number;
  readonly turn: Clock['turn'];
}

/** A way out of the Set: an Observable's teardown would cost a closure and an array, 0.3 kB a member. */
class Unsubscribe<T> extends Subscription {
  constructor(
    private readonly takers: Set<Sink<T>>,
    private readonly taker: Sink<T>,
  ) {
    super();
    takers.add(taker);
  }

  override unsubscribe(): void {
    this.takers.delete(this.taker);
    super.unsubscribe();
  }
}

class Members<T> implements MulticastSet<T> {
  private readonly takers = new Set<Sink<T>>();
  private delivering = false;

  constructor(private readonly options: MulticastOptions) {}

  subscribe(taker: Sink<T>): Subscription {
    return new Unsubscribe(this.takers, taker);
  }

  size(): number {
    return this.takers.size;
  }

  busy(): boolean {
    return this.delivering;
  }

  deliver(value: T): Observable<never> {
    const { takers } = this;
    if (takers.size > this.options.slice) return this.inSlices(value);
    for (const taker of takers) taker.take(value);
    return EMPTY;
  }

  private inSlices(value: T): Observable<never> {
    return new Observable<never>((done) => {
      const rest = this.takers.values();
      this.delivering = true;
      const step = (): void => {
        if (this.some(rest, value)) done.add(this.options.turn(step));
        else {
          this.delivering = false;
          done.complete();
        }
      };
      done.add(() => {
        this.delivering = false;
      });
      step();
    });
  }

  private some(rest: Iterator<Sink<T>>, value: T): boolean {
    for (let i = 0; i < this.options.slice; i++) {
      const next = rest.next();
      if (next.done === true) return false;
      next.value.take(value);
    }
    return true;
  }
}

export const multicastSet = <T>(options: MulticastOptions): MulticastSet<T> => new Members(options);
