/** `multicastSet`: a loop over a Set, in slices, with joins and leaves at any time. */
import fc from 'fast-check';
import { EMPTY, Subject, type Subscription } from 'rxjs';
import t from 'tap';
import { multicastSet } from '../../lib/rx/multicast-set.js';
import { arrayWork } from '../support/array-work.js';
import { turnsByHand } from '../support/marbles.js';

t.test(
  'when there are no more members than a slice, then all get a value at once, in the order of their joins',
  async (t) => {
    const turns = turnsByHand();
    const many = multicastSet<string>({ slice: 3, turn: turns.turn });
    const got: string[] = [];
    for (const name of ['a', 'b', 'c'])
      many.subscribe({ take: (value) => void got.push(name + value) });
    t.equal(many.deliver('1'), EMPTY);
    t.same(got, ['a1', 'b1', 'c1']);
    t.equal(turns.due(), 0);
    t.notOk(many.busy());
  },
);

t.test(
  'when there are more members than a slice, then a value goes out in slices with a turn between',
  async (t) => {
    const turns = turnsByHand();
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
  },
);

t.test('when a delivery is unsubscribed, then no turn is left', async (t) => {
  const turns = turnsByHand();
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

t.test('when a member joins during a delivery, then it gets that value once', async (t) => {
  const turns = turnsByHand();
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

t.test('when a member leaves before its slice, then it does not get the value', async (t) => {
  const turns = turnsByHand();
  const many = multicastSet<string>({ slice: 2, turn: turns.turn });
  const got: string[] = [];
  const subscriptions = new Map<string, Subscription>();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    subscriptions.set(
      name,
      many.subscribe({
        take: (value) => {
          got.push(name + value);
          if (name === 'a') subscriptions.get('b')?.unsubscribe();
          if (name === 'c') subscriptions.get('c')?.unsubscribe();
        },
      }),
    );
  }
  many.deliver('1').subscribe();
  t.same(got, ['a1', 'c1'], 'b was sent away by a, in the same slice');
  subscriptions.get('d')?.unsubscribe();
  while (turns.next());
  t.same(got, ['a1', 'c1', 'e1']);
  t.equal(many.size(), 2);
});

t.test(
  'when members join and leave at any time, then those who stay get each value once, in order',
  async (t) => {
    const step = fc.oneof(
      fc.constant({ what: 'come' } as const),
      fc.record({ what: fc.constant('go' as const), who: fc.nat(30) }),
      fc.constant({ what: 'turn' } as const),
      fc.constant({ what: 'turn' } as const),
    );
    fc.assert(
      fc.property(fc.nat(12), fc.array(step, { maxLength: 80 }), (first, steps) => {
        const turns = turnsByHand();
        const many = multicastSet<number>({ slice: 3, turn: turns.turn });
        const members: {
          readonly subscription: Subscription;
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
            subscription: many.subscribe({ take: (each) => void got.push(each) }),
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
            member.subscription.unsubscribe();
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

t.test(
  'when 50,000 members leave, then the time grows in proportion to their number',
  async (t) => {
    const MANY = 50_000;
    const many = multicastSet<number>({ slice: 512, turn: turnsByHand().turn });
    const handles = Array.from({ length: MANY }, () => many.subscribe({ take: () => undefined }));
    const work = arrayWork(() => {
      for (const handle of handles) handle.unsubscribe();
    });
    t.equal(many.size(), 0);
    t.ok(work <= MANY, `expected no search through the members, got ${work} elements looked at`);
    // a check that the count would show it: the Subject of rxjs searches its observers
    const FEW = 1_000;
    const subject$ = new Subject<number>();
    const subscriptions = Array.from({ length: FEW }, () => subject$.subscribe()).reverse();
    const quadratic = arrayWork(() => {
      for (const subscription of subscriptions) subscription.unsubscribe();
    });
    t.ok(quadratic >= (FEW * FEW) / 4, `a Subject's leaves look at ${quadratic} elements`);
  },
);
