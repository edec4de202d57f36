/** `consume`, in marbles. */
import { consume } from '../../lib/rx/consume.js';
import { marbles } from '../support/marbles.js';

marbles(
  'when the source emits, then the value is handed over, and nothing is emitted but the end',
  ({ hot, flush, expectObservable, expectSubscriptions, t }) => {
    const taken: string[] = [];
    const source$ = hot('-a-b-|');
    expectObservable(source$.pipe(consume((value) => taken.push(value)))).toBe('-----|');
    expectSubscriptions(source$.subscriptions).toBe('^----!');
    flush();
    t.same(taken, ['a', 'b']);
  },
);

marbles(
  'when the source errors, or what takes the value throws, then that is the error, and the source is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('-a-#');
    expectObservable(source$.pipe(consume(() => undefined))).toBe('---#');
    const other$ = hot(' -a-b-');
    const thrown = new Error('a bug');
    const throws = (): void => {
      throw thrown;
    };
    expectObservable(other$.pipe(consume(throws))).toBe('-#', undefined, thrown);
    expectSubscriptions(other$.subscriptions).toBe('^!');
  },
);

marbles(
  'when it is unsubscribed, then the source is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('-a-b-');
    const subs = '       ^-!';
    expectObservable(source$.pipe(consume(() => undefined)), subs).toBe('-----');
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);
