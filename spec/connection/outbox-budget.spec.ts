/** Unsent bytes of all outboxes together: beyond the bound the fullest are closed. */
import fc from 'fast-check';
import t from 'tap';
import { type Holder, OutboxBudget } from '../../lib/connection/outbox-budget.js';

/** Outboxes by number; each says that it has been closed. */
const world = (most: number) => {
  const budget = new OutboxBudget(most);
  const closed: number[] = [];
  const bytes: number[] = [];
  const holders: Holder[] = [];
  const hold = (i: number, by: number): void => {
    const holder = (holders[i] ??= {
      get bytes() {
        return bytes[i] ?? 0;
      },
      overflow: () => {
        closed.push(i);
        hold(i, -(bytes[i] ?? 0));
      },
    });
    bytes[i] = (bytes[i] ?? 0) + by;
    budget.changed(holder, by);
  };
  return { budget, closed, hold, bytes };
};

t.test('when the bound is exceeded, then the fullest outbox is closed, and no other', async (t) => {
  const w = world(1_000);
  w.hold(0, 300);
  w.hold(1, 500);
  w.hold(2, 200);
  t.same(w.closed, [], 'at the bound');
  w.hold(0, 1);
  t.same(w.closed, [1]);
  t.equal(w.budget.bytes, 501);
});

t.test(
  'when one outbox is not enough, then the fullest are closed until an eighth of the bound is free',
  async (t) => {
    const w = world(800);
    for (let i = 0; i < 8; i++) w.hold(i, 100);
    w.hold(8, 50);
    t.equal(w.closed.length, 2);
    t.equal(w.budget.bytes, 650);
    t.notOk(w.closed.includes(8), 'the smallest stays');
  },
);

t.test(
  'when any outboxes fill and drain, then the sum is right and within the bound',
  async (t) => {
    const changes = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: -200, max: 400 })));
    fc.assert(
      fc.property(changes, (all) => {
        const w = world(1_000);
        for (const [i, by] of all) w.hold(i, Math.max(by, -(w.bytes[i] ?? 0)));
        return (
          w.budget.bytes === w.bytes.reduce((sum, own) => sum + own, 0) && w.budget.bytes <= 1_000
        );
      }),
    );
    t.pass('for any changes');
  },
);
