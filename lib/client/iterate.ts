/**
 * A stream as an async iterator, for `for await`. What the loop has not taken waits, up to a bound: then the
 * iteration ends with an error, as a loop that cannot follow would lose messages or fill the memory.
 *
 * Source: it subscribes to the stream until the loop ends.
 */
import type { Observable } from 'rxjs';

const MAX_WAITING = 4_096;

export async function* eachOf<A>(stream$: Observable<A>): AsyncGenerator<A, void, undefined> {
  const waiting: A[] = [];
  let isComplete = false;
  let changed = (): void => undefined;
  const subscription = stream$.subscribe({
    next: (value) => {
      if (waiting.push(value) > MAX_WAITING) subscription.unsubscribe();
      changed();
    },
    complete: () => {
      isComplete = true;
      changed();
    },
  });
  try {
    for (;;) {
      if (waiting.length > MAX_WAITING)
        throw new RangeError(`the loop is ${MAX_WAITING} messages behind`);
      const [first] = waiting.splice(0, 1);
      if (first !== undefined) yield first;
      else if (isComplete) return;
      else
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
    }
  } finally {
    subscription.unsubscribe();
  }
}
