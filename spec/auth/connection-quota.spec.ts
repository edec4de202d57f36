/** A limit of the connections of one name. */
import fc from 'fast-check';
import t from 'tap';
import { connectionQuota } from '../../lib/auth/connection-quota.js';

t.test(
  'when a name has as many connections as allowed, then the next one is refused until one has ended',
  async (t) => {
    const take = connectionQuota(2);
    const first = take('alice');
    t.ok(first && take('alice'));
    t.equal(take('alice'), undefined);
    t.ok(take('bob'), 'another name has its own');
    first?.();
    first?.();
    t.ok(take('alice'));
    t.equal(take('alice'), undefined, 'who gives back twice frees one place');
  },
);

t.test(
  'when any connections begin and end, then a name never has more than its limit',
  async (t) => {
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.boolean()), { maxLength: 100 });
    fc.assert(
      fc.property(steps, fc.nat(5), (all, most) => {
        const take = connectionQuota(most);
        const taken: Record<string, (() => void)[]> = { a: [], b: [] };
        return all.every(([name, isLeave]) => {
          const own = taken[name] ?? [];
          if (isLeave) {
            own.pop()?.();
            return true;
          }
          const leave = take(name);
          if ((leave === undefined) !== own.length >= most) return false;
          if (leave !== undefined) own.push(leave);
          return true;
        });
      }),
    );
    t.pass('for any order');
  },
);
