/** Answers of a room in the order of its calls. */
import fc from 'fast-check';
import t from 'tap';
import { answerOrder } from '../../../lib/broker/archived/answer-order.js';

t.test(
  'when calls are answered in any order, then each room gets its answers in the order of its calls',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('r', 's'), { maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        (rooms, chance) => {
          const order = answerOrder<number>();
          const given: [string, number][] = [];
          const calls = rooms.map((room, i) => ({
            i,
            answer: order.slot(room, (value) => void given.push([room, value])),
          }));
          while (calls.length > 0) {
            const at = (chance.next().value ?? 0) % calls.length;
            const [call] = calls.splice(at, 1);
            call?.answer(call.i);
          }
          for (const room of ['r', 's'])
            t.same(
              given.filter(([of]) => of === room).map(([, value]) => value),
              rooms.flatMap((of, i) => (of === room ? [i] : [])),
            );
          t.equal(order.size(), 0);
        },
      ),
    );
  },
);

t.test(
  'when an answer causes the next call of its room, then that call is answered too',
  async (t) => {
    const order = answerOrder<number>();
    const given: number[] = [];
    const next = (value: number): void => {
      given.push(value);
      if (value < 3) order.slot('r', next)(value + 1);
    };
    order.slot('r', next)(1);
    t.same([given, order.size()], [[1, 2, 3], 0]);
  },
);
