/**
 * Stands between what a connection is sent and what its kernel takes. A value goes through at once while the sink is
 * idle; else it waits, in order. The value in flight counts until it is taken, half taken or not. When one more would
 * pass the bound, everything that waits is dropped and the stream ends with `overflow`: a slow reader is cut, never
 * waited for.
 */
import { Observable, type OperatorFunction } from 'rxjs';
import type { Bound } from './coalesce.js';

/** What a value weighs: the messages in it, and their bytes. */
export interface Weighed {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** What takes the values, one at a time. */
export interface Sink<T> {
  readonly bound: Bound;
  now(): number;
  take(value: T): void;
  /** Whether everything was taken. Asked right after each hand-over: a callback would come a turn late. */
  idle(): boolean;
  overflow(): void;
}

/**
 * The operator's one object a connection; a chain of operators would cost 0.64 kB a link. `boundedBuffer` is its rxjs
 * form; the outbox, where there are 10,000 of them, is one: a sink apart would be another object to fetch for each member.
 */
export abstract class BoundedBuffer<T extends Weighed> implements Sink<T> {
  /** Messages and bytes handed on and not yet taken. */
  messages = 0;
  bytes = 0;
  /** When the value in flight was handed to the sink, on its clock; 0 when none is. */
  since = 0;
  private waiting: T[] | undefined = undefined;
  private inFlight: T | undefined = undefined;
  private ended = false;

  abstract get bound(): Bound;
  abstract now(): number;
  abstract take(value: T): void;
  abstract idle(): boolean;
  abstract overflow(): void;

  next(value: T): void {
    if (this.ended) return;
    if (this.inFlight === undefined) {
      this.hand(value);
      return;
    }
    const { messages, bytes } = this.bound;
    if (this.messages + value.count > messages || this.bytes + value.bytes.length > bytes) {
      this.end();
      this.overflow();
      return;
    }
    this.waiting ??= [];
    this.waiting.push(value);
    this.messages += value.count;
    this.bytes += value.bytes.length;
  }

  /** The sink has taken what was in flight. */
  taken(): void {
    if (this.inFlight === undefined || !this.idle()) return;
    this.messages -= this.inFlight.count;
    this.bytes -= this.inFlight.bytes.length;
    this.since = 0;
    this.inFlight = undefined;
    this.handOn();
  }

  /** Drops what waits, and everything that still comes. */
  end(): void {
    this.ended = true;
    this.waiting = undefined;
    this.inFlight = undefined;
    this.messages = 0;
    this.bytes = 0;
    this.since = 0;
  }

  private handOn(): void {
    for (let next = this.waiting?.shift(); next !== undefined; next = this.waiting?.shift()) {
      this.messages -= next.count;
      this.bytes -= next.bytes.length;
      this.hand(next);
      if (this.inFlight !== undefined) return;
    }
    this.waiting = undefined;
  }

  private hand(value: T): void {
    this.take(value);
    if (this.ended || this.idle()) return;
    this.inFlight = value;
    this.messages += value.count;
    this.bytes += value.bytes.length;
    this.since = this.now();
  }
}

/** One whose sink is another's. */
export class SinkBuffer<T extends Weighed> extends BoundedBuffer<T> {
  constructor(private readonly sink: Sink<T>) {
    super();
  }

  get bound(): Bound {
    return this.sink.bound;
  }

  now(): number {
    return this.sink.now();
  }

  take(value: T): void {
    this.sink.take(value);
  }

  idle(): boolean {
    return this.sink.idle();
  }

  overflow(): void {
    this.sink.overflow();
  }
}

export interface BoundedBufferOptions {
  readonly bound: Bound;
  readonly now: () => number;
  readonly idle: () => boolean;
  /** Emits whenever the consumer has taken what it was handed. */
  readonly taken$: Observable<unknown>;
  readonly overflow: () => void;
}

export const boundedBuffer =
  <T extends Weighed>({
    bound,
    now,
    idle,
    taken$,
    overflow,
  }: BoundedBufferOptions): OperatorFunction<T, T> =>
  (source$) =>
    new Observable<T>((subscriber) => {
      const buffer = new SinkBuffer<T>({
        bound,
        now,
        idle,
        take: (value) => subscriber.next(value),
        overflow: () => {
          overflow();
          subscriber.complete();
        },
      });
      subscriber.add(() => buffer.end());
      subscriber.add(taken$.subscribe(() => buffer.taken()));
      subscriber.add(
        source$.subscribe({
          next: (value) => buffer.next(value),
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      );
    });
