/** `mergeMapSet`, in marbles. */
import { type Observable } from 'rxjs';
import { mergeMapSet } from '../../lib/rx/merge-map-set.js';
import { marbles } from '../support/marbles.js';

marbles(
  'when the projection returns streams or nothing, then the streams are merged, and it completes last',
  ({ cold, hot, expectObservable, expectSubscriptions }) => {
    const inner$ = cold('--x---y-|');
    const source$ = hot('        -a-n-b--|');
    const subs = '               ^-------!';
    const innerSubs = ['         -^-------!', '         -----^-------!'];
    const expected = '           ---x---(yx)y-|';
    expectObservable(source$.pipe(mergeMapSet((name) => (name === 'n' ? undefined : inner$)))).toBe(
      expected,
    );
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(inner$.subscriptions).toBe(innerSubs);
  },
);

marbles(
  'when an inner stream, the source or the projection errors, then the error passes and the rest is let go',
  ({ cold, hot, expectObservable, expectSubscriptions }) => {
    const inner$ = cold('---------|');
    const source$ = hot('         -a-b---');
    const subs = '                ^----!';
    const innerSubs = '           -^---!';
    const expected = '            -----#';
    expectObservable(
      source$.pipe(mergeMapSet((name) => (name === 'a' ? inner$ : cold('--#')))),
    ).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(inner$.subscriptions).toBe(innerSubs);
    const thrown = '              -#';
    const throws = (): Observable<string> => {
      throw new Error('a bug');
    };
    const other$ = hot('          -a-----');
    expectObservable(other$.pipe(mergeMapSet(throws))).toBe(thrown, undefined, new Error('a bug'));
  },
);

marbles(
  'when it is unsubscribed, then all is let go',
  ({ cold, hot, expectObservable, expectSubscriptions }) => {
    const inner$ = cold('---------|');
    const source$ = hot('         -a-b---');
    const unsub = '               -----!';
    const subs = '                ^----!';
    const innerSubs = ['          -^---!', '          ---^-!'];
    const expected = '            ------';
    expectObservable(source$.pipe(mergeMapSet(() => inner$)), unsub).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(inner$.subscriptions).toBe(innerSubs);
  },
);

marbles(
  'when an inner stream errors and there is a handler, then that one ends, and the others go on',
  ({ cold, hot, expectObservable, flush, t }) => {
    const handled: string[] = [];
    const source$ = hot('         -a-b----|');
    const inner$s: Readonly<Record<string, Observable<string>>> = {
      a$: cold('                   --x-#'),
      b$: cold('                     ---y----|'),
    };
    const expected = '            ---x--y----|';
    const merged$ = source$.pipe(
      mergeMapSet(
        (name) => inner$s[`${name}$`],
        (name) => handled.push(name),
      ),
    );
    expectObservable(merged$).toBe(expected);
    flush();
    t.same(handled, ['a']);
  },
);

marbles('when the handler throws, then that is the error', ({ cold, hot, expectObservable }) => {
  const thrown = new Error('a bug');
  const merged$ = hot('-a---').pipe(
    mergeMapSet(
      () => cold('      --#'),
      () => {
        throw thrown;
      },
    ),
  );
  expectObservable(merged$).toBe('---#', undefined, thrown);
});
