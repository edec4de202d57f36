/** The position of a channel in its room's order, and how it judges each message. */
import fc from 'fast-check';
import t from 'tap';
import { positionBefore } from '../../../lib/broker/cluster/sequence.js';
import { at, topAt } from '../../support/channel-world.js';
import { type SequenceWorld, sequenceWorld } from '../../support/sequence-world.js';

const offsetsIn = ({ delivered }: SequenceWorld): readonly (number | undefined)[] =>
  delivered.map(({ offset }) => offset);

t.test(
  'when the next message is confirmed, then it is delivered; any other is in doubt',
  async (t) => {
    const w = sequenceWorld();
    t.notOk(w.order.acceptInOrder(at(1, 6)), 'no word of the log');
    t.ok(w.order.confirm(1, 6, at(1, 6).idText));
    t.notOk(w.order.acceptInOrder(at(1, 6, { nonce: 1 })), 'another id');
    t.notOk(w.order.acceptInOrder(at(1, 7)), 'not the next');
    t.ok(w.order.acceptInOrder(at(1, 6)));
    t.same(offsetsIn(w), [6]);
    t.match(w.order.position(), topAt(1, 6));
  },
);

t.test('when a message was delivered, then its repeat is dropped', async (t) => {
  const w = sequenceWorld();
  w.order.advance(at(1, 6));
  t.ok(w.order.acceptInOrder(at(1, 6)));
  t.same(offsetsIn(w), [6]);
});

t.test(
  'when a message is from before the start, then it is dropped while it may be late',
  async (t) => {
    const w = sequenceWorld();
    t.ok(w.order.acceptInOrder(at(1, 3)));
    w.clock.advance(1_000);
    t.notOk(w.order.acceptInOrder(at(1, 2)), 'then only the log can say what it is');
    t.same(w.delivered, []);
  },
);

t.test(
  'when members have a message under another id, then it is delivered as an echo of it',
  async (t) => {
    const w = sequenceWorld(({ id }) => (id.offset === 7 ? 'outside id' : undefined));
    w.order.advance(at(1, 6));
    w.order.advance(at(1, 7));
    t.match(w.delivered, [{ _tag: 'Published' }, { _tag: 'Echoed', as: 'outside id', offset: 7 }]);
  },
);

t.test(
  'when no log has a message, then it is delivered once, and the position stays',
  async (t) => {
    const w = sequenceWorld();
    const foreign = at(44, 900);
    w.order.passThrough(foreign);
    w.order.passThrough(foreign);
    t.match(w.delivered, [{ _tag: 'Published', offset: undefined, top: topAt(1, 5) }]);
    t.match(w.delivered[0]?.publication.id, { tag: 1, offset: 5, outside: true });
    t.equal(w.delivered.length, 1);
  },
);

t.test(
  'when the log has a foreign message after all, then it is an echo for members who had it',
  async (t) => {
    const w = sequenceWorld();
    w.order.passThrough(at(1, 6));
    const [passed] = w.delivered;
    w.order.advance(at(1, 6));
    t.match(w.delivered[1], { _tag: 'Echoed', offset: 6, as: passed?.publication.idText });
  },
);

t.test(
  "when presence is ahead of the channel, then it waits; else it is delivered at the channel's position",
  async (t) => {
    const w = sequenceWorld();
    t.notOk(w.order.acceptInOrder(at(1, 6, { outside: true })));
    t.ok(w.order.acceptInOrder(at(1, 5, { outside: true })));
    t.ok(w.order.acceptInOrder(at(1, 5, { outside: true })), 'a repeat');
    t.equal(w.delivered.length, 1);
  },
);

t.test(
  'when an epoch comes back, then the channel goes on from its last position there',
  async (t) => {
    const w = sequenceWorld();
    w.order.advance(at(1, 6));
    w.order.beginAt(topAt(2, 0));
    t.match(w.order.positionIn(topAt(1, 9)), topAt(1, 6));
    t.match(w.order.positionIn(topAt(3, 9)), { tag: 3, offset: 0, id: null }, 'an unknown one');
    t.notOk(w.order.confirm(1, 7, at(1, 7).idText), 'what is said of another epoch does not count');
  },
);

t.test('when there were many epochs, then the last eight are remembered', async (t) => {
  const w = sequenceWorld();
  for (let tag = 2; tag <= 12; tag++) w.order.beginAt(topAt(tag, 3));
  t.equal(w.order.positionIn(topAt(4, 9)).offset, 3);
  t.equal(w.order.positionIn(topAt(3, 9)).offset, 0);
});

t.test(
  'when the log was beyond a message that it does not have, then the message is foreign',
  async (t) => {
    const w = sequenceWorld();
    const top = topAt(1, 8);
    t.ok(w.order.isForeign(at(1, 4), top), 'at a place that is taken');
    t.ok(w.order.isForeign(at(1, 9), top), 'beyond the top');
    t.ok(w.order.isForeign(at(2, 7), top), 'of another epoch');
    t.notOk(w.order.isForeign(at(1, 7), top), 'the log may have it');
    w.order.confirm(1, 7, at(1, 7).idText);
    t.notOk(w.order.isForeign(at(1, 7), top));
    t.ok(w.order.isForeign(at(1, 7, { nonce: 1 }), top));
  },
);

t.test(
  'when anything is pushed, then what is delivered is in order and nothing comes twice',
  async (t) => {
    const pushes = fc.array(
      fc.record({ offset: fc.integer({ min: 3, max: 12 }), nonce: fc.nat(1) }),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(pushes, (all) => {
        const w = sequenceWorld();
        // the log has those with the nonce 0
        for (const { offset, nonce } of all) {
          w.order.confirm(1, offset, at(1, offset).idText);
          w.order.acceptInOrder(at(1, offset, { nonce }));
        }
        return w.delivered.every(
          ({ offset, publication }, i) => offset === 6 + i && publication.id.nonce === 0,
        );
      }),
      { numRuns: 300 },
    );
    t.pass('for any pushes');
  },
);

t.test('when a position is just before a message, then it has no id', async (t) => {
  t.same(positionBefore(at(1, 6)), { tag: 1, offset: 5, ms: 6, id: null });
});
