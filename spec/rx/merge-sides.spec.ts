/** `mergeSides`, in marbles. */
import { of } from 'rxjs';
import { mergeSides } from '../../lib/rx/merge-sides.js';
import { marbles } from '../support/marbles.js';

marbles(
  'when the main stream and the sides emit, then all values come in their order',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const main$ = hot(' -a---b---|');
    const side$ = hot(' --c-----d--');
    const other$ = hot('---e-|');
    const end$ = hot('  -----------');
    expectObservable(main$.pipe(mergeSides(end$, side$, other$))).toBe('-ace-b--d|');
    expectSubscriptions(main$.subscriptions).toBe('^--------!');
    expectSubscriptions(side$.subscriptions).toBe('^--------!');
    expectSubscriptions(end$.subscriptions).toBe('^--------!');
  },
);

marbles(
  'when `end$` emits, then the stream completes and all are let go; when `end$` completes, then it goes on',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const main$ = hot(' -a----a--');
    const side$ = hot(' --b---b--');
    const end$ = hot('-----(e|)');
    expectObservable(main$.pipe(mergeSides(end$, side$))).toBe('-ab--|');
    expectSubscriptions(main$.subscriptions).toBe('^----!');
    expectSubscriptions(side$.subscriptions).toBe('^----!');
    expectObservable(hot('-a-b-|').pipe(mergeSides(hot('--|'), hot('----c')))).toBe('-a-bc|');
  },
);

marbles(
  'when the main stream, a side or `end$` errors, then the error passes and the rest is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const main$ = hot('-a----a');
    const side$ = hot('--b-#');
    expectObservable(main$.pipe(mergeSides(hot('-------'), side$))).toBe('-ab-#');
    expectSubscriptions(main$.subscriptions).toBe('^---!');
    expectObservable(hot('-a-#').pipe(mergeSides(hot('-----'), hot('--b---')))).toBe('-ab#');
    expectObservable(hot('-a---').pipe(mergeSides(hot('---#'), hot('--b---')))).toBe('-ab#');
  },
);

marbles(
  'when `end$` emits at once, then the main stream and the sides are not subscribed',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const main$ = hot('-a');
    const side$ = hot('-b');
    expectObservable(main$.pipe(mergeSides(of('now'), side$))).toBe('|');
    expectSubscriptions(main$.subscriptions).toBe([]);
    expectSubscriptions(side$.subscriptions).toBe([]);
  },
);

marbles(
  'when it is unsubscribed, then all is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const main$ = hot('-a--a-');
    const side$ = hot('--b---');
    const subs = '     ^--!';
    expectObservable(main$.pipe(mergeSides(hot('------'), side$)), subs).toBe('-ab---');
    expectSubscriptions(main$.subscriptions).toBe(subs);
    expectSubscriptions(side$.subscriptions).toBe(subs);
  },
);
