/** Which of the waiting messages are confirmed. The rows are those of the drawing in `confirmation.ts`. */
import fc from 'fast-check';
import t from 'tap';
import {
  confirmedOf,
  endingAt,
  hasChanged,
  isBehind,
  isOfLog,
  missing,
  type Received,
} from '../../../lib/broker/cluster/confirmation.js';
import type { Publication } from '../../../lib/protocol/publication.js';
import { at, topAt } from '../../support/channel-world.js';

/** After 1:5; `sure` are messages that the log has. */
const received = (
  queue: readonly Publication[],
  sure: readonly Publication[],
  isComplete = true,
): Received => ({
  queue,
  known: topAt(1, 5),
  isGlobal: false,
  sure: new Map(sure.map(({ id, idText }) => [id.offset, idText])),
  isComplete,
});

const run = (from: number, to: number): readonly Publication[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => at(1, from + i));

const offsets = (all: readonly Publication[]): readonly number[] => all.map(({ id }) => id.offset);

const OTHER_7 = at(1, 7, { nonce: 1 });

t.test(
  'when the log has an id, then the message and all that were received before it are confirmed',
  async (t) => {
    t.same(offsets(confirmedOf(received(run(6, 8), [at(1, 8)]))), [6, 7, 8]);
    t.same(offsets(confirmedOf(received([...run(6, 7), at(1, 9)], [at(1, 9)]))), [], 'a hole');
    const hole = received([...run(6, 7), at(1, 9)], [at(1, 7), at(1, 9)]);
    t.same(offsets(confirmedOf(hole)), [6, 7], 'up to the hole');
    const two = received([at(1, 6), at(1, 7), OTHER_7, at(1, 8)], [at(1, 6), at(1, 8)]);
    t.same(offsets(confirmedOf(two)), [6], 'two at one place: only its page says which');
    t.same(confirmedOf(received(run(6, 7), [])), [], 'no word of the log');
    t.same(confirmedOf(received([at(1, 6)], [at(1, 5)])), [], 'the log stands before it');
  },
);

t.test(
  'when one message waits, then it is confirmed only when the log has its whole id',
  async (t) => {
    t.same(confirmedOf(received([at(1, 6)], [at(1, 6)])), [at(1, 6)]);
    t.same(confirmedOf(received([at(1, 6, { nonce: 1 })], [at(1, 6)])), []);
    t.same(confirmedOf(received([at(1, 7)], [at(1, 7)])), [], 'not the next');
    t.same(confirmedOf(received([at(2, 6)], [at(1, 6)])), [], 'another epoch');
  },
);

t.test(
  'when the subscription was interrupted, then each message is confirmed only by its own id',
  async (t) => {
    t.same(confirmedOf(received(run(6, 8), [at(1, 8)], false)), []);
    t.same(offsets(confirmedOf(received(run(6, 8), run(6, 7), false))), [6, 7]);
  },
);

t.test(
  'when any messages are received, then the confirmed ones are in order, without a hole, and never forged',
  async (t) => {
    const arrivals = fc.array(
      fc.record({ offset: fc.integer({ min: 4, max: 14 }), nonce: fc.nat(2) }),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(
        arrivals,
        fc.subarray([6, 7, 8, 9, 10, 11]),
        fc.boolean(),
        (queue, sure, isComplete) => {
          const all = received(
            queue.map(({ offset, nonce }) => at(1, offset, { nonce })),
            sure.map((offset) => at(1, offset)),
            isComplete,
          );
          const believed = confirmedOf(all);
          const last = believed.at(-1);
          return (
            believed.every(({ id, idText }, i) => {
              const known = all.sure.get(id.offset);
              return id.offset === 6 + i && (known === undefined ? isComplete : known === idText);
            }) &&
            (last === undefined || all.sure.has(last.id.offset))
          );
        },
      ),
      { numRuns: 500 },
    );
    t.pass('for any queue');
  },
);

t.test(
  'when the log has more than the channel, then the rest is lost, on its way, or behind a message in doubt',
  async (t) => {
    t.equal(missing(received([], []), topAt(1, 5)), 'Nothing');
    t.equal(missing(received(run(6, 7), []), topAt(1, 7)), 'Waiting');
    t.equal(missing(received(run(6, 7), []), topAt(1, 8)), 'Coming');
    t.equal(
      missing(received([at(1, 6), at(1, 8)], []), topAt(1, 8)),
      'Lost',
      'a later one is here',
    );
    t.equal(missing(received([at(1, 6), at(1, 7), OTHER_7], []), topAt(1, 8)), 'Lost', 'two');
  },
);

t.test(
  "when no position is known, then the channel begins with the messages that end at the log's last one",
  async (t) => {
    const received = [at(1, 4), at(1, 6), at(1, 7), at(1, 8)];
    t.same(offsets(endingAt(received, topAt(1, 8), false, true)), [6, 7, 8]);
    t.same(offsets(endingAt(received, topAt(1, 8), false, false)), [8], 'hearing was interrupted');
    t.same(offsets(endingAt(received, topAt(1, 9), false, true)), [], 'the top was not heard');
    t.same(offsets(endingAt(received, topAt(1, 8, { nonce: 1 }), false, true)), [], 'a forged one');
  },
);

t.test('when the log went back or is another epoch, then it has changed', async (t) => {
  t.notOk(hasChanged(topAt(1, 6), topAt(1, 5)));
  t.notOk(hasChanged(topAt(1, 5), topAt(1, 5)));
  t.ok(hasChanged(topAt(2, 6), topAt(1, 5)));
  t.ok(isBehind(topAt(1, 4), topAt(1, 5)));
  t.ok(isBehind(topAt(1, 5, { nonce: 1 }), topAt(1, 5)), 'another message at our place');
  t.notOk(isBehind(topAt(2, 4), topAt(1, 5)), 'another epoch is not behind');
});

t.test(
  'when an id is outside the log, or of another log, then it is no position of this log',
  async (t) => {
    const { id } = at(1, 6);
    t.ok(isOfLog(id, 1, false));
    t.notOk(isOfLog(id, 2, false));
    t.notOk(isOfLog(id, 1, true));
    t.notOk(isOfLog({ ...id, outside: true }, 1, false));
  },
);
