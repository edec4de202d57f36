import t from 'tap';
import { reorderBuffer } from '../../../lib/broker/cluster/reorder-buffer.js';
import { frameAround } from '../../../lib/protocol/frame.js';
import { Publication } from '../../../lib/protocol/publication.js';
import { formatId, type MessageId } from '../../../lib/protocol/position.js';

const at = (offset: number, bytes = 10): Publication => {
  const id: MessageId = { tag: 1, offset, ms: 0, global: false, outside: false, nonce: 0 };
  return new Publication(id, formatId(id), 'chat', frameAround(Buffer.alloc(bytes)), undefined);
};

t.test(
  'when messages wait, then they are in order, and the number that came before the question is known',
  async (t) => {
    const waiting = reorderBuffer();
    waiting.add(at(1));
    waiting.add(at(2));
    waiting.markAsked();
    waiting.add(at(3));
    t.equal(waiting.countAsked(), 2);
    t.same(
      waiting.all().map(({ id }) => id.offset),
      [1, 2, 3],
    );
    waiting.replace([at(2), at(3)], 1);
    t.equal(waiting.countAsked(), 1);
    t.equal(waiting.size(), 2);
  },
);

t.test(
  'when the buffer is full by number or bytes, then it takes no more until some are taken out',
  async (t) => {
    for (const [bytes, fit] of [
      [10, 1_024],
      [100_000, 41],
    ] as const) {
      const waiting = reorderBuffer();
      for (let offset = 1; offset <= 2_000; offset++) waiting.add(at(offset, bytes));
      t.equal(waiting.size(), fit);
      t.ok(waiting.isFull());
      waiting.replace([], 0);
      waiting.clearFull();
      waiting.add(at(1, bytes));
      t.equal(waiting.size(), 1);
      t.notOk(waiting.isFull());
    }
  },
);

t.test('when a message did not fit, then no later one is kept until `clearFull`', async (t) => {
  const waiting = reorderBuffer();
  for (let offset = 1; offset <= 41; offset++) waiting.add(at(offset, 100_000));
  waiting.add(at(42, 200_000));
  waiting.add(at(42, 10));
  t.equal(waiting.size(), 41);
});
