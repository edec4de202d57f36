/** `mapSome`, in marbles. */
import type { Observable } from 'rxjs';
import { mapSome } from '../../lib/rx/map-some.js';
import { marbles } from '../support/marbles.js';

const upper = (text: string): string | undefined => (text === 'n' ? undefined : text.toUpperCase());

marbles(
  'when the projection returns undefined, then nothing is emitted; else its result',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -a-n-(bn)-|');
    const subs = '        ^---------!';
    const expected = '    -A---B----|';
    expectObservable(source$.pipe(mapSome(upper))).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);

marbles(
  'when the result is false, 0 or empty, then it is emitted: undefined alone is not',
  ({ hot, expectObservable }) => {
    const results = { a: false, b: 0, c: '', d: null, e: undefined };
    const source$: Observable<keyof typeof results> = hot('-a-b-c-d-e-|');
    expectObservable(source$.pipe(mapSome((key) => results[key]))).toBe('-a-b-c-d---|', results);
  },
);

marbles(
  'when the source or the projection errors, then the error passes and the source is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -a-#');
    expectObservable(source$.pipe(mapSome(upper))).toBe('-A-#');
    const thrown = new Error('a bug');
    const other$ = hot('  -a--b-|');
    const subs = '        ^---!';
    const expected = '    -A--#';
    const throws = (text: string): string | undefined => {
      if (text === 'b') throw thrown;
      return upper(text);
    };
    expectObservable(other$.pipe(mapSome(throws))).toBe(expected, undefined, thrown);
    expectSubscriptions(other$.subscriptions).toBe(subs);
  },
);

marbles(
  'when it is unsubscribed, then the source is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -a-b-|');
    const unsub = '       --!';
    const subs = '        ^-!';
    expectObservable(source$.pipe(mapSome(upper)), unsub).toBe('-A-');
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);
