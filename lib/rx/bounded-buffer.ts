/**
 * The bounded buffer between the messages for a connection and its kernel buffer.
 *
 *   next(value) ─► idle ─────────► take
 *                  busy ─► waits ─► take, when `taken` is called
 *                  busy, and the value exceeds the bound ─► all that waits is dropped, `overflow`
 *
 * `take` receives a value, and the value is taken when all of it was passed on (`idle`). Until then the value
 * is in flight and counts. So a slow reader is disconnected, and nobody waits for that reader.
 */
import type { NextObserver } from 'rxjs';
import type { Bound } from './coalesce.js';

/** The weight of a value: the number of its messages, and their bytes. */
export interface Weighed {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/**
 * An operator as one object: an observer for incoming values, abstract methods for outgoing ones. A chain of
 * operators costs 0.64 kB for each link and connection, and a separate sink is one more object to load for
 * each member: so the outbox extends this class.
 */
export abstract class BoundedBuffer<T extends Weighed> implements NextObserver<T> {
  /** Messages and bytes in the buffer and in flight: not yet taken. */
  messages = 0;
  bytes = 0;
  /** When the value in flight was passed to `take`, by `now`; 0 when none is in flight. */
  since = 0;
  private waiting: T[] | undefined = undefined;
  private inFlight: T | undefined = undefined;
  private ended = false;

  abstract get bound(): Bound;
  abstract now(): number;
  /** Receives values one at a time. */
  abstract take(value: T): void;
  /** Whether everything was taken. Called right after each `take`, as a callback would come a turn later. */
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

  /** To be called when the value in flight may have been taken: `idle` decides. */
  taken(): void {
    if (this.inFlight === undefined || !this.idle()) return;
    this.messages -= this.inFlight.count;
    this.bytes -= this.inFlight.bytes.length;
    this.since = 0;
    this.inFlight = undefined;
    this.handOn();
  }

  /** Drops what waits, and all later values. */
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
