/** `emitting`, in marbles. */
import { ignoreElements, tap } from 'rxjs';
import { emitting } from '../../lib/rx/emitting.js';
import { marbles } from '../support/marbles.js';

marbles(
  'when the work emits, then the stream does, and it ends as the work does',
  ({ hot, expectObservable, expectSubscriptions }) => {
    for (const end of ['|', '#']) {
      const source$ = hot(`  -a-b-${end}`);
      const expected = `     -A-B-${end}`;
      const work$ = emitting<string>((emit) =>
        source$.pipe(
          tap((value) => emit(value.toUpperCase())),
          ignoreElements(),
        ),
      );
      expectObservable(work$).toBe(expected);
      expectSubscriptions(source$.subscriptions).toBe('^----!');
    }
  },
);

marbles(
  'when it is unsubscribed, then the work is let go, and what it emits later is lost',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('-a-b-');
    const subs = '       ^-!';
    const work$ = emitting<string>((emit) => source$.pipe(tap(emit), ignoreElements()));
    expectObservable(work$, subs).toBe('-a---');
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);

marbles('when the work throws as it begins, then that is the error', ({ expectObservable }) => {
  const thrown = new Error('a bug');
  const work$ = emitting(() => {
    throw thrown;
  });
  expectObservable(work$).toBe('#', undefined, thrown);
});
