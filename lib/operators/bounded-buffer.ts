/**
 * Stands between what a connection is sent and what its kernel takes. A value goes through at once while the sink is
 * idle; else it waits, in order. The value in flight counts until it is taken, half taken or not. When one more would
 * pass the bound, everything that waits is dropped and the stream ends with `overflow`: a slow reader is cut, never
 * waited for.
 */
import { Observable, type OperatorFunction, Subscriber } from 'rxjs';
import type { Bound } from './coalesce.js';

/** What a value weighs: the messages in it, and their bytes. */
export interface Weighed {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** What was handed on and not yet taken; the operator keeps it up to date for whoever wants to know. */
export interface Depth {
  messages: number;
  bytes: number;
  /** When the value in flight was handed to the sink, on the scheduler's clock; 0 when none is. */
  since: number;
}

export interface Sink<T> {
  readonly bound: Bound;
  readonly depth: Depth;
  readonly now: () => number;
  /** Whether the sink has taken all that it was handed. Asked right after each hand-over: a callback would come a turn late. */
  readonly idle: () => boolean;
  /** Emits whenever the sink has taken what was in flight. */
  readonly taken$: Observable<void>;
  readonly overflow: (dropped: readonly T[]) => void;
}

export const boundedBuffer =
  <T extends Weighed>(sink: Sink<T>): OperatorFunction<T, T> =>
  (source) =>
    new Observable<T>((downstream) => {
      const buffer = new BoundedBuffer(downstream, sink);
      buffer.add(sink.taken$.subscribe(() => buffer.taken()));
      return source.subscribe(buffer);
    });

/** One object a connection instead of a chain of operators (0.64 kB each). */
class BoundedBuffer<T extends Weighed> extends Subscriber<T> {
  private readonly waiting: T[] = [];
  private inFlight: T | undefined = undefined;

  constructor(
    private readonly downstream: Subscriber<T>,
    private readonly sink: Sink<T>,
  ) {
    super(downstream);
  }

  override next(value: T): void {
    if (this.closed) return;
    const { depth, bound } = this.sink;
    if (this.inFlight === undefined) {
      this.hand(value);
      return;
    }
    if (depth.messages + value.count > bound.messages || depth.bytes + value.bytes.length > bound.bytes) {
      this.overflow();
      return;
    }
    this.waiting.push(value);
    depth.messages += value.count;
    depth.bytes += value.bytes.length;
  }

  taken(): void {
    const { depth } = this.sink;
    if (this.inFlight === undefined || !this.sink.idle()) return;
    depth.messages -= this.inFlight.count;
    depth.bytes -= this.inFlight.bytes.length;
    depth.since = 0;
    this.inFlight = undefined;
    while (this.inFlight === undefined) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      depth.messages -= next.count;
      depth.bytes -= next.bytes.length;
      this.hand(next);
    }
  }

  override unsubscribe(): void {
    if (this.closed) return;
    this.release();
    super.unsubscribe();
  }

  private hand(value: T): void {
    this.downstream.next(value);
    if (this.sink.idle()) return;
    const { depth } = this.sink;
    this.inFlight = value;
    depth.messages += value.count;
    depth.bytes += value.bytes.length;
    depth.since = this.sink.now();
  }

  private overflow(): void {
    const dropped = [...this.waiting];
    this.release();
    this.sink.overflow(dropped);
    this.complete();
  }

  private release(): void {
    this.waiting.length = 0;
    this.inFlight = undefined;
    const { depth } = this.sink;
    depth.messages = 0;
    depth.bytes = 0;
    depth.since = 0;
  }
}
