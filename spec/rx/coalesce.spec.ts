/** `coalesce`, in marbles: what comes in a turn of the event loop is delivered together, at a bounded share of the time. */
import fc from 'fast-check';
import { EMPTY, type ObservableInput, Observable, Subject } from 'rxjs';
import t from 'tap';
import { type Coalesce, coalesce } from '../../lib/rx/coalesce.js';
import { multicastSet } from '../../lib/rx/multicast-set.js';
import { virtualClock } from '../support/virtual-clock.js';
import { marbles, type Time } from '../support/marbles.js';

/** Texts, each as heavy as it is long, joined by a plus. */
const joined = (clock: Time, over: Partial<Coalesce<string, string>> = {}) =>
  coalesce<string, string>({
    clock,
    batch: { messages: 100, bytes: 100 },
    limit: { messages: 1_000, bytes: 1_000 },
    weigh: ({ length }) => length,
    join: (values) => values.join('+'),
    deliver: () => EMPTY,
    hold: () => false,
    overflow: (dropped) => `${dropped} dropped`,
    ...over,
  });

marbles(
  'when it is idle, then the values of one turn are delivered together at its end',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' --a-b-(cde)--|');
    const subs = '        ^------------!';
    const expected = '    --a-b-x------|';
    expectObservable(source$.pipe(joined(clock))).toBe(expected, { a: 'a', b: 'b', x: 'c+d+e' });
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);

marbles(
  'when a delivery took t, then the next one follows 2t later with all that came meanwhile',
  ({ clock, cold, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('        --abc-d--e---f----------------|');
    const subs = '               ^-----------------------------!';
    const delivery$ = cold<never>('---|');
    // delivered                 --aaa------xxx------zzz
    const expected = '           -----a--------x--------z------|';
    expectObservable(source$.pipe(joined(clock, { deliver: () => delivery$ }))).toBe(expected, {
      a: 'a',
      x: 'b+c+d+e',
      z: 'f',
    });
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(delivery$.subscriptions).toBe([
      '                          --^--!',
      '                          -----------^--!',
      '                          --------------------^--!',
    ]);
  },
);

marbles(
  'when a delivery took t over 10 ms, then the pause is t; when it took 5 to 10 ms, then 10 ms',
  ({ clock, cold, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('a-b 24ms ------------c 40ms |');
    const took = [cold<never>('12ms |'), cold<never>('7ms |'), cold<never>('|')];
    const [long$, middling$, short$] = took;
    const queue = [...took];
    const deliver = (): ObservableInput<never> => queue.shift() ?? EMPTY;
    expectObservable(source$.pipe(joined(clock, { deliver }))).toBe('12ms a 18ms b 9ms c 38ms |');
    expectSubscriptions(long$?.subscriptions ?? []).toBe('^ 11ms !');
    expectSubscriptions(middling$?.subscriptions ?? []).toBe('24ms ^ 6ms !');
    expectSubscriptions(short$?.subscriptions ?? []).toBe('41ms (^!)');
  },
);

marbles(
  'when deliveries differ in length, then each pause follows the last delivery alone',
  ({ clock, cold, hot, expectObservable }) => {
    const source$ = hot(' -ab---------------c--d-------|');
    const took = [cold<never>('----|'), cold<never>('-|'), cold<never>('|'), cold<never>('|')];
    // delivered          -aaaa--------b----c--d
    const expected = '    -----a--------b---c--d-------|';
    const deliver = (): ObservableInput<never> => took.shift() ?? EMPTY;
    expectObservable(source$.pipe(joined(clock, { deliver }))).toBe(expected);
  },
);

marbles(
  'when more messages wait than a batch may have, then the rest goes a turn later',
  ({ clock, cold, hot, expectObservable }) => {
    const source$ = hot(' -(abcde)-----------|');
    // delivered          -x--y--z
    const expected = '    --x--y--z----------|';
    const batch = { messages: 2, bytes: 100 };
    const deliver = () => cold<never>('-|');
    expectObservable(source$.pipe(joined(clock, { batch, deliver }))).toBe(expected, {
      x: 'a+b',
      y: 'c+d',
      z: 'e',
    });
  },
);

marbles(
  'when more bytes wait than a batch may have, then the rest goes a turn later, and a larger value alone',
  ({ clock, cold, hot, expectObservable }) => {
    const values = { a: 'aa', b: 'bb', c: 'c', d: 'dddddd', e: 'e' };
    const source$ = hot(' -(abcde)-----------|', values);
    const expected = '    --w--x--y--z-------|';
    const batch = { messages: 100, bytes: 4 };
    const deliver = () => cold<never>('-|');
    expectObservable(source$.pipe(joined(clock, { batch, deliver }))).toBe(expected, {
      w: 'aa+bb',
      x: 'c',
      y: 'dddddd',
      z: 'e',
    });
  },
);

marbles(
  'when more messages wait than the limit, then they are dropped and `overflow` stands in their place',
  ({ clock, cold, hot, expectObservable }) => {
    const source$ = hot(' -abcdef--------------------|');
    // delivered          -aaaaaa---------xxxxxx
    const expected = '    -------a---------------x---|';
    const limit = { messages: 3, bytes: 100 };
    const deliver = () => cold<never>('------|');
    expectObservable(source$.pipe(joined(clock, { limit, deliver }))).toBe(expected, {
      a: 'a',
      x: '4 dropped+f',
    });
  },
);

marbles(
  'when more bytes wait than the limit, then they are dropped as well',
  ({ clock, cold, hot, expectObservable }) => {
    const values = { a: 'a', b: 'bbbb', c: 'cccc', d: 'ddd', e: 'e' };
    const source$ = hot('  -abcde----------|', values);
    const expected = '     ----a--------x--|';
    const deliver = () => cold<never>('---|');
    const limit = { messages: 100, bytes: 10 };
    expectObservable(source$.pipe(joined(clock, { limit, deliver, overflow: () => '!' }))).toBe(
      expected,
      { a: 'a', x: '!+e' },
    );
  },
);

marbles(
  'when a value is delivered, then it no longer counts',
  ({ clock, hot, expectObservable }) => {
    const values = { a: 'aaa', b: 'bbb', c: 'ccc' };
    const source$ = hot(' -a-b-c|', values);
    const expected = '    -a-b-c|';
    const limit = { messages: 1, bytes: 4 };
    expectObservable(source$.pipe(joined(clock, { limit }))).toBe(expected, values);
  },
);

marbles(
  'when `hold` is true, then it is asked again every millisecond and values gather',
  ({ t, clock, hot, flush, expectObservable }) => {
    const source$ = hot(' --a-b---c--|');
    const expected = '    -----x--c--|';
    let asked = 0;
    const weights: string[] = [];
    const hold = (messages: number, bytes: number): boolean => {
      weights.push(`${messages}:${bytes}`);
      asked += 1;
      return asked <= 3;
    };
    expectObservable(source$.pipe(joined(clock, { hold }))).toBe(expected, { x: 'a+b', c: 'c' });
    flush();
    t.same(weights, ['1:1', '1:1', '2:2', '2:2', '1:1'], 'asked with the weight of now');
  },
);

marbles(
  'when the source completes, then what waits is delivered first',
  ({ clock, cold, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' --abc|');
    const subs = '        ^----!';
    const expected = '    -----a--------(x|)';
    const deliver = () => cold<never>('---|');
    expectObservable(source$.pipe(joined(clock, { deliver }))).toBe(expected, { a: 'a', x: 'b+c' });
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);

marbles(
  'when the source or a delivery errors, then the error passes at once',
  ({ clock, cold, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' --ab-#');
    const subs = '        ^----!';
    const expected = '    -----#';
    expectObservable(source$.pipe(joined(clock, { deliver: () => cold<never>('-----|') }))).toBe(
      expected,
    );
    expectSubscriptions(source$.subscriptions).toBe(subs);
    const other$ = hot('  --ab---|');
    const otherSubs = '   ^---!';
    const broken = '      ----#';
    expectObservable(other$.pipe(joined(clock, { deliver: () => cold<never>('--#') }))).toBe(
      broken,
    );
    expectSubscriptions(other$.subscriptions).toBe(otherSubs);
  },
);

marbles(
  'when it is unsubscribed, then its source and the delivery under way are unsubscribed',
  ({ clock, cold, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('            --ab-------|');
    const unsub = '                  ---!';
    const subs = '                   ^--!';
    const delivery$ = cold<never>('    -----|');
    const deliverySubs = '           --^!';
    const expected = '               ----';
    expectObservable(source$.pipe(joined(clock, { deliver: () => delivery$ })), unsub).toBe(
      expected,
    );
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(delivery$.subscriptions).toBe(deliverySubs);
  },
);

t.test(
  'when it is unsubscribed in any state, then no timer is left and nothing is delivered',
  async (t) => {
    const states: readonly {
      readonly name: string;
      readonly ms: number;
      readonly holds: boolean;
      readonly takesMs: number;
    }[] = [
      { name: 'before the end of the turn', ms: -1, holds: false, takesMs: 0 },
      { name: 'while it delivers', ms: 5, holds: false, takesMs: 10 },
      { name: 'while it rests', ms: 15, holds: false, takesMs: 10 },
      { name: 'while it is held', ms: 5, holds: true, takesMs: 0 },
    ];
    for (const { name, ms, holds, takesMs } of states) {
      const clock = virtualClock();
      const source$ = new Subject<string>();
      const delivered: string[] = [];
      const running = source$
        .pipe(
          joined(clock, {
            hold: () => holds,
            deliver: () =>
              new Observable<never>((done) => {
                if (takesMs === 0) return done.complete();
                return clock.scheduler.schedule(() => done.complete(), takesMs);
              }),
          }),
        )
        .subscribe((batch) => delivered.push(batch));
      source$.next('a');
      if (ms >= 0) clock.advance(ms);
      source$.next('b');
      t.ok(clock.pending() > 0, `${name}: something is scheduled`);
      const before = [...delivered];
      running.unsubscribe();
      t.equal(clock.pending(), 0, `${name}: no timer is left`);
      t.notOk(source$.observed, `${name}: the source is let go`);
      clock.advance(1_000);
      t.same(delivered, before, `${name}: nothing comes any more`);
    }
  },
);

t.test(
  'when values come at any times, then each is delivered once, in order, one delivery at a time, with its pause after each',
  async (t) => {
    const arrivals = fc.array(
      fc.record({ after: fc.nat(4), bytes: fc.integer({ min: 1, max: 60 }) }),
      { maxLength: 60 },
    );
    const took = fc.array(fc.nat(6), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(arrivals, took, (values, durations) => {
        const clock = virtualClock();
        const { scheduler } = clock;
        const source$ = new Subject<{ readonly name: number; readonly bytes: number }>();
        const spans: { readonly from: number; to: number }[] = [];
        const got: number[] = [];
        let delivering = 0;
        const running = source$
          .pipe(
            coalesce<{ readonly name: number; readonly bytes: number }, readonly number[]>({
              clock,
              batch: { messages: 7, bytes: 100 },
              limit: { messages: 1_000, bytes: 1_000_000 },
              weigh: ({ bytes }) => bytes,
              join: (batch) => {
                if (batch.length > 7) throw new Error('too many');
                if (batch.length > 1 && batch.reduce((sum, { bytes }) => sum + bytes, 0) > 100)
                  throw new Error('too heavy');
                return batch.map(({ name }) => name);
              },
              deliver: (batch) =>
                new Observable<never>((done) => {
                  delivering += 1;
                  if (delivering > 1) throw new Error('two deliveries at a time');
                  got.push(...batch);
                  const span = { from: scheduler.now(), to: 0 };
                  const ms = durations[spans.length % durations.length] ?? 0;
                  spans.push(span);
                  const end = (): void => {
                    delivering -= 1;
                    span.to = scheduler.now();
                    done.complete();
                  };
                  if (ms === 0) return end();
                  return scheduler.schedule(end, ms);
                }),
              hold: () => false,
              overflow: () => {
                throw new Error('nothing overflows here');
              },
            }),
          )
          .subscribe();
        for (const [name, { after, bytes }] of values.entries()) {
          clock.advance(after);
          source$.next({ name, bytes });
        }
        clock.advance(10_000);
        running.unsubscribe();
        if (got.some((name, i) => name !== i) || got.length !== values.length)
          throw new Error(`expected ${values.length} in order, got ${got.join()}`);
        for (const [i, { from }] of spans.entries()) {
          const before = spans[i - 1];
          if (before === undefined) continue;
          const took = before.to - before.from;
          if (from - before.to < Math.max(took, Math.min(2 * took, 10)))
            throw new Error(`no rest after a delivery of ${took} ms`);
        }
        return clock.pending() === 0;
      }),
      { numRuns: 300 },
    );
    t.pass('for any arrivals');
  },
);

t.test(
  'when a set delivers in slices behind coalesce, then the slices of two values never mix',
  async (t) => {
    const clock = virtualClock();
    const many = multicastSet<string>({ slice: 2, turn: clock.turn });
    const got: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      many.subscribe({ take: (value) => void got.push(name + value) });
    const source$ = new Subject<string>();
    const running = source$
      .pipe(
        joined(clock, {
          batch: { messages: 1, bytes: 100 },
          deliver: (batch) => many.deliver(batch),
        }),
      )
      .subscribe();
    source$.next('1');
    source$.next('2');
    clock.advance(10);
    t.same(got, ['a1', 'b1', 'c1', 'd1', 'e1', 'a2', 'b2', 'c2', 'd2', 'e2']);
    running.unsubscribe();
    t.equal(clock.pending(), 0);
  },
);
