/**
 * Gathers what comes while the consumer is busy, and hands it over together: the number of writes is what a fan-out
 * costs, not what is in them. Idle, a value waits for the end of the event loop's turn and no longer. After a delivery
 * that took t, the next one waits t: fan-out never takes more than half of the loop, and latency grows only under load.
 *
 * What waits is bounded by `limit`; beyond it everything that waits is dropped and `overflow`'s value takes its place.
 * A delivery takes at most `batch` at once, so that no reader is handed more in a turn than its kernel can take.
 */
import {
  EMPTY,
  from,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  Subscription,
} from 'rxjs';
import type { Clock } from '../clock.js';
import { DirectObserver } from './direct-observer.js';

export interface Bound {
  readonly messages: number;
  readonly bytes: number;
}

export interface Coalesce<T, B> {
  readonly clock: Pick<Clock, 'scheduler' | 'turn'>;
  readonly batch: Bound;
  readonly limit: Bound;
  /** Bytes of a value. */
  readonly size: (value: T) => number;
  readonly join: (values: readonly T[]) => B;
  /** Completes when the batch is delivered; the next one starts after that. */
  readonly deliver: (batch: B) => ObservableInput<never>;
  /** Whether the next delivery should wait a little, so that readers who keep up can take what they were handed. */
  readonly hold: (messages: number, bytes: number) => boolean;
  readonly overflow: (dropped: number) => T;
}

/** How long `hold` is believed before it is asked again. */
const HOLD_MS = 1;

/** Emits each batch when it has been delivered; completes when the source has and everything is delivered. */
export const coalesce =
  <T, B>(options: Coalesce<T, B>): OperatorFunction<T, B> =>
  (source$) =>
    new Observable<B>((subscriber) => {
      const { clock, batch, limit, size, join, deliver, hold, overflow } = options;
      let waiting: T[] = [];
      let bytes = 0;
      let fitting = 0;
      let busy = false;
      let completed = false;
      let restUntil = 0;
      let timer = Subscription.EMPTY;
      subscriber.add(() => timer.unsubscribe());

      const schedule = (): void => {
        busy = true;
        const rest = restUntil - clock.scheduler.now();
        // less than a timer can measure: the turn alone
        timer = rest < 1 ? clock.turn(flush) : clock.scheduler.schedule(flush, rest);
      };

      const flush = (): void => {
        const count = fit();
        const weight = fitting;
        if (hold(count, weight)) {
          timer = clock.scheduler.schedule(flush, HOLD_MS);
          return;
        }
        const taken = count === waiting.length ? waiting : waiting.splice(0, count);
        if (taken === waiting) waiting = [];
        bytes -= weight;
        try {
          handOver(join(taken));
        } catch (reason) {
          // in a turn of its own nobody else would catch it, and the process would end
          subscriber.error(reason);
        }
      };

      const handOver = (joined: B): void => {
        const started = clock.scheduler.now();
        const delivery = deliver(joined);
        // most rooms are delivered at once
        if (delivery === EMPTY) return end(joined, started);
        subscriber.add(
          from(delivery).subscribe({
            error: (error: unknown) => subscriber.error(error),
            complete: () => end(joined, started),
          }),
        );
      };

      const end = (joined: B, started: number): void => {
        const now = clock.scheduler.now();
        restUntil = now + (now - started);
        busy = false;
        subscriber.next(joined);
        if (waiting.length > 0) schedule();
        else if (completed) subscriber.complete();
      };

      /** How many of those that wait go at once; `fitting` is what they weigh. */
      const fit = (): number => {
        let count = 0;
        fitting = 0;
        while (count < waiting.length && count < batch.messages) {
          const next = waiting[count];
          if (next === undefined) break;
          const more = fitting + size(next);
          if (count > 0 && more > batch.bytes) break;
          fitting = more;
          count++;
        }
        return count;
      };

      const take = (value: T): void => {
        const weight = size(value);
        if (waiting.length >= limit.messages || bytes + weight > limit.bytes) {
          const instead = overflow(waiting.length + 1);
          waiting = [instead];
          bytes = size(instead);
        } else {
          waiting.push(value);
          bytes += weight;
        }
        if (!busy) schedule();
      };

      const failed = (reason: unknown): void => subscriber.error(reason);
      const source = new DirectObserver(take, failed, () => {
        completed = true;
        if (!busy) subscriber.complete();
      });
      subscriber.add(source);
      source$.subscribe(source);
    });
