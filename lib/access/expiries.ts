/**
 * When tokens end: one timer for all of a pod's, however many wait. It looks at the wall clock at least every ten
 * seconds, as tokens end by that, and it may be set; so no timer is ever longer than Node can have (2³¹ ms).
 */
import { Observable, type Subscription } from 'rxjs';
import type { Clock } from '../clock.js';

const LOOK_MS = 10_000;

export class Expiries {
  /** Who waits for which Unix ms. */
  private readonly waiting = new Map<number, Set<() => void>>();
  private timer: Subscription | undefined = undefined;
  private timedFor = Number.POSITIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  /** Completes at that Unix ms, at once when it has been. */
  reach(at: number): Observable<never> {
    return new Observable<never>((subscriber) => {
      if (at <= this.clock.wall()) return subscriber.complete();
      const work = (): void => subscriber.complete();
      const those = this.waiting.get(at);
      if (those === undefined) this.waiting.set(at, new Set([work]));
      else those.add(work);
      if (at < this.timedFor) this.wind(at);
      return () => this.forget(at, work);
    });
  }

  private forget(at: number, work: () => void): void {
    const those = this.waiting.get(at);
    if (those?.delete(work) !== true || those.size > 0) return;
    this.waiting.delete(at);
    if (this.waiting.size === 0) this.unwind();
  }

  private wind(at: number): void {
    this.unwind();
    this.timedFor = at;
    const ms = Math.min(Math.ceil(at - this.clock.wall()), LOOK_MS);
    this.timer = this.clock.scheduler.schedule(() => this.look(), Math.max(0, ms));
  }

  private unwind(): void {
    this.timer?.unsubscribe();
    this.timer = undefined;
    this.timedFor = Number.POSITIVE_INFINITY;
  }

  private look(): void {
    this.unwind();
    const now = this.clock.wall();
    const due = [...this.waiting].filter(([at]) => at <= now).sort(([a], [b]) => a - b);
    for (const [at, those] of due) {
      this.waiting.delete(at);
      for (const work of those) work();
    }
    if (this.waiting.size > 0) this.wind(Math.min(...this.waiting.keys()));
  }
}
