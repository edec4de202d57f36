/** Examples of an operation as they go over the wire. */
import t from 'tap';
import { examplesOf, jsonText, pre } from '../../lib/documents/page-examples.js';

t.test('when an example has a request and an answer, then they are shown together', async (t) => {
  const example = (value: unknown) => ({ one: { summary: 'One.', value } });
  const { text } = examplesOf('/rooms/{room}', 'POST', {
    operationId: 'a',
    tags: [],
    summary: '',
    security: [],
    parameters: [
      { name: 'room', in: 'path', required: true, schema: {}, examples: example('general') },
      { name: 'limit', in: 'query', required: false, schema: {}, examples: example(2) },
      { name: 'after', in: 'query', required: false, schema: {} },
    ],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: {}, examples: example({ a: 1 }) } },
    },
    responses: {
      202: {
        description: '',
        content: { 'application/json': { schema: {}, examples: example({ id: 1 }) } },
      },
      400: { description: '' },
    },
  });
  t.match(text, '<p>One.</p>');
  t.match(
    text.replaceAll('&#34;', '"'),
    'POST /rooms/general?limit=2\nContent-Type: application/json\n\n{"a":1}\n\n202\n{"id":1}</code>',
  );
});

t.test('when an operation needs a key, then its examples have the header', async (t) => {
  const example = { examples: { one: { summary: 'One.', value: 1 } } };
  const withSecurity = (security: readonly Readonly<Record<string, readonly string[]>>[]): string =>
    examplesOf('/a', 'GET', {
      operationId: 'a',
      tags: [],
      summary: '',
      security,
      responses: {
        200: { description: '', content: { 'application/json': { schema: {}, ...example } } },
      },
    }).text;
  t.match(withSecurity([{ apiKey: [] }]), 'GET /a\nX-API-Key: KEY\n\n200\n');
  t.notMatch(withSecurity([{ apiKey: [] }, {}]), 'X-API-Key');
  t.notMatch(withSecurity([]), 'X-API-Key');
});

t.test('when a value is long, then it is indented', async (t) => {
  t.equal(jsonText([1, 2]), '[1,2]');
  t.match(jsonText(Array.from({ length: 60 }, (_, at) => at)), /^\[\n {2}0,\n/);
  t.equal(pre('<').text, '<pre tabindex="0"><code>&#60;</code></pre>\n');
});
