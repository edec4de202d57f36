/** The ids that were seen last in a room. */
import fc from 'fast-check';
import t from 'tap';
import { recentIds } from '../../../lib/broker/cluster/recent-ids.js';
import { at } from '../../support/channel-world.js';

/** Each slot of the ring has the last offset that came to it. */
const SLOTS = 128;

t.test('when an id was added, then its message is known, and no other of its offset', async (t) => {
  const seen = recentIds();
  const one = at(1, 7);
  t.notOk(seen.has(one));
  seen.add(one.id);
  t.ok(seen.has(one));
  t.notOk(seen.has(at(1, 7, { nonce: 1 })));
  t.notOk(seen.has(at(2, 7)));
  t.notOk(seen.has(at(1, 7 + SLOTS)));
});

t.test(
  'when a message has the offset of another id of its epoch, then it contradicts that id',
  async (t) => {
    const seen = recentIds();
    t.notOk(seen.contradicts(at(1, 7)), 'nothing is known of the offset');
    seen.add(at(1, 7).id);
    t.notOk(seen.contradicts(at(1, 7)), 'the same');
    t.ok(seen.contradicts(at(1, 7, { nonce: 1 })));
    t.notOk(seen.contradicts(at(2, 7)), 'another epoch has offsets of its own');
    t.notOk(seen.contradicts(at(1, 7 + SLOTS)), 'another offset of the same slot');
  },
);

t.test('when any offsets were added, then the last 128 in a row are known', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 38 }), fc.nat(400), (first, count) => {
      const seen = recentIds();
      const all = Array.from({ length: count }, (_, i) => at(1, first + i));
      for (const { id } of all) seen.add(id);
      const known = all.map((one) => seen.has(one));
      return known.every((is, i) => is === i >= count - SLOTS);
    }),
  );
  t.pass('and none that is older');
});
