/** A map with a bound, against a list that does the same. */
import fc from 'fast-check';
import t from 'tap';
import { BoundedMap } from '../lib/bounded-map.js';

t.test(
  'when the map is full, then the entry that was put first is removed and returned',
  async (t) => {
    const map = new BoundedMap<string, number>(2);
    t.equal(map.put('a', 1), undefined);
    t.equal(map.put('b', 2), undefined);
    t.strictSame(map.put('c', 3), ['a', 1]);
    t.strictSame(
      [...map],
      [
        ['b', 2],
        ['c', 3],
      ],
    );
    t.same([map.has('a'), map.get('b'), map.size], [false, 2, 2]);
  },
);

t.test(
  'when a key is put again, then it keeps its position in the order, unless it was deleted',
  async (t) => {
    const map = new BoundedMap<string, number>(2);
    for (const key of ['a', 'b', 'a']) map.put(key, 1);
    t.strictSame(map.put('c', 1), ['a', 1]);
    t.equal(map.delete('b'), true);
    map.put('b', 2);
    t.strictSame(map.put('d', 1), ['c', 1]);
    map.clear();
    t.equal(map.size, 0);
  },
);

t.test('when the bound is 0, then nothing is kept', async (t) => {
  const map = new BoundedMap<string, number>(0);
  t.strictSame(map.put('a', 1), ['a', 1]);
  t.equal(map.size, 0);
});

t.test(
  'when any keys are put and deleted, then the map behaves like a list that drops its first entry',
  async () => {
    fc.assert(
      fc.property(
        fc.nat(5),
        fc.array(fc.tuple(fc.nat(8), fc.constantFrom('put', 'put', 'delete')), { maxLength: 40 }),
        (max, turns) => {
          const map = new BoundedMap<number, number>(max);
          let list: (readonly [number, number])[] = [];
          for (const [i, [key, what]] of turns.entries()) {
            const known = list.findIndex(([other]) => other === key);
            if (what === 'delete') {
              map.delete(key);
              list = list.filter(([other]) => other !== key);
              continue;
            }
            if (known === -1) list = [...list, [key, i]];
            else list = list.map((entry) => (entry[0] === key ? [key, i] : entry));
            const gone = map.put(key, i);
            if (list.length > max !== (gone !== undefined)) return false;
            if (gone !== undefined && String(gone) !== String(list[0])) return false;
            list = list.slice(-max || list.length);
          }
          return JSON.stringify([...map]) === JSON.stringify(list);
        },
      ),
      { numRuns: 500 },
    );
  },
);
