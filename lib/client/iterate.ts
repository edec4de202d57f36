/**
 * A stream as an async iterator, for `for await`. What the loop has not taken waits, up to a bound. Beyond it
 * the iteration ends with an error, as a loop that cannot follow would lose messages or fill the memory.
 *
 * Source: it subscribes to the stream until the loop ends.
 */
import type { Observable } from 'rxjs';

const MAX_WAITING = 4_096;
const TOO_SLOW = `${MAX_WAITING} messages wait: take them faster`;

/**
 * The `return` of a generator waits for its pending `next`, perhaps for ever. So the `return` here replaces it:
 * it empties the queue and adds the end, which the pending `next` takes.
 */
export const eachOf = <A>(stream$: Observable<A>): AsyncIterableIterator<A, void, undefined> => {
  /** Each array has one value. An empty array is the end of the stream. */
  let waiting: (readonly A[])[] = [];
  let changed = (): void => undefined;
  const add = (...values: readonly A[]): number => {
    const length = waiting.push(values);
    changed();
    return length;
  };
  const values = (async function* () {
    const subscription = stream$.subscribe({
      next: (value) => add(value) > MAX_WAITING && subscription.unsubscribe(),
      complete: () => add(),
    });
    try {
      for (;;) {
        if (waiting.length > MAX_WAITING) throw new RangeError(TOO_SLOW);
        const next = waiting.shift();
        if (!next)
          await new Promise<void>((resolve) => {
            changed = resolve;
          });
        else if (next.length) yield* next;
        else return;
      }
    } finally {
      subscription.unsubscribe();
    }
  })();
  return Object.assign(values, {
    return: () => {
      waiting = [];
      add();
      return values.next();
    },
  });
};
