/** Slots of a Redis Cluster. */
import t from 'tap';
import { movedTo, slotOf, slotsAt } from '../../../lib/broker/redis/slots.js';

t.test('when a name has a hash tag, then its slot is that of the tag', async (t) => {
  t.equal(slotOf('123456789'), 12_739, 'the example of the specification of Redis Cluster');
  t.equal(slotOf('realtime:room:r'), slotOf('{realtime:room:r}:log'));
  t.not(slotOf('a'), slotOf('b'));
});

t.test(
  'when a node answers CLUSTER SLOTS, then it owns its ranges and those without a host',
  async (t) => {
    const reply = [
      [0, 100, ['10.0.0.1', 7000, 'a'], ['10.0.0.2', 7000, 'b']],
      [101, 200, ['10.0.0.2', 7000, 'b']],
      [201, 300, ['', 7000, 'a']],
      'nonsense',
    ];
    const owns = slotsAt(reply, '10.0.0.1:7000');
    t.same([0, 100, 101, 200, 201, 300, 301].map(owns), [
      true,
      true,
      false,
      false,
      true,
      true,
      false,
    ]);
  },
);

t.test('when an error is MOVED, then the new owner is read from it', async (t) => {
  t.equal(movedTo(new Error('MOVED 866 10.0.0.2:7001'), '10.0.0.1:7000'), '10.0.0.2:7001');
  t.equal(movedTo(new Error('MOVED 866 :7001'), '10.0.0.1:7000'), '10.0.0.1:7001');
  t.equal(movedTo(new Error('CLUSTERDOWN'), '10.0.0.1:7000'), undefined);
});
