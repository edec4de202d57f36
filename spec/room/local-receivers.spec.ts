/** Which members have a message that reached this pod only. */
import t from 'tap';
import { LocalReceivers } from '../../lib/room/local-receivers.js';

const MAX_MESSAGES = 4_096;

t.test('when a message was delivered, then members that came later do not have it', async (t) => {
  const receivers = new LocalReceivers();
  receivers.expect('a', 3);
  t.same(receivers.of('a'), { joinSeq: Infinity, known: true }, 'whoever is there gets it');
  receivers.delivered('a', 5);
  t.same(receivers.of('a'), { joinSeq: 5, known: true });
});

t.test('when a message was delivered to no member, then no member has it', async (t) => {
  const receivers = new LocalReceivers();
  t.same(receivers.of('b'), { joinSeq: 0, known: true });
});

t.test(
  'when messages on their way are dropped, then the present members count as receivers',
  async (t) => {
    const receivers = new LocalReceivers();
    receivers.delivered('a', 2);
    receivers.expect('b', 3);
    receivers.dropped(4);
    t.same(receivers.of('a'), { joinSeq: 2, known: true });
    t.same(receivers.of('b'), { joinSeq: 4, known: true });
  },
);

t.test('when messages are forgotten, then only their earliest receiver is known', async (t) => {
  const receivers = new LocalReceivers();
  for (let i = 0; i <= MAX_MESSAGES; i++) receivers.delivered(`m${i}`, 10 + i);
  t.same(receivers.of('m0'), { joinSeq: 10, known: false });
  t.same(receivers.of('m1'), { joinSeq: 11, known: true });
  t.same(receivers.of('another'), { joinSeq: 10, known: false });
});
