/**
 * A stream as an async iterator, for `for await`. What the loop has not taken waits, up to a bound: then the
 * iteration ends with an error, as a loop that cannot follow would lose messages or fill the memory.
 *
 * Source: it subscribes to the stream until the loop ends.
 */
import type { Observable } from 'rxjs';

const MAX_WAITING = 4_096;

export const eachOf = <A>(stream$: Observable<A>): AsyncIterableIterator<A> => {
  const values: A[] = [];
  const takers: ((result: IteratorResult<A, undefined>) => void)[] = [];
  let end: 'open' | 'complete' | Error = 'open';
  const DONE: IteratorResult<A, undefined> = { done: true, value: undefined };

  const finish = (how: 'complete' | Error): void => {
    if (end === 'open') end = how;
    for (const take of takers.splice(0)) take(DONE);
  };
  const subscription = stream$.subscribe({
    next: (value) => {
      const take = takers.shift();
      if (take !== undefined) return take({ done: false, value });
      if (values.push(value) <= MAX_WAITING) return;
      values.length = 0;
      subscription.unsubscribe();
      finish(new Error(`the loop is ${MAX_WAITING} messages behind: make its body shorter`));
    },
    complete: () => finish('complete'),
  });

  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: async () => {
      const [value] = values.splice(0, 1);
      if (value !== undefined) return { done: false, value };
      if (end instanceof Error) throw end;
      return end === 'complete' ? DONE : new Promise((take) => takers.push(take));
    },
    return: () => {
      subscription.unsubscribe();
      finish('complete');
      return Promise.resolve(DONE);
    },
  };
};
