/** Schemas as words and tables. */
import t from 'tap';
import { kindOf, schemaTable, table } from '../../lib/documents/page-schema.js';

t.test('when a value has a kind, then it is named in words', async (t) => {
  const rows = [
    [{ type: 'string', minLength: 1, maxLength: 64 }, 'text, 1 to 64 characters'],
    [{ type: 'integer', minimum: 0 }, 'whole number, at least 0'],
    [{ type: 'integer', minimum: 1, maximum: 9, default: 3 }, 'whole number, 1 to 9, default 3'],
    [{ const: 'a' }, '<code>&#34;a&#34;</code>'],
    [{ enum: ['a', 1] }, '<code>&#34;a&#34;</code> or <code>1</code>'],
    [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, 'null or text'],
    [{ allOf: [{ type: 'boolean' }] }, 'true or false'],
    [{ items: { type: 'number' }, maxItems: 2 }, 'list of number, at most 2 items'],
    [{ $ref: '#/components/schemas/A' }, '<a href="#value-A">A</a>'],
    [{}, 'any JSON value'],
  ] as const;
  for (const [schema, text] of rows) t.equal(kindOf(schema).text, text);
});

t.test('when an object has inner fields, then each is a row with its path', async (t) => {
  const { text } = schemaTable(
    {
      type: 'object',
      required: ['a'],
      properties: {
        a: { type: 'object', required: ['b'], properties: { b: { type: 'null' } } },
        c: { anyOf: [{ type: 'null' }, { type: 'object', properties: { d: { type: 'null' } } }] },
      },
    },
    'An object',
  );
  const names = [...text.matchAll(/<th scope="row"><code>([\w.]+)<\/code>([^<]*)</g)];
  t.same(
    names.map(([, name, more]) => `${name}${more}`),
    ['a', 'a.b', 'c (optional)', 'c.d (optional)'],
  );
});

t.test('when a schema is a choice of objects, then each has a table', async (t) => {
  const one = { type: 'object', properties: { a: { type: 'null' } } };
  t.equal(schemaTable({ anyOf: [one, one] }, 'It').text.match(/<table>/g)?.length, 2);
  t.match(schemaTable({ type: 'string', pattern: '^a$' }, 'It').text, '^a$');
});

t.test('when a table is wide, then the keyboard can scroll it, and it has a name', async (t) => {
  const { text } = table('Some', ['a', 'b'], [['1', '2']]);
  t.match(text, '<div class="scroll" role="region" aria-label="Some" tabindex="0">');
  t.match(text, '<caption>Some</caption>');
  t.match(text, '<th scope="row">1</th><td>2</td>');
});
