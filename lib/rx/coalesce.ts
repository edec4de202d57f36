/**
 * Gathers values while the consumer is busy, and delivers them together, as a batch: the cost of a fan-out is
 * the number of writes, not their size. When idle, a value waits for the end of the turn of the event loop
 * and no longer. After a batch that took t to deliver, the next batch waits 2t, but at most 10 ms. When t is
 * more than 10 ms, the next batch waits t. So fan-out takes a third of the event loop, never more than half
 * of it, and latency grows only under load.
 *
 * `limit` bounds what waits. Beyond it, all waiting values are dropped, and the value of `overflow` takes
 * their place. A batch has at most `batch` of the waiting values, and at least one. So only a single large
 * value may be more than the buffer of the kernel holds.
 */
import {
  EMPTY,
  from,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  type Subscriber,
  Subscription,
} from 'rxjs';
import type { Clock } from '../clock.js';
import { LinkSubscriber } from './link-subscriber.js';

export interface Bound {
  readonly messages: number;
  readonly bytes: number;
}

export interface Coalesce<T, B> {
  readonly clock: Pick<Clock, 'scheduler' | 'turn'>;
  readonly batch: Bound;
  readonly limit: Bound;
  /** The bytes of a value. */
  weigh(value: T): number;
  join(values: readonly T[]): B;
  /** Completes when the batch is delivered. The next batch starts after that. */
  deliver(batch: B): ObservableInput<never>;
  /** Whether the next batch should wait a little: readers who keep up can then take what they were sent. */
  hold(messages: number, bytes: number): boolean;
  /**
   * Whether the wait after a batch is always too short for a timer. Then it is not measured how long a batch
   * takes. Absent: false.
   */
  brief?(): boolean;
  overflow(dropped: number): T;
}

/** A delay that no user notices. */
const UNNOTICED_MS = 10;

/** How long a room waits after a batch that took this many ms to deliver. */
const restAfter = (took: number): number => Math.max(took, Math.min(2 * took, UNNOTICED_MS));

/** How long a batch waits before `hold` is asked again. */
const HOLD_MS = 1;

/**
 * Emits each batch when it is delivered. Completes when the source has completed and everything is delivered.
 */
export const coalesce =
  <T, B>(options: Coalesce<T, B>): OperatorFunction<T, B> =>
  (source$) =>
    new Observable<B>((out) => {
      const gatherer = new Gatherer(out, options);
      out.add(() => gatherer.stop());
      source$.subscribe(gatherer);
    });

/**
 * A class, as each room has one, and it is mostly not in the processor's cache when a message comes: with
 * closures there would be a dozen objects to load.
 */
class Gatherer<T, B> extends LinkSubscriber<T, B> {
  private waiting: T[] = [];
  private bytes = 0;
  /** The weight of the values that go next. */
  private fitting = 0;
  private busy = false;
  private completed = false;
  private restUntil = 0;
  private timer = Subscription.EMPTY;
  private readonly flush = (): void => this.handOn();

  constructor(
    out: Subscriber<B>,
    private readonly options: Coalesce<T, B>,
  ) {
    super(out);
  }

  override next(value: T): void {
    if (this.closed) return;
    const { options, waiting } = this;
    const { limit } = options;
    try {
      const weight = options.weigh(value);
      if (waiting.length >= limit.messages || this.bytes + weight > limit.bytes) {
        const instead = options.overflow(waiting.length + 1);
        this.waiting = [instead];
        this.bytes = options.weigh(instead);
      } else {
        waiting.push(value);
        this.bytes += weight;
      }
    } catch (reason) {
      return this.error(reason);
    }
    if (!this.busy) this.schedule();
  }

  override complete(): void {
    if (this.closed) return;
    this.unsubscribe();
    this.completed = true;
    if (!this.busy) this.out.complete();
  }

  stop(): void {
    this.unsubscribe();
    this.timer.unsubscribe();
  }

  private schedule(): void {
    const { scheduler, turn } = this.options.clock;
    this.busy = true;
    const rest = this.restUntil === 0 ? 0 : this.restUntil - scheduler.now();
    // shorter than a timer can wait: only until the end of the turn
    this.timer = rest < 1 ? turn(this.flush) : scheduler.schedule(this.flush, rest);
  }

  private handOn(): void {
    const { options, waiting } = this;
    try {
      const count = this.fit();
      const weight = this.fitting;
      if (options.hold(count, weight)) {
        this.timer = options.clock.scheduler.schedule(this.flush, HOLD_MS);
        return;
      }
      const taken = count === waiting.length ? waiting : waiting.splice(0, count);
      if (taken === waiting) this.waiting = [];
      this.bytes -= weight;
      this.deliver(options.join(taken));
    } catch (reason) {
      // nobody would catch an exception in a later turn, so it would end the process
      this.out.error(reason);
    }
  }

  private deliver(joined: B): void {
    const { options, out } = this;
    const started = options.brief?.() === true ? undefined : options.clock.scheduler.now();
    const delivering = options.deliver(joined);
    // most rooms are delivered synchronously
    if (delivering === EMPTY) return this.delivered(joined, started);
    out.add(
      from(delivering).subscribe({
        error: (reason: unknown) => out.error(reason),
        complete: () => this.delivered(joined, started),
      }),
    );
  }

  private delivered(joined: B, started: number | undefined): void {
    if (started === undefined) this.restUntil = 0;
    else {
      const now = this.options.clock.scheduler.now();
      this.restUntil = now + restAfter(now - started);
    }
    this.busy = false;
    this.out.next(joined);
    if (this.waiting.length > 0) this.schedule();
    else if (this.completed) this.out.complete();
  }

  /** How many of the waiting values go at once. */
  private fit(): number {
    const { options, waiting } = this;
    const { batch } = options;
    let count = 0;
    this.fitting = 0;
    while (count < waiting.length && count < batch.messages) {
      const next = waiting[count];
      if (next === undefined) break;
      const more = this.fitting + options.weigh(next);
      if (count > 0 && more > batch.bytes) break;
      this.fitting = more;
      count++;
    }
    return count;
  }
}
