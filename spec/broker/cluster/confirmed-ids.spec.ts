import t from 'tap';
import { confirmedIds } from '../../../lib/broker/cluster/confirmed-ids.js';
import { at, topAt } from '../../support/channel-world.js';

const page = (...offsets: readonly (readonly [offset: number, nonce: number])[]) => ({
  top: topAt(1, 99),
  first: 1,
  renewedMs: undefined,
  entries: offsets.map(([offset, nonce]) => at(1, offset, { nonce })),
});

t.test(
  'when an id is confirmed, then it confirms a message, and the log must have it',
  async (t) => {
    const ids = confirmedIds();
    t.same(ids.furthest(topAt(1, 5)), topAt(1, 5));
    ids.put(8, at(1, 8).idText);
    t.equal(ids.byOffset.get(8), at(1, 8).idText);
    t.same(ids.furthest(topAt(1, 5)), { ...topAt(1, 5), offset: 8, id: at(1, 8).idText });
    t.notOk(ids.contradicts(page([7, 1], [8, 0], [9, 1])));
    t.ok(ids.contradicts(page([7, 0], [8, 1])), 'another message is there');
    t.notOk(ids.contradicts(page([9, 0])), 'the page does not show that offset');
  },
);

t.test('when an id is expected, then the log must have it, but it confirms nothing', async (t) => {
  const ids = confirmedIds();
  ids.expect(8, at(1, 8).idText);
  t.equal(ids.byOffset.get(8), undefined);
  t.equal(ids.furthest(topAt(1, 5)).offset, 8);
  t.ok(ids.contradicts(page([8, 1])));
  t.notOk(ids.contradicts(page([8, 0])));
});

t.test('when the channel reaches an id, then the position alone counts', async (t) => {
  const ids = confirmedIds();
  ids.put(8, at(1, 8).idText);
  ids.expect(9, at(1, 9).idText);
  ids.delete(8);
  ids.delete(9);
  t.same(ids.furthest(topAt(1, 9)), topAt(1, 9));
  t.notOk(ids.contradicts(page([8, 1], [9, 1])));
});

t.test('when an epoch ends, then its ids are forgotten', async (t) => {
  const ids = confirmedIds();
  ids.put(8, at(1, 8).idText);
  ids.expect(9, at(1, 9).idText);
  ids.clear();
  t.same(ids.furthest(topAt(2, 1)), topAt(2, 1));
  t.notOk(ids.contradicts(page([8, 1], [9, 1])));
});

t.test(
  'when thousands of ids are confirmed, then the number that is kept stays bounded',
  async (t) => {
    const ids = confirmedIds();
    for (let offset = 1; offset <= 3_000; offset++) ids.put(offset, `id ${offset}`);
    t.ok(ids.byOffset.size <= 1_024);
    t.equal(ids.furthest(topAt(1, 0)).offset, 3_000);
  },
);
