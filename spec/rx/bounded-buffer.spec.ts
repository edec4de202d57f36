/** The bounded buffer in the form that runs: an `Outbox` over a socket, in marbles and step by step. */
import fc from 'fast-check';
import { Observable } from 'rxjs';
import t from 'tap';
import { marbles, type Time } from '../support/marbles.js';
import type { Socket } from 'node:net';
import { OutboxBudget } from '../../lib/connection/outbox-budget.js';
import { type Batch, Outbox } from '../../lib/connection/outbox.js';
import type { Bound } from '../../lib/rx/coalesce.js';

interface Parcel extends Batch {
  readonly name: string;
}
/** The names of batches by their bytes: all that a socket is given. */
const names = new WeakMap<Uint8Array, string>();
const parcel = (name: string, count = 1, length = 1): Parcel => {
  const bytes = Buffer.alloc(length);
  names.set(bytes, name);
  return { name, count, bytes };
};
const nameOf = (bytes: Uint8Array): string => names.get(bytes) ?? 'unknown';

interface FakeSocket {
  readonly writable: boolean;
  readonly writableLength: number;
  readonly write: (bytes: Buffer, taken: () => void) => void;
}
const outboxOf = (socket: FakeSocket, bound: Bound, now: () => number, overflow: () => void) =>
  new Outbox(
    { bound, now, backlog: new OutboxBudget(Number.POSITIVE_INFINITY) },
    socket as unknown as Socket,
    overflow,
  );

/** The outbox between a source and a kernel that takes nothing until `taken$` emits; the names of what it writes. */
const written =
  (clock: Time, taken$: Observable<unknown>, bound = { messages: 3, bytes: 100 }) =>
  (source$: Observable<Parcel>): Observable<string> =>
    new Observable<string>((out) => {
      const callbacks: (() => void)[] = [];
      const socket = {
        writable: true,
        writableLength: 0,
        write: (bytes: Buffer, taken: () => void): void => {
          socket.writableLength += bytes.length;
          callbacks.push(taken);
          out.next(nameOf(bytes));
        },
      };
      const now = (): number => clock.scheduler.now();
      const outbox = outboxOf(socket, bound, now, () => out.complete());
      const kernel = taken$.subscribe(() => {
        socket.writableLength = 0;
        for (const taken of callbacks.splice(0)) taken();
      });
      out.add(() => outbox.end());
      out.add(kernel);
      out.add(
        source$.subscribe({
          next: (batch) => outbox.send(batch),
          error: (error: unknown) => out.error(error),
          complete: () => out.complete(),
        }),
      );
    });

const PARCELS = Object.fromEntries(
  ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, parcel(name)]),
);

marbles(
  'when the kernel has taken everything, then a batch passes at once; else it waits, in order',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -a--bcd--------|', PARCELS);
    const taken$ = hot('  --t----t-t-t----');
    const subs = '        ^--------------!';
    const expected = '    -a--b--c-d-----|';
    expectObservable(written(clock, taken$)(source$)).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(taken$.subscriptions).toBe(subs);
  },
);

marbles(
  'when one more message than the bound waits, then all of it is dropped and the stream ends; the write in flight counts',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -abcde---|', PARCELS);
    const taken$ = hot('  ------t--|');
    const subs = '        ^---!';
    const expected = '    -a--|';
    expectObservable(written(clock, taken$)(source$)).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(subs);
    expectSubscriptions(taken$.subscriptions).toBe(subs);
  },
);

marbles(
  'when the kernel takes a batch, then there is room for another',
  ({ clock, hot, expectObservable }) => {
    const source$ = hot(' -abc-d-e-f----|', PARCELS);
    const taken$ = hot('  ----t-t-t-t-t-t');
    const expected = '    -a--b-c-d-e-f-|';
    expectObservable(written(clock, taken$)(source$)).toBe(expected);
  },
);

marbles(
  'when the connection ends, then the source and the kernel are let go',
  ({ clock, hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot(' -ab-----', PARCELS);
    const taken$ = hot('  ------t-');
    const unsub = '       ----!';
    const expected = '    -a---';
    expectObservable(written(clock, taken$)(source$), unsub).toBe(expected);
    expectSubscriptions(source$.subscriptions).toBe(unsub.replace(' ', '').replace('-', '^'));
    expectSubscriptions(taken$.subscriptions).toBe('^---!');
  },
);

marbles(
  'when the source errors, then the error passes and nothing more is written',
  ({ clock, hot, expectObservable }) => {
    const source$ = hot(' -ab-#', PARCELS);
    const taken$ = hot('  -----');
    const expected = '    -a--#';
    expectObservable(written(clock, taken$)(source$)).toBe(expected);
  },
);

/** An outbox whose kernel is idle this many times, and then is not. */
const bench = (bound = { messages: 256, bytes: 1_048_576 }) => {
  const consumer = { idles: 0, overflows: 0, now: 0, handed: new Array<string>() };
  let callback: (() => void) | undefined;
  const socket: FakeSocket = {
    writable: true,
    get writableLength() {
      consumer.idles -= 1;
      return consumer.idles >= 0 ? 0 : 1;
    },
    write: (bytes, taken) => {
      consumer.handed.push(nameOf(bytes));
      callback = taken;
    },
  };
  const outbox = outboxOf(
    socket,
    bound,
    () => consumer.now,
    () => {
      consumer.overflows += 1;
    },
  );
  return { consumer, outbox, taken: () => callback?.() };
};

const ALWAYS = Number.POSITIVE_INFINITY;

t.test(
  'when the kernel takes nothing, then 256 messages wait and the 257th overflows',
  async (t) => {
    const { consumer, outbox, taken } = bench();
    consumer.idles = 0;
    for (let i = 0; i < 256; i++) outbox.send(parcel(`${i}`));
    t.equal(outbox.messages, 256);
    t.equal(consumer.overflows, 0);
    outbox.send(parcel('256'));
    t.equal(consumer.overflows, 1);
    t.same(
      [outbox.messages, outbox.bytes, outbox.since],
      [0, 0, 0],
      'what waited is dropped at once',
    );
    consumer.idles = ALWAYS;
    taken();
    outbox.send(parcel('257'));
    outbox.send(parcel('258'));
    t.same(consumer.handed, ['0'], 'and nothing goes through any more');
    t.equal(consumer.overflows, 1, 'nor overflows twice');
  },
);

t.test('when the bytes are exactly at the bound, then one byte more overflows', async (t) => {
  const { consumer, outbox } = bench();
  consumer.idles = 0;
  outbox.send(parcel('in flight', 1, 1_000_000));
  outbox.send(parcel('waits', 1, 48_576));
  t.same([consumer.overflows, outbox.bytes], [0, 1_048_576]);
  outbox.send(parcel('one byte', 1, 1));
  t.equal(consumer.overflows, 1);
});

t.test(
  'when a batch holds many messages, then each counts; an idle kernel gets a batch of any size',
  async (t) => {
    const { consumer, outbox } = bench({ messages: 4, bytes: 100 });
    consumer.idles = 1;
    outbox.send(parcel('as large as it wants', 9, 900));
    t.same([outbox.messages, consumer.overflows], [0, 0], 'the kernel took it');
    consumer.idles = 0;
    outbox.send(parcel('a', 2));
    outbox.send(parcel('b', 2));
    t.equal(outbox.messages, 4);
    outbox.send(parcel('c', 1));
    t.equal(consumer.overflows, 1);
    t.same(consumer.handed, ['as large as it wants', 'a']);
  },
);

t.test(
  'when a write is taken in part, then it counts as a whole, from when it began',
  async (t) => {
    const { consumer, outbox, taken } = bench();
    consumer.idles = 0;
    consumer.now = 7;
    outbox.send(parcel('a', 3, 30));
    outbox.send(parcel('b', 1, 10));
    taken();
    t.same([outbox.messages, outbox.bytes, outbox.since], [4, 40, 7]);
    t.same(consumer.handed, ['a']);
    consumer.idles = ALWAYS;
    consumer.now = 9;
    taken();
    t.same([outbox.messages, outbox.bytes, outbox.since], [0, 0, 0]);
    t.same(consumer.handed, ['a', 'b']);
  },
);

t.test(
  'when sends and writes interleave in any way, then order and bound hold and nothing below the bound is lost',
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
      const { consumer, outbox, taken } = bench(bound);
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
          taken();
          if (!stalls) open.length = 0;
        } else if (each === 'half taken') {
          consumer.idles = 0;
          taken();
        } else {
          const one = parcel(`${i}`, each.count, each.bytes);
          const messages = open.reduce((sum, { count }) => sum + count, 0) + one.count;
          const bytes = open.reduce((sum, { bytes }) => sum + bytes.length, 0) + one.bytes.length;
          const fits = open.length === 0 || (messages <= bound.messages && bytes <= bound.bytes);
          consumer.idles = open.length === 0 && !stalls ? 1 : 0;
          outbox.send(one);
          if (!fits) {
            overflowed += 1;
            if (consumer.overflows !== 1) throw new Error('expected an overflow, got none');
            const before = consumer.handed.length;
            consumer.idles = ALWAYS;
            taken();
            outbox.send(parcel('after the end'));
            return consumer.handed.length === before && outbox.messages === 0;
          }
          if (consumer.overflows > 0)
            throw new Error(`overflow at ${messages} messages, ${bytes} bytes`);
          accepted.push(one.name);
          if (open.length > 0 || stalls) open.push(one);
        }
        const messages = open.reduce((sum, { count }) => sum + count, 0);
        if (outbox.messages !== messages)
          throw new Error(`counted ${outbox.messages} of ${messages}`);
        const inHand = accepted.length - Math.max(0, open.length - 1);
        if (consumer.handed.join() !== accepted.slice(0, inHand).join())
          throw new Error(consumer.handed.join());
      }
      consumer.idles = ALWAYS;
      taken();
      return (
        consumer.handed.join() === accepted.join() && outbox.messages === 0 && outbox.bytes === 0
      );
    });
    fc.assert(check, { numRuns: 1_000 });
    t.ok(overflowed > 0, 'some overflowed');
  },
);
