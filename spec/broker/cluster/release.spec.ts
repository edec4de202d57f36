/** Which messages leave the reorder buffer, in which order, and which stay there. */
import fc from 'fast-check';
import t from 'tap';
import { reorderBuffer } from '../../../lib/broker/cluster/reorder-buffer.js';
import { release } from '../../../lib/broker/cluster/release.js';
import type { Page } from '../../../lib/history/page.js';
import type { Publication } from '../../../lib/protocol/publication.js';
import { at, topAt } from '../../support/channel-world.js';
import { sequenceWorld } from '../../support/sequence-world.js';

/** At 1:5; `waiting` was received, and then the log was asked. */
const world = (...waiting: readonly Publication[]) => {
  const { order, delivered } = sequenceWorld();
  const buffer = reorderBuffer();
  for (const one of waiting) buffer.add(one);
  buffer.markAsked();
  const confirm = (...all: readonly Publication[]): void => {
    for (const { id, idText } of all) order.confirm(id.tag, id.offset, idText);
  };
  return {
    order,
    buffer,
    confirm,
    ...release('r', order, buffer),
    /** Offsets, and `–` for what is outside the log. */
    delivered: (): string => delivered.map(({ offset }) => offset ?? '–').join(' '),
    waits: (): string =>
      buffer
        .all()
        .map(({ id }) => id.offset)
        .join(' '),
  };
};

/** What the log has from `from` to `to`. */
const pageOf = (from: number, to: number, top = to): Page => ({
  top: topAt(1, top),
  first: 1,
  entries: Array.from({ length: to - from + 1 }, (_, i) => at(1, from + i)),
});

t.test('when nothing is confirmed, then nothing is delivered and all of it waits', async (t) => {
  const w = world(at(1, 6), at(1, 7));
  t.notOk(w.confirmed(true, undefined, false));
  t.equal(w.delivered(), '');
  t.equal(w.waits(), '6 7');
});

t.test(
  'when a message is confirmed, then it and all before it are delivered in order',
  async (t) => {
    const w = world(at(1, 7), at(1, 6), at(1, 8), at(1, 9));
    w.confirm(at(1, 8));
    t.ok(w.confirmed(true, undefined, false));
    t.equal(w.delivered(), '6 7 8');
    t.equal(w.waits(), '9');
  },
);

t.test(
  'when a confirmed message waits for a lower one behind a message in doubt, then both stay in the buffer',
  async (t) => {
    const w = world(at(1, 7), at(1, 9), at(1, 6));
    w.confirm(at(1, 6), at(1, 7));
    t.notOk(w.confirmed(true, undefined, false));
    t.equal(w.delivered(), '');
    t.equal(w.waits(), '7 9 6');
    t.ok(w.confirmed(true, undefined, true), 'the log did not answer');
    t.equal(w.delivered(), '6 7');
    t.equal(w.waits(), '9');
  },
);

t.test(
  'when a foreign message was received between two others, then it is delivered between them',
  async (t) => {
    const w = world(at(1, 6), at(44, 900), at(1, 7));
    w.confirm(at(1, 7));
    t.ok(w.confirmed(true, topAt(1, 7), false));
    t.equal(w.delivered(), '6 – 7');
    t.equal(w.waits(), '');
  },
);

t.test(
  'when the log was not asked about a message, then messages received after it wait',
  async (t) => {
    const w = world(at(1, 6));
    w.buffer.add(at(44, 900));
    w.buffer.add(at(1, 7));
    w.confirm(at(1, 6), at(1, 7));
    t.ok(w.confirmed(true, topAt(1, 7), false));
    t.equal(w.delivered(), '6');
    t.equal(w.waits(), '900 7');
    t.ok(w.confirmed(true, undefined, true), 'the question failed: nothing waits behind it');
    t.equal(w.delivered(), '6 7');
  },
);

t.test(
  'when a page has a message that was not received, then the copy of the page is delivered',
  async (t) => {
    const w = world(at(1, 8));
    w.confirm(at(1, 8));
    t.equal(w.fill(pageOf(5, 8), true, false), 'Top');
    t.equal(w.delivered(), '6 7 8');
  },
);

t.test("when a page ends before the log's last message, then there is more to read", async (t) => {
  const w = world();
  t.equal(w.fill(pageOf(5, 7, 9), true, false), 'More');
  t.equal(w.delivered(), '6 7');
});

t.test(
  'when pushes are awaited, then messages that may be on their way are not taken from the page',
  async (t) => {
    const w = world(at(1, 6));
    w.confirm(at(1, 6));
    t.equal(w.fill(pageOf(5, 8), true, true), 'Coming');
    t.equal(w.delivered(), '6');
    t.equal(w.fill(pageOf(5, 8), true, false), 'Top', 'no longer awaited');
    t.equal(w.delivered(), '6 7 8');
  },
);

t.test(
  'when the log has answered, then the messages that it does not have are delivered as foreign',
  async (t) => {
    const w = world(at(1, 6, { nonce: 1 }), at(44, 3));
    w.conclude();
    t.equal(w.delivered(), '– –');
    t.equal(w.waits(), '');
  },
);

t.test('when a message came after the question, then it waits for the next answer', async (t) => {
  const w = world(at(44, 3));
  w.buffer.add(at(1, 9));
  w.conclude();
  t.equal(w.delivered(), '–');
  t.equal(w.waits(), '9');
  t.equal(w.buffer.countAsked(), 0);
});

t.test(
  'when there is a hole, then the channel goes on just before the first message that the log has',
  async (t) => {
    const w = world(at(1, 8), at(1, 9));
    t.match(w.beginning(at(1, 7), topAt(1, 9), true), { tag: 1, offset: 6, id: null });
    t.match(
      w.beginning(undefined, topAt(1, 9), true),
      { offset: 7, id: null },
      'what was received',
    );
    t.match(w.beginning(undefined, topAt(1, 20), true), topAt(1, 20), 'or behind its top');
  },
);

t.test(
  'when any part was received in any order, then the log fills the rest, in order, once',
  async (t) => {
    const received = fc.shuffledSubarray([6, 7, 8, 9, 10, 11, 12]);
    fc.assert(
      fc.property(received, fc.boolean(), (offsets, isComplete) => {
        const w = world(...offsets.map((offset) => at(1, offset)));
        w.confirm(...pageOf(6, 12).entries);
        const end = w.fill(pageOf(5, 12), isComplete, false);
        w.conclude();
        return end === 'Top' && w.delivered() === '6 7 8 9 10 11 12' && w.waits() === '';
      }),
    );
    t.pass('for any push order');
  },
);
