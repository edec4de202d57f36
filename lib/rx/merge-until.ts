/**
 * `merge` and `takeUntil` in one. A value passes one subscriber; with the two operators of rxjs it would pass
 * three. Each costs 0.2 µs when the room is not in the processor's cache.
 */
import { Observable } from 'rxjs';
import { BareSubscriber } from './bare-subscriber.js';
import { PassSubscriber } from './pass-subscriber.js';

/** Emits what the sources emit; completes when `end$` emits, or when all sources have completed. */
export const mergeUntil = <T>(
  end$: Observable<unknown>,
  ...source$s: readonly Observable<T>[]
): Observable<T> =>
  new Observable((out) => {
    let under = source$s.length;
    const complete = (): void => out.complete();
    const end = new BareSubscriber<unknown>(
      complete,
      (error) => out.error(error),
      () => undefined,
    );
    out.add(end);
    end$.subscribe(end);
    if (under === 0) complete();
    const ended = (): void => {
      under--;
      if (under === 0) complete();
    };
    for (const source$ of source$s) {
      if (out.closed) return;
      const source = new PassSubscriber(out, ended);
      out.add(source);
      source$.subscribe(source);
    }
  });
