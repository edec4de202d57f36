/**
 * The operators, in marbles: one column is one millisecond, a group's values are in the column of its bracket.
 * A turn of the event loop is the end of a column.
 */
import fc from 'fast-check';
import {
  catchError,
  EMPTY,
  map,
  NEVER,
  type ObservableInput,
  Observable,
  Subject,
  Subscription,
  tap,
} from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import t, { type Test } from 'tap';
import type { Clock } from '../../lib/clock.js';
import { boundedBuffer, type Sink, SinkBuffer, type Weighed } from '../../lib/rx/bounded-buffer.js';
import { type Coalesce, coalesce } from '../../lib/rx/coalesce.js';
import { type Group, groupBy } from '../../lib/rx/group-by.js';
import { mergeMapSet } from '../../lib/rx/merge-map-set.js';
import { multicastSet } from '../../lib/rx/multicast-set.js';
import { batchThrottle } from '../../lib/rx/batch-throttle.js';
import { arrayWork } from '../support/array-work.js';
import { virtualClock } from '../support/virtual-clock.js';

type Time = Pick<Clock, 'scheduler' | 'turn'>;
type Marbles = RunHelpers & { readonly clock: Time; readonly t: Test };

const marbles = (name: string, body: (helpers: Marbles) => void): void => {
  t.test(name, async (t) => {
    const scheduler = new TestScheduler((actual, expected) => t.strictSame(actual, expected));
    const turn = (work: () => void): Subscription => scheduler.schedule(work, 0);
    scheduler.run((helpers) => body({ ...helpers, t, clock: { scheduler, turn } }));
  });
};

// coalesce

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
  'coalesce: idle, what came in one turn is delivered together at its end, and no later',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' --a-b-(cde)--|');
    const subs = '        ^------------!';
    const expected = '    --a-b-x------|';
    expectObservable(source$.pipe(joined(clock))).toBe(expected, { a: 'a', b: 'b', x: 'c+d+e' });
    expectSubscriptions(source$.subscriptions).toBe(subs);
  },
);

marbles(
  'coalesce: busy, it gathers; after a delivery that took t it waits 2t',
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
  'coalesce: after one that took t longer than 10 ms it waits t, after one of 5 to 10 ms 10 ms',
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
  'coalesce: it waits for as long as the last delivery asks, whatever those before it did',
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
  'coalesce: a batch has at most so many messages, the rest goes a turn later',
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
  'coalesce: a batch has at most so many bytes; a value that is larger goes by itself',
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
  'coalesce: more than may wait is dropped, and what tells so takes its place in the order',
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
  'coalesce: the bytes that wait are bounded too',
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
  'coalesce: what was delivered does not weigh any more',
  ({ clock, hot, expectObservable }) => {
    const values = { a: 'aaa', b: 'bbb', c: 'ccc' };
    const source$ = hot(' -a-b-c|', values);
    const expected = '    -a-b-c|';
    const limit = { messages: 1, bytes: 4 };
    expectObservable(source$.pipe(joined(clock, { limit }))).toBe(expected, values);
  },
);

marbles(
  'coalesce: held, it asks again every millisecond and gathers meanwhile',
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
  'coalesce: completion delivers what waits first',
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
  "coalesce: an error passes at once, the source's and a delivery's",
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
  'coalesce: unsubscribed, it lets go of its source and of the delivery under way',
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
  'coalesce: unsubscribed in any state, it leaves no timer and delivers nothing',
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
  'coalesce: whatever comes when, all of it is delivered once, in order, one delivery at a time, with its rest after each',
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

// multicast

/** Turns that are taken by hand. */
const byHand = () => {
  const due: (() => void)[] = [];
  return {
    turn: (work: () => void): Subscription => {
      due.push(work);
      return new Subscription(() => {
        const at = due.indexOf(work);
        if (at !== -1) due.splice(at, 1);
      });
    },
    next: (): boolean => {
      const work = due.shift();
      work?.();
      return work !== undefined;
    },
    due: () => due.length,
  };
};

t.test('multicast: up to a slice is handed over at once, in the order of coming', async (t) => {
  const turns = byHand();
  const many = multicastSet<string>({ slice: 3, turn: turns.turn });
  const got: string[] = [];
  for (const name of ['a', 'b', 'c'])
    many.subscribe({ take: (value) => void got.push(name + value) });
  t.equal(many.deliver('1'), EMPTY);
  t.same(got, ['a1', 'b1', 'c1']);
  t.equal(turns.due(), 0);
  t.notOk(many.busy());
});

t.test('multicast: more than a slice get it in slices with a turn between', async (t) => {
  const turns = byHand();
  const many = multicastSet<string>({ slice: 2, turn: turns.turn });
  const got: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    many.subscribe({ take: (value) => void got.push(name + value) });
  let done = false;
  many.deliver('1').subscribe({
    complete: () => {
      done = true;
    },
  });
  t.same(got, ['a1', 'b1'], 'the first slice at once');
  t.ok(many.busy());
  turns.next();
  t.same(got, ['a1', 'b1', 'c1', 'd1']);
  t.notOk(done, 'not before everybody has it');
  turns.next();
  t.same(got, ['a1', 'b1', 'c1', 'd1', 'e1']);
  t.ok(done);
  t.notOk(many.busy());
  t.equal(turns.due(), 0);
});

t.test('multicast: a delivery that is given up leaves no turn', async (t) => {
  const turns = byHand();
  const many = multicastSet<string>({ slice: 1, turn: turns.turn });
  const got: string[] = [];
  for (const name of ['a', 'b', 'c'])
    many.subscribe({ take: (value) => void got.push(name + value) });
  const delivery = many.deliver('1').subscribe();
  delivery.unsubscribe();
  t.equal(turns.due(), 0);
  t.notOk(many.busy());
  t.same(got, ['a1']);
});

t.test('multicast: who enters during a pass gets that value exactly once', async (t) => {
  const turns = byHand();
  const many = multicastSet<string>({ slice: 2, turn: turns.turn });
  const got: string[] = [];
  for (const name of ['a', 'b', 'c'])
    many.subscribe({ take: (value) => void got.push(name + value) });
  many.deliver('1').subscribe();
  many.subscribe({ take: (value) => void got.push(`late${value}`) });
  while (turns.next());
  t.same(got, ['a1', 'b1', 'c1', 'late1']);
  many.deliver('2').subscribe();
  while (turns.next());
  t.same(got.slice(4), ['a2', 'b2', 'c2', 'late2']);
});

t.test('multicast: who leaves before its turn does not get it, whoever sent it away', async (t) => {
  const turns = byHand();
  const many = multicastSet<string>({ slice: 2, turn: turns.turn });
  const got: string[] = [];
  const places = new Map<string, Subscription>();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    places.set(
      name,
      many.subscribe({
        take: (value) => {
          got.push(name + value);
          if (name === 'a') places.get('b')?.unsubscribe();
          if (name === 'c') places.get('c')?.unsubscribe();
        },
      }),
    );
  }
  many.deliver('1').subscribe();
  t.same(got, ['a1', 'c1'], 'b was sent away by a, in the same slice');
  places.get('d')?.unsubscribe();
  while (turns.next());
  t.same(got, ['a1', 'c1', 'e1']);
  t.equal(many.size(), 2);
});

t.test(
  'multicast: whoever comes and goes meanwhile, those who are there get each value once, in order',
  async (t) => {
    const step = fc.oneof(
      fc.constant({ what: 'come' } as const),
      fc.record({ what: fc.constant('go' as const), who: fc.nat(30) }),
      fc.constant({ what: 'turn' } as const),
      fc.constant({ what: 'turn' } as const),
    );
    fc.assert(
      fc.property(fc.nat(12), fc.array(step, { maxLength: 80 }), (first, steps) => {
        const turns = byHand();
        const many = multicastSet<number>({ slice: 3, turn: turns.turn });
        const members: {
          readonly place: Subscription;
          readonly got: number[];
          /** The value that was on its way, or would be next. */
          readonly from: number;
          left: boolean;
        }[] = [];
        let value = 0;
        const come = (): void => {
          const got: number[] = [];
          // on its way: it is owed that one
          const from = many.busy() ? value : value + 1;
          members.push({
            place: many.subscribe({ take: (each) => void got.push(each) }),
            got,
            from,
            left: false,
          });
        };
        const deliver = (): void => {
          value += 1;
          many.deliver(value).subscribe();
        };
        for (let i = 0; i < first; i++) come();
        for (const each of steps) {
          if (each.what === 'come') come();
          else if (each.what === 'turn') {
            if (!many.busy()) deliver();
            else turns.next();
          } else {
            const member = members[each.who % Math.max(1, members.length)];
            if (member === undefined) continue;
            member.left = true;
            member.place.unsubscribe();
          }
        }
        while (turns.next());
        for (const { got, from, left } of members) {
          if (got.some((each, i) => each !== from + i))
            throw new Error(`from ${from}: ${got.join()}`);
          if (!left && got.length !== value - from + 1)
            throw new Error(`from ${from} to ${value}: ${got.join()}`);
        }
        return many.size() === members.filter(({ left }) => !left).length && turns.due() === 0;
      }),
      { numRuns: 500 },
    );
    t.pass('for any coming and going');
  },
);

t.test('multicast: one value at a time behind coalesce, slices of two never mix', async (t) => {
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
});

t.test('multicast: 50,000 leaves are not quadratic', async (t) => {
  const MANY = 50_000;
  const many = multicastSet<number>({ slice: 512, turn: byHand().turn });
  const places = Array.from({ length: MANY }, () => many.subscribe({ take: () => undefined }));
  const work = arrayWork(() => {
    for (const place of places) place.unsubscribe();
  });
  t.equal(many.size(), 0);
  t.ok(work <= MANY, `expected no search through the members, got ${work} elements looked at`);
  // that the count would tell: rxjs' own Subject searches its observers
  const FEW = 1_000;
  const subject$ = new Subject<number>();
  const subscriptions = Array.from({ length: FEW }, () => subject$.subscribe()).reverse();
  const quadratic = arrayWork(() => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  });
  t.ok(quadratic >= (FEW * FEW) / 4, `a Subject's leaves look at ${quadratic} elements`);
});

// boundedBuffer

interface Parcel extends Weighed {
  readonly name: string;
}
const parcel = (name: string, count = 1, bytes = 1): Parcel => ({
  name,
  count,
  bytes: new Uint8Array(bytes),
});

/** A consumer that takes nothing until `taken$` says so. */
const kernel = (clock: Time, taken$: Observable<unknown>, bound = { messages: 3, bytes: 100 }) => {
  let empty = true;
  let overflows = 0;
  return {
    overflows: () => overflows,
    buffer: (source$: Observable<Parcel>): Observable<string> =>
      new Observable<string>((out) =>
        source$
          .pipe(
            boundedBuffer<Parcel>({
              bound,
              now: () => clock.scheduler.now(),
              idle: () => empty,
              taken$: taken$.pipe(
                tap(() => {
                  empty = true;
                }),
              ),
              overflow: () => {
                overflows += 1;
              },
            }),
          )
          .subscribe({
            next: ({ name }) => {
              empty = false;
              out.next(name);
            },
            error: (error: unknown) => out.error(error),
            complete: () => out.complete(),
          }),
      ),
  };
};

const PARCELS = Object.fromEntries(
  ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, parcel(name)]),
);

marbles(
  'boundedBuffer: passes while the consumer is idle, and what it has not taken holds up the rest, in order',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -a--bcd--------|', PARCELS);
    const taken$ = hot('  --t----t-t-t----');
    const subs = '        ^--------------!';
    const expected = '    -a--b--c-d-----|';
    expectObservable(kernel(clock, taken$).buffer(source$)).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(taken$.subscriptions).toBe(subs);
  },
);

marbles(
  'boundedBuffer: one more than the bound drops what waits and ends the stream; what is in flight counts',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -abcde---|', PARCELS);
    const taken$ = hot('  ------t--|');
    const subs = '        ^---!';
    const expected = '    -a--|';
    const consumer = kernel(clock, taken$);
    expectObservable(consumer.buffer(source$)).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(taken$.subscriptions).toBe(subs);
  },
);

marbles('boundedBuffer: what was taken makes room again', ({ clock, hot, expectObservable }) => {
  const source$ = hot(' -abc-d-e-f----|', PARCELS);
  const taken$ = hot('  ----t-t-t-t-t-t');
  const expected = '    -a--b-c-d-e-f-|';
  expectObservable(kernel(clock, taken$).buffer(source$)).toBe(expected);
});

marbles(
  'boundedBuffer: unsubscribed, it lets go of its source and of the consumer',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -ab-----', PARCELS);
    const taken$ = hot('  ------t-');
    const unsub = '       ----!';
    const expected = '    -a---';
    expectObservable(kernel(clock, taken$).buffer(source$), unsub).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(unsub.replace(' ', '').replace('-', '^'));
    expectSubscriptions(taken$.subscriptions).toBe('^---!');
  },
);

marbles('boundedBuffer: an error passes', ({ clock, hot, expectObservable }) => {
  const source$ = hot(' -ab-#', PARCELS);
  const taken$ = hot('  -----');
  const expected = '    -a--#';
  expectObservable(kernel(clock, taken$).buffer(source$)).toBe(expected);
});

/** A buffer whose consumer says so many times that it has taken everything, then that it has not. */
const bench = (bound = { messages: 256, bytes: 1_048_576 }) => {
  const consumer = { idles: 0, overflows: 0, now: 0, handed: new Array<string>() };
  const sink: Sink<Parcel> = {
    bound,
    now: () => consumer.now,
    take: ({ name }) => {
      consumer.handed.push(name);
    },
    idle: () => {
      consumer.idles -= 1;
      return consumer.idles >= 0;
    },
    overflow: () => {
      consumer.overflows += 1;
    },
  };
  return { consumer, buffer: new SinkBuffer<Parcel>(sink) };
};
const ALWAYS = Number.POSITIVE_INFINITY;

t.test('boundedBuffer: a stalled consumer holds 256 messages, the 257th overflows', async (t) => {
  const { consumer, buffer } = bench();
  consumer.idles = 0;
  for (let i = 0; i < 256; i++) buffer.next(parcel(`${i}`));
  t.equal(buffer.messages, 256);
  t.equal(consumer.overflows, 0);
  buffer.next(parcel('256'));
  t.equal(consumer.overflows, 1);
  t.same(
    [buffer.messages, buffer.bytes, buffer.since],
    [0, 0, 0],
    'what waited is dropped at once',
  );
  consumer.idles = ALWAYS;
  buffer.taken();
  buffer.next(parcel('257'));
  buffer.next(parcel('258'));
  t.same(consumer.handed, ['0'], 'and nothing goes through any more');
  t.equal(consumer.overflows, 1, 'nor overflows twice');
});

t.test('boundedBuffer: bytes are bounded too, exactly', async (t) => {
  const { consumer, buffer } = bench();
  consumer.idles = 0;
  buffer.next(parcel('in flight', 1, 1_000_000));
  buffer.next(parcel('waits', 1, 48_576));
  t.same([consumer.overflows, buffer.bytes], [0, 1_048_576]);
  buffer.next(parcel('one byte', 1, 1));
  t.equal(consumer.overflows, 1);
});

t.test(
  'boundedBuffer: a batch counts as many as it holds; an idle consumer gets any',
  async (t) => {
    const { consumer, buffer } = bench({ messages: 4, bytes: 100 });
    consumer.idles = 1;
    buffer.next(parcel('as large as it wants', 9, 900));
    t.same([buffer.messages, consumer.overflows], [0, 0], 'the kernel took it');
    consumer.idles = 0;
    buffer.next(parcel('a', 2));
    buffer.next(parcel('b', 2));
    t.equal(buffer.messages, 4);
    buffer.next(parcel('c', 1));
    t.equal(consumer.overflows, 1);
    t.same(consumer.handed, ['as large as it wants', 'a']);
  },
);

t.test('boundedBuffer: what is half taken still counts whole, and since when', async (t) => {
  const { consumer, buffer } = bench();
  consumer.idles = 0;
  consumer.now = 7;
  buffer.next(parcel('a', 3, 30));
  buffer.next(parcel('b', 1, 10));
  buffer.taken();
  t.same([buffer.messages, buffer.bytes, buffer.since], [4, 40, 7]);
  t.same(consumer.handed, ['a']);
  consumer.idles = ALWAYS;
  consumer.now = 9;
  buffer.taken();
  t.same([buffer.messages, buffer.bytes, buffer.since], [0, 0, 0]);
  t.same(consumer.handed, ['a', 'b']);
});

t.test(
  'boundedBuffer: for any interleaving, the order and the bound hold and nothing below it is lost',
  async (t) => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ count: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(40) }),
      },
      { weight: 2, arbitrary: fc.constant('taken' as const) },
      { weight: 1, arbitrary: fc.constant('half taken' as const) },
      { weight: 1, arbitrary: fc.constantFrom('stalls' as const, 'reads' as const) },
    );
    let overflowed = 0;
    const check = fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const bound = { messages: 12, bytes: 150 };
      const { consumer, buffer } = bench(bound);
      /** The kernel's state, and whether it will take the next one at once. */
      let stalls = false;
      const accepted: string[] = [];
      const open: Parcel[] = [];
      for (const [i, each] of steps.entries()) {
        if (each === 'stalls' || each === 'reads') stalls = each === 'stalls';
        else if (each === 'taken') {
          open.shift();
          // stalled, it takes one and keeps the next; else all that waits
          consumer.idles = stalls ? 1 : ALWAYS;
          buffer.taken();
          if (!stalls) open.length = 0;
        } else if (each === 'half taken') {
          consumer.idles = 0;
          buffer.taken();
        } else {
          const one = parcel(`${i}`, each.count, each.bytes);
          const messages = open.reduce((sum, { count }) => sum + count, 0) + one.count;
          const bytes = open.reduce((sum, { bytes }) => sum + bytes.length, 0) + one.bytes.length;
          const fits = open.length === 0 || (messages <= bound.messages && bytes <= bound.bytes);
          consumer.idles = open.length === 0 && !stalls ? 1 : 0;
          buffer.next(one);
          if (!fits) {
            overflowed += 1;
            if (consumer.overflows !== 1) throw new Error('expected an overflow, got none');
            const before = consumer.handed.length;
            consumer.idles = ALWAYS;
            buffer.taken();
            buffer.next(parcel('after the end'));
            return consumer.handed.length === before && buffer.messages === 0;
          }
          if (consumer.overflows > 0)
            throw new Error(`overflow at ${messages} messages, ${bytes} bytes`);
          accepted.push(one.name);
          if (open.length > 0 || stalls) open.push(one);
        }
        const messages = open.reduce((sum, { count }) => sum + count, 0);
        if (buffer.messages !== messages)
          throw new Error(`counted ${buffer.messages} of ${messages}`);
        const inHand = accepted.length - Math.max(0, open.length - 1);
        if (consumer.handed.join() !== accepted.slice(0, inHand).join())
          throw new Error(consumer.handed.join());
      }
      consumer.idles = ALWAYS;
      buffer.taken();
      return (
        consumer.handed.join() === accepted.join() && buffer.messages === 0 && buffer.bytes === 0
      );
    });
    fc.assert(check, { numRuns: 1_000 });
    t.ok(overflowed > 0, 'some overflowed');
  },
);

// spaced

const apart =
  ({ scheduler }: Time, most = 3) =>
  (source$: Observable<string>): Observable<string> =>
    source$.pipe(
      batchThrottle<string>({ ms: 4, most, scheduler }),
      map((values) => values.join('+')),
    );

marbles(
  'spaced: the first goes at once, what comes within the lull goes together at its end',
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

marbles(
  'spaced: as many as may wait do not wait any longer',
  ({ clock, hot, expectObservable }) => {
    const source$ = hot(' -abcd------|');
    const expected = '    -a--x------|';
    expectObservable(source$.pipe(apart(clock))).toBe(expected, { a: 'a', x: 'b+c+d' });
  },
);

marbles(
  'spaced: completion hands on what waits; an error does not',
  ({ clock, hot, expectObservable }) => {
    const source$ = hot(' -ab|');
    const expected = '    -a-(b|)';
    expectObservable(source$.pipe(apart(clock))).toBe(expected);
    const broken$ = hot(' -ab#');
    const failed = '      -a-#';
    expectObservable(broken$.pipe(apart(clock))).toBe(failed);
  },
);

t.test('spaced: unsubscribed, it leaves no timer', async (t) => {
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

// groupBy

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
  'groupBy: a group begins with its first value, and ends when nobody has been in it for the linger',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('  -a-b-c--d-e---c-|');
    const subs = '         ^---------------!';
    const begun = '        -r------s-----t-|';
    const told = mergeMapSet<{ readonly value$: Observable<string> }, string>(
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
        told,
      ),
    ).toBe('               -a-b-c--d-e---c-|', GROUPS);
    expectSubscriptions(source$.subscriptions).toBe([subs, subs]);
  },
);

t.test(
  'groupBy: who comes back within the linger keeps the group, `end` ends one, errors and the end of the source end all',
  async (t) => {
    for (const ending of ['complete', 'error', 'unsubscribe'] as const) {
      const clock = virtualClock(1);
      const source$ = new Subject<string>();
      const log: string[] = [];
      const told = (group: Group<string, string>): Observable<string> => {
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
      const subscription = source$.pipe(grouped(clock), mergeMapSet(told)).subscribe({
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

// mergeSome

marbles(
  'mergeSome: merges what it is given, needs nothing where it is given nothing, and completes last',
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
  'mergeSome: an error passes and lets go of the rest: of an inner one, of the source, of the projection',
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
  'mergeSome: unsubscribed, it lets go of all',
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
