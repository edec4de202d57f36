/** The tail: what the members were sent last, for joiners that have read the log to its end. */
import t from 'tap';
import { frameOf, payloadIn } from '../../../lib/protocol/frame.js';
import type { Delivery } from '../../../lib/room/delivery.js';
import { deliveryTail } from '../../../lib/room/recovery/tail.js';

const delivery = (offset: number | undefined, tag = 1, text = `${offset}`): Delivery => ({
  frame: frameOf(text),
  top: { tag, offset: offset ?? 0, ms: 0, id: null },
  offset,
  except: undefined,
  at: undefined,
});

const LARGE = { messages: 100, bytes: 10_000 };

t.test('when the tail has the offset, then it gives what follows without a hole', async (t) => {
  const tail = deliveryTail(LARGE, LARGE);
  tail.add([1, 2, undefined, 3, 5].map((offset) => delivery(offset)));
  const slice = tail.from(1, 2);
  t.same(
    [slice?.count, slice?.last.offset],
    [2, 3],
    'up to the hole; what has no offset is left out',
  );
  t.equal(tail.from(1, 4), undefined, 'the hole itself');
  t.equal(tail.from(2, 2), undefined, 'another epoch');
});

t.test('when the epoch changes, then a slice ends with the old one', async (t) => {
  const tail = deliveryTail(LARGE, LARGE);
  tail.add([delivery(1), delivery(2), delivery(3, 2)]);
  t.equal(tail.from(1, 1)?.count, 2);
});

t.test(
  'when there is more than a slice, then a slice is given; at least one message',
  async (t) => {
    const tail = deliveryTail(LARGE, { messages: 2, bytes: 40 });
    tail.add([delivery(1), delivery(2), delivery(3, 1, 'x'.repeat(100)), delivery(4)]);
    t.equal(tail.from(1, 1)?.count, 2, 'by messages');
    t.equal(tail.from(1, 2)?.count, 1, 'by bytes');
    const alone = tail.from(1, 3);
    t.equal(alone?.count, 1, 'one that is larger than a slice goes alone');
    t.equal(alone === undefined ? '' : payloadIn(alone.bytes).toString(), 'x'.repeat(100));
  },
);

t.test('when the tail is full, then the oldest messages go', async (t) => {
  const byCount = deliveryTail({ messages: 2, bytes: 10_000 }, LARGE);
  byCount.add([1, 2, 3].map((offset) => delivery(offset)));
  t.equal(byCount.from(1, 1), undefined);
  t.equal(byCount.from(1, 2)?.count, 2);
  const byBytes = deliveryTail({ messages: 100, bytes: 6 }, LARGE);
  byBytes.add([1, 2, 3].map((offset) => delivery(offset)));
  t.equal(byBytes.from(1, 1), undefined, 'frames of 3 bytes each');
  t.equal(byBytes.from(1, 2)?.count, 2);
});

t.test('when the tail is cleared, then it is empty and its bytes count from 0', async (t) => {
  const tail = deliveryTail({ messages: 2, bytes: 6 }, LARGE);
  tail.add([delivery(1), delivery(2)]);
  tail.clear();
  t.equal(tail.from(1, 1), undefined);
  tail.add([delivery(3), delivery(4)]);
  t.equal(tail.from(1, 3)?.count, 2);
});
