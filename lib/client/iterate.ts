/**
 * A stream as an async iterator, for `for await`. What the loop has not taken waits, up to a bound. Beyond it
 * the iteration ends with an error, as a loop that cannot follow would lose messages or fill the memory.
 *
 * Source: it subscribes to the stream until the loop ends.
 */
import type { Observable } from 'rxjs';

const MAX_WAITING = 4_096;
const TOO_SLOW = `more than ${MAX_WAITING} messages wait: take them faster, or subscribe`;

/** The `return` of a generator waits for its pending `next`: so this iterator ends that `next` first. */
export const eachOf = <A>(stream$: Observable<A>): AsyncIterableIterator<A, void, undefined> => {
  let end = (): void => undefined;
  const values = each(stream$, (ending) => {
    end = ending;
  });
  return {
    next: () => values.next(),
    return: () => {
      end();
      return values.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};

async function* each<A>(
  stream$: Observable<A>,
  begun: (end: () => void) => void,
): AsyncGenerator<A, void, undefined> {
  /** Each array has one value. An empty array is the end of the stream. */
  const waiting: (readonly A[])[] = [];
  let changed = (): void => undefined;
  const add = (...values: readonly A[]): void => {
    if (waiting.push(values) > MAX_WAITING) subscription.unsubscribe();
    changed();
  };
  const subscription = stream$.subscribe({ next: (value) => add(value), complete: () => add() });
  begun(() => {
    waiting.splice(0, Infinity, []);
    changed();
  });
  try {
    for (;;) {
      if (waiting.length > MAX_WAITING) throw new RangeError(TOO_SLOW);
      const values = waiting.shift();
      if (!values)
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      else if (values.length) yield* values;
      else return;
    }
  } finally {
    subscription.unsubscribe();
  }
}
