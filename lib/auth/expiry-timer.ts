/**
 * One timer for all tokens of a pod, set to the next token that expires, but at most ten seconds long: tokens
 * expire by the wall clock, which an operator may set, and no timer of Node is longer than 2³¹ ms. A check
 * goes through all tokens: 10,000 take 0.1 ms. The next check is at least 20 ms later, unless a token is
 * added that expires before that.
 */
import type { Subscription } from 'rxjs';
import type { Clock } from '../clock.js';

/** Waits for a time in Unix ms. */
export interface Waiter {
  readonly at: number;
  /** The time has come. A waiter that waits for another time enters again. */
  onExpiry(): void;
}

const CHECK_MS = 10_000;
const GRAIN_MS = 20;

export class ExpiryTimer {
  private readonly waiting = new Set<Waiter>();
  private timer: Subscription | undefined = undefined;
  private timedFor = Number.POSITIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  enter(waiter: Waiter): void {
    this.waiting.add(waiter);
    if (waiter.at < this.timedFor) this.wind(waiter.at, 0);
  }

  leave(waiter: Waiter): void {
    if (this.waiting.delete(waiter) && this.waiting.size === 0) this.unwind();
  }

  private wind(at: number, least: number): void {
    this.unwind();
    this.timedFor = at;
    const ms = Math.ceil(at - this.clock.wall());
    this.timer = this.clock.scheduler.schedule(
      () => this.check(),
      Math.max(least, Math.min(ms, CHECK_MS)),
    );
  }

  private unwind(): void {
    this.timer?.unsubscribe();
    this.timer = undefined;
    this.timedFor = Number.POSITIVE_INFINITY;
  }

  private check(): void {
    this.unwind();
    const now = this.clock.wall();
    const due: Waiter[] = [];
    for (const waiter of this.waiting) if (waiter.at <= now) due.push(waiter);
    for (const waiter of due) if (this.waiting.delete(waiter)) waiter.onExpiry();
    let next = Number.POSITIVE_INFINITY;
    for (const { at } of this.waiting) if (at < next) next = at;
    if (this.waiting.size > 0) this.wind(next, GRAIN_MS);
  }
}
