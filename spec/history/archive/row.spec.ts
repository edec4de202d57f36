import fc from 'fast-check';
import { isLeft } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { publicationIn, rowOf } from '../../../lib/history/archive/row.js';
import { frameOf } from '../../../lib/protocol/frame.js';
import { GLOBAL } from '../../../lib/protocol/position.js';
import { Publication } from '../../../lib/protocol/publication.js';
import { NOON, published } from '../../support/archive.js';

const AT = { tag: 5, offset: 3, ms: NOON };

t.test('when a message becomes a row, then the row has its parts, each once', async (t) => {
  const sent = published('general', AT, { from: 'Zoë "q"', data: { a: [1, '\\'] }, at: NOON - 7 });
  t.match(rowOf('general', sent), {
    right: {
      room: 'general',
      id: sent.idText,
      epoch: 5,
      offset: 3,
      type: 'chat',
      from: 'Zoë "q"',
      json: String.raw`{"a":[1,"\\"]}`,
      at: NOON - 7,
      ms: NOON,
    },
  });
});

t.test('when any message is a row and is read again, then it has the same bytes', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(GLOBAL, 'general', 'a.b:c@d-e_f'),
      fc.constantFrom('chat' as const, 'notification' as const),
      fc.string({ unit: 'binary', minLength: 1 }).filter((from) => from.isWellFormed()),
      fc.jsonValue(),
      fc.integer({ min: 0, max: 253_402_300_799_999 }),
      (room, type, from, data, at) => {
        const sent = published(room, AT, {
          type,
          from,
          data: JSON.parse(JSON.stringify(data)),
          at,
        });
        const row = rowOf(room, sent);
        if (isLeft(row)) throw new Error(row.left);
        const read = publicationIn(row.right);
        return read?.frame.equals(sent.frame) === true && read.idText === sent.idText;
      },
    ),
    { numRuns: 1_000 },
  );
});

t.test('when a message does not have the form of this service, then it has no row', async (t) => {
  const sent = published('general', AT);
  const text = sent.payload.toString();
  const forged = (payload: string): Publication =>
    new Publication(sent.id, sent.idText, 'chat', frameOf(payload), undefined);
  t.ok(isLeft(rowOf('other', sent)), 'of another room');
  for (const [what, payload] of [
    ['another field', text.replace('"from"', '"info":1,"from"')],
    ['no time', text.replace(/,"timestamp".*/, '}')],
    ['a blank', text.replace('"data":', '"data": ').replace('"from":', '"from": ')],
    ['another id', text.replace(sent.idText, sent.idText.replace(/.$/, '0'))],
    ['a time in another form', text.replace('Z"}', '+00:00"}')],
    ['nothing', ''],
  ] as const)
    t.ok(isLeft(rowOf('general', forged(payload))), what);
  t.ok(
    isLeft(rowOf('general', published('general', AT, { from: 'a \ud800' }))),
    'a lone surrogate',
  );
});

t.test('when the id of a row is none, then it is no message', async (t) => {
  const row = { room: 'r', id: 'x', type: 'chat', from: 'a', json: '1', at: NOON };
  t.equal(publicationIn(row), undefined);
});
