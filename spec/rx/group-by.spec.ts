/** `groupBy`, in marbles. */
import { catchError, map, NEVER, type Observable, Subject, tap } from 'rxjs';
import t from 'tap';
import { type Group, groupBy } from '../../lib/rx/group-by.js';
import { mergeMapSet } from '../../lib/rx/merge-map-set.js';
import { virtualClock } from '../support/virtual-clock.js';
import { marbles, type Time } from '../support/marbles.js';

/** Values like `r+` (into room r), `r-` (out of it), `r` (in it): written as one letter a column. */
const GROUPS = { a: 'r+', b: 'r', c: 'r-', d: 's+', e: 's-' };

const grouped = ({ scheduler }: Time) =>
  groupBy<string, string>({
    key: ([key]) => key ?? '',
    change: ([, change]) => (change === '+' ? 1 : change === '-' ? -1 : 0),
    lingerMs: 3,
    scheduler,
  });

marbles(
  'when nobody has been in a group for `lingerMs`, then it ends; the next value begins another',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('  -a-b-c--d-e---c-|');
    const subs = '         ^---------------!';
    const begun = '        -r------s-----t-|';
    const values = mergeMapSet<{ readonly value$: Observable<string> }, string>(
      ({ value$ }) => value$,
    );
    expectObservable(
      source$.pipe(
        map((letter) => GROUPS[letter as keyof typeof GROUPS]),
        grouped(clock),
        map(({ key }) => key),
      ),
    ).toBe(begun, { r: 'r', s: 's', t: 'r' });
    expectObservable(
      source$.pipe(
        map((letter) => GROUPS[letter as keyof typeof GROUPS]),
        grouped(clock),
        values,
      ),
    ).toBe('               -a-b-c--d-e---c-|', GROUPS);
    expectSubscriptions(source$.subscriptions).toBe([subs, subs]);
  },
);

t.test(
  'when a member comes back within `lingerMs`, then the group stays; `end` ends one group, the source all',
  async (t) => {
    for (const ending of ['complete', 'error', 'unsubscribe'] as const) {
      const clock = virtualClock(1);
      const source$ = new Subject<string>();
      const log: string[] = [];
      const logged = (group: Group<string, string>): Observable<string> => {
        log.push(`+${group.key}`);
        return group.value$.pipe(
          tap({
            next: (value) => log.push(value),
            error: () => log.push(`!${group.key}`),
            complete: () => log.push(`-${group.key}`),
          }),
          catchError(() => NEVER),
          tap((value) => {
            if (value === 's!') group.end();
          }),
        );
      };
      const subscription = source$.pipe(grouped(clock), mergeMapSet(logged)).subscribe({
        error: () => log.push('!'),
        complete: () => log.push('-'),
      });
      for (const value of ['r+', 'r', 'r-']) source$.next(value);
      clock.advance(2);
      source$.next('r+');
      clock.advance(10);
      source$.next('r');
      for (const value of ['s+', 's!', 's+']) source$.next(value);
      t.strictSame(log.splice(0), [
        '+r',
        'r+',
        'r',
        'r-',
        'r+',
        'r',
        '+s',
        's+',
        's!',
        '-s',
        '+s',
        's+',
      ]);
      if (ending === 'complete') source$.complete();
      else if (ending === 'error') source$.error(new Error('broken'));
      else subscription.unsubscribe();
      const expected = { complete: ['-r', '-s', '-'], error: ['!r', '!s', '!'], unsubscribe: [] };
      t.strictSame(log, expected[ending], ending);
      t.equal(clock.pending(), 0, 'no timer is left');
    }
  },
);
