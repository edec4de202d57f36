/**
 * When tokens end: one timer for all of a pod's, however many wait, set to the next of them. It looks at the wall clock at
 * least every ten seconds, as tokens end by that, and it may be set; so no timer is longer than Node can have (2³¹ ms), either.
 * To look is to go through all: 10,000 take 0.1 ms, 50 times a second at the very most.
 */
import type { Subscription } from 'rxjs';
import type { Clock } from '../clock.js';

/** Somebody who waits for a Unix ms. */
export interface Waiter {
  readonly at: number;
  /** It has come; whoever waits for another enters again. */
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
