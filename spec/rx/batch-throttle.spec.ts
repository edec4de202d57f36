/** `batchThrottle`, in marbles. */
import { map, type Observable, Subject } from 'rxjs';
import t from 'tap';
import { batchThrottle } from '../../lib/rx/batch-throttle.js';
import { virtualClock } from '../support/virtual-clock.js';
import { marbles, type Time } from '../support/marbles.js';

const apart =
  ({ scheduler }: Time, most = 3) =>
  (source$: Observable<string>): Observable<string> =>
    source$.pipe(
      batchThrottle<string>({ ms: 4, most, scheduler }),
      map((values) => values.join('+')),
    );

marbles(
  'when values come within the pause, then the first goes at once and the rest together at its end',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -a-bc------d---e---f-|');
    const subs = '        ^--------------------!';
    const expected = '    -a---x-----d---e---f-|';
    expectObservable(source$.pipe(apart(clock))).toBe(expected, {
      a: 'a',
      x: 'b+c',
      d: 'd',
      e: 'e',
      f: 'f',
    });
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);

marbles('when as many wait as may, then they go at once', ({ clock, hot, expectObservable }) => {
  const source$ = hot(' -abcd------|');
  const expected = '    -a--x------|';
  expectObservable(source$.pipe(apart(clock))).toBe(expected, { a: 'a', x: 'b+c+d' });
});

marbles(
  'when the source completes, then what waits is emitted; when it errors, then not',
  ({ clock, hot, expectObservable }) => {
    const source$ = hot(' -ab|');
    const expected = '    -a-(b|)';
    expectObservable(source$.pipe(apart(clock))).toBe(expected);
    const broken$ = hot(' -ab#');
    const failed = '      -a-#';
    expectObservable(broken$.pipe(apart(clock))).toBe(failed);
  },
);

t.test('when it is unsubscribed, then no timer is left', async (t) => {
  const clock = virtualClock();
  const source$ = new Subject<string>();
  const got: string[] = [];
  const running = source$.pipe(apart(clock)).subscribe((text) => got.push(text));
  source$.next('a');
  source$.next('b');
  t.equal(clock.pending(), 1);
  running.unsubscribe();
  t.equal(clock.pending(), 0);
  t.notOk(source$.observed);
  clock.advance(100);
  t.same(got, ['a']);
});
