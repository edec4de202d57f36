/** What a message of any program says in the demo page. */
import t from 'tap';
import { contentOf, nameOfId, textField, writtenName } from '../../demo/content.js';
import { messageOf } from '../support/demo-messages.js';

t.test('when data has a text, then it is shown; all other data is shown as JSON', async (t) => {
  for (const [data, shown] of [
    [{ name: 'alice', content: 'hi' }, 'hi'],
    [{ text: 'deployed' }, 'deployed'],
    ['hi', 'hi'],
    [{ content: 5 }, '{"content":5}'],
    [{ content: ' ' }, '{"content":" "}'],
    [[1, 2], '[1,2]'],
    [null, 'null'],
    [JSON.parse('{"__proto__":{"content":"x"}}'), '{"__proto__":{"content":"x"}}'],
  ] as const)
    t.equal(contentOf(data), shown);
});

t.test('when the sender wrote a name, then it is short and without blanks around', async (t) => {
  t.equal(writtenName(messageOf({ data: { name: ' alice ' } })), 'alice');
  t.equal(writtenName(messageOf({ data: { name: 'x'.repeat(99) } })), 'x'.repeat(32));
  for (const data of [{ name: 5 }, { name: '' }, 'alice', null])
    t.equal(writtenName(messageOf({ data })), undefined);
});

t.test('when an id is that of a connection, then its name is a guest', async (t) => {
  t.equal(nameOfId('f87fda49-1b0c-4c3e-9d55-0a1b2c3d4e5f'), 'guest f87f');
  t.equal(nameOfId('alice'), 'alice');
  t.equal(nameOfId('server'), 'server');
});

t.test('when a key is inherited, then it is no field', async (t) => {
  t.equal(textField({}, 'constructor'), undefined);
  t.equal(textField(undefined, 'name'), undefined);
});
