import t from 'tap';
import { sqlDraft } from '../../../lib/broker/sql-outbox/sql-draft.js';
import { left, right } from '../../support/messages.js';
import { sqlRow } from '../../support/sql-outbox.js';

t.test(
  'when a row is a message, then its draft has a key of its own and waits for all pods',
  async (t) => {
    const row = sqlRow(1, { json: ' {"b": [1, "\\u00fc"]} ', from: 'alice', type: 'chat' });
    const { draft, fields } = right(sqlDraft(row));
    t.match(draft, {
      room: 'r',
      type: 'chat',
      logged: true,
      clusterOnly: true,
      key: { owner: { _tag: 'Sql' }, ref: row.key },
      rest: '"type":"chat","room":"r","from":"alice","data":{"b":[1,"ü"]},"timestamp":"2026-01-15T12:00:00.000Z"}',
    });
    t.same(fields.data, { b: [1, 'ü'] });
    t.equal(right(sqlDraft(row)).draft.rest, draft.rest, 'always the same text');
    t.equal(right(sqlDraft(sqlRow(2, { room: '' }))).draft.rest.includes('"room"'), false);
  },
);

t.test('when a row can never be published, then it says why', async (t) => {
  const flaw = (over: Parameters<typeof sqlRow>[1]): string => left(sqlDraft(sqlRow(1, over)));
  t.match(flaw({ room: 'a b' }), /^room: a name has/);
  t.match(flaw({ from: '' }), /^sender: expected a text/);
  t.match(flaw({ json: '{' }), /^data: expected JSON/);
  t.match(flaw({ json: '9007199254740993' }), /^data: a number is/, 'it would be another number');
  t.match(flaw({ json: '1e400' }), /^data: a number is/);
  t.match(flaw({ json: '"\\u0000"' }), /^data: remove the character/);
  t.match(flaw({ json: `${'['.repeat(33)}${']'.repeat(33)}` }), /^data: expected at most 32/);
  t.match(flaw({ json: `"${'x'.repeat(131_072)}"` }), /131072 bytes/);
});
