/** Messages that are delivered though no log has them: once, under an id of their own, bounded. */
import t from 'tap';
import { unlogged } from '../../../lib/broker/cluster/unlogged.js';
import { formatId, nonceOf } from '../../../lib/protocol/position.js';
import { at, topAt } from '../../support/channel-world.js';

const MAX_PASSED = 4_096;

t.test(
  'when a message gets an id, then the id is outside the log, at the given position',
  async (t) => {
    const foreign = unlogged();
    const position = topAt(1, 9);
    t.match(foreign.name(at(44, 900, { nonce: 5 }), position, false), {
      tag: 1,
      offset: 9,
      ms: position.ms,
      outside: true,
      global: false,
    });
    t.match(foreign.name(at(44, 901), position, true), { outside: true, global: true });
  },
);

t.test('when a message was delivered, then it gets no second id', async (t) => {
  const foreign = unlogged();
  const one = at(44, 900);
  foreign.passed(one, 'as');
  t.equal(foreign.name(one, topAt(1, 9), false), undefined);
  t.ok(foreign.name(at(44, 900, { nonce: 1 }), topAt(1, 9), false));
});

t.test(
  'when thousands of messages get ids at one position, then no two ids are the same',
  async (t) => {
    const foreign = unlogged();
    // of so many about fifteen draw the same 20 bits
    const names = Array.from({ length: 4_000 }, (_, i) => {
      const id = foreign.name(at(44, 1 + i), topAt(1, 9), false);
      return id === undefined ? '' : formatId(id);
    });
    t.equal(new Set(names).size, 4_000);
    const next = at(44, 5_000);
    t.equal(
      foreign.name(next, topAt(1, 10), false)?.nonce,
      nonceOf(next.idText),
      'a place further',
    );
  },
);

t.test('when the log has the message after all, then its id is recalled once', async (t) => {
  const foreign = unlogged();
  const one = at(1, 10);
  t.equal(foreign.recall(one), undefined);
  foreign.passed(one, 'as');
  t.equal(foreign.recall(at(1, 10, { bytes: 11 })), undefined, 'other bytes are another message');
  t.equal(foreign.recall(one), 'as');
  t.equal(foreign.recall(one), undefined);
});

t.test(
  'when more messages are delivered than are remembered, then the oldest is forgotten',
  async (t) => {
    const foreign = unlogged();
    const all = Array.from({ length: MAX_PASSED + 1 }, (_, i) => at(44, 1 + i));
    for (const one of all) foreign.passed(one, one.idText);
    t.equal(foreign.recall(all[0]!), undefined);
    t.equal(foreign.recall(all[1]!), all[1]?.idText);
    t.equal(foreign.recall(all[MAX_PASSED]!), all[MAX_PASSED]?.idText);
  },
);
