/** What a request for a room's messages asks for. */
import { isRight } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import { historyQuery, type Query } from '../../lib/http/history-query.js';
import { formatId } from '../../lib/protocol/position.js';

const ID = formatId({ tag: 1, offset: 7, ms: 9, global: false, outside: false, nonce: 0 });

const faultOf = (query: Query): string => {
  const asked = historyQuery(query);
  return isRight(asked) ? 'none' : `${asked.left.status} ${asked.left.detail.split(':')[0]}`;
};

t.test('when the query is empty, then the limit is the last hundred messages', async (t) => {
  t.match(historyQuery({}), { right: { after: undefined, before: undefined, limit: 100 } });
});

t.test('when bounds are ids, then they are read, in lower case', async (t) => {
  t.match(historyQuery({ after: ID.toUpperCase(), before: ID, limit: '5' }), {
    right: {
      after: { name: 'after', id: { offset: 7 }, text: ID },
      before: { name: 'before', id: { offset: 7 } },
      limit: 5,
    },
  });
});

t.test(
  'when a bound is no id, or comes twice, then it is 400 and names the parameter',
  async (t) => {
    for (const name of ['after', 'before'] as const)
      for (const came of ['', '7', `${ID}0`, [ID, ID]])
        t.equal(faultOf({ [name]: came }), `400 ${name}`, `${name}=${String(came)}`);
  },
);

t.test('when a limit is no whole number from 1 to 1,000, then it is 400', async (t) => {
  for (const limit of [
    '0',
    '1001',
    '-1',
    '1.5',
    '1e2',
    ' 5',
    '',
    '5x',
    ['5', '5'],
    '9'.repeat(400),
  ])
    t.equal(faultOf({ limit }), '400 limit', String(limit));
  fc.assert(
    fc.property(fc.nat(2_000), (limit) => {
      const isOne = limit >= 1 && limit <= 1_000;
      return (faultOf({ limit: `${limit}` }) === 'none') === isOne;
    }),
  );
});

t.test('when a time is given, then it is read, and comes without other bounds', async (t) => {
  t.match(historyQuery({ at: '1970-01-01T00:00:01Z' }), { right: { at: 1_000 } });
  t.match(historyQuery({ at: '0' }), { right: { at: 0 } });
  for (const at of ['', 'now', '2026-01-15', '-1', ['1', '1']])
    t.equal(faultOf({ at }), '400 at', String(at));
  for (const name of ['after', 'before']) t.equal(faultOf({ at: '0', [name]: ID }), '400 at', name);
});
