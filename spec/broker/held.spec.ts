import t from 'tap';
import { held } from '../../lib/broker/held.js';
import { frameAround, Publication } from '../../lib/codec.js';
import { formatId, type Id } from '../../lib/position.js';

const at = (offset: number, bytes = 10): Publication => {
  const id: Id = { tag: 1, offset, ms: 1, global: false, outside: false, nonce: 0 };
  return new Publication(id, formatId(id), 'chat', frameAround(Buffer.alloc(bytes)), undefined);
};

t.test(
  'what waits is taken in its order, and what was there when the log was asked is known',
  async (t) => {
    const waiting = held();
    waiting.add(at(1), true);
    waiting.add(at(2), true);
    waiting.asked();
    waiting.add(at(3), true);
    t.equal(waiting.before(), 2);
    t.same(
      waiting.take(1).map(({ id }) => id.offset),
      [1],
    );
    t.same([waiting.size(), waiting.before()], [2, 1]);
    t.same(
      waiting.take().map(({ id }) => id.offset),
      [2, 3],
    );
    t.same([waiting.size(), waiting.before(), waiting.isFull()], [0, 0, false]);
  },
);

t.test('it is bounded in messages and bytes, and what is taken makes room', async (t) => {
  for (const [bytes, most] of [
    [10, 1_024],
    [100_000, 41],
  ] as const) {
    const waiting = held();
    for (let i = 1; i <= most; i++) waiting.add(at(i, bytes), true);
    t.same([waiting.size(), waiting.isFull()], [most, false]);
    waiting.add(at(most + 1, bytes), true);
    t.same([waiting.size(), waiting.isFull(), waiting.isMissed()], [most, true, false]);
    waiting.add(at(most + 2, bytes), false);
    t.equal(waiting.isMissed(), true, 'no log may have it');
    waiting.forgive();
    waiting.take(1);
    waiting.add(at(most + 3, bytes), false);
    t.same([waiting.size(), waiting.isFull(), waiting.isMissed()], [most, false, false]);
  }
});
