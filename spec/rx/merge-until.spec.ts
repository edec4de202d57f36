/** `mergeUntil`, in marbles. */
import { mergeUntil } from '../../lib/rx/merge-until.js';
import { marbles } from '../support/marbles.js';

marbles(
  'when `end$` emits, then the merged stream completes and all sources are let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const a$ = hot('  -a----a--');
    const b$ = hot('  --b---b--');
    const end$ = hot('-----(e|)');
    const subs = '    ^----!';
    const expected = '-ab--|';
    expectObservable(mergeUntil(end$, a$, b$)).toBe(expected);
    expectSubscriptions(a$.subscriptions).toBe(subs);
    expectSubscriptions(b$.subscriptions).toBe(subs);
    expectSubscriptions(end$.subscriptions).toBe(subs);
  },
);

marbles(
  'when all sources have completed, then the merged stream completes; when `end$` completes, then it goes on',
  ({ hot, expectObservable }) => {
    const a$ = hot('  -a-|');
    const b$ = hot('  --b---b|');
    const end$ = hot('--|');
    expectObservable(mergeUntil(end$, a$, b$)).toBe('-ab---b|');
    expectObservable(mergeUntil(end$)).toBe('|');
  },
);

marbles(
  'when a source or `end$` errors, then the error passes and the rest is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const a$ = hot('  -a--#');
    const b$ = hot('  --b---b');
    const end$ = hot('-------');
    const subs = '    ^---!';
    expectObservable(mergeUntil(end$, a$, b$)).toBe('-ab-#');
    expectSubscriptions(b$.subscriptions).toBe(subs);
    expectObservable(mergeUntil(hot('---#'), hot('--b'))).toBe('--b#');
  },
);

marbles(
  'when it is unsubscribed, then all is let go',
  ({ hot, expectObservable, expectSubscriptions }) => {
    const a$ = hot('  -a--a-');
    const end$ = hot('------');
    const subs = '    ^--!';
    expectObservable(mergeUntil(end$, a$), subs).toBe('-a----');
    expectSubscriptions(a$.subscriptions).toBe(subs);
    expectSubscriptions(end$.subscriptions).toBe(subs);
  },
);
