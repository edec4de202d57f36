/**
 * The bounded buffer between what a connection is sent and what its kernel takes.
 *
 *   next(value) ─► idle ─────────► take
 *                  busy ─► waits ─► take, when `taken` is called
 *                  busy and the bound is reached ─► all that waits is dropped, `overflow`
 *
 * The value in flight counts until all of it is taken. So a slow reader is cut, never waited for.
 */
import type { NextObserver } from 'rxjs';
import type { Bound } from './coalesce.js';

/** What a value weighs: the messages in it, and their bytes. */
export interface Weighed {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/**
 * An operator as one object: an observer for what comes in, abstract methods for where it goes. A chain of operators costs
 * 0.64 kB a link and connection, and a sink apart is one more object to fetch for each member: so the outbox extends it.
 */
export abstract class BoundedBuffer<T extends Weighed> implements NextObserver<T> {
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
  /** Values go to it one at a time. */
  abstract take(value: T): void;
  /** Whether everything was taken. Asked right after each `take`: a callback would come a turn late. */
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
