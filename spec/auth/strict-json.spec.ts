/** JSON of a token: no name twice, at any depth and however it is escaped. */
import { right } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import { strictJson } from '../../lib/auth/strict-json.js';

const read = (text: string) => strictJson(Buffer.from(text));

t.test('when any value is written as JSON, then it is read as that value', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      return JSON.stringify(read(text)) === JSON.stringify(right(JSON.parse(text)));
    }),
  );
  t.match(read('{"a":{"a":1},"b":[{"a":1},{"a":2}]}'), { _tag: 'Right' }, 'another object');
});

t.test('when an object has a name twice, then the text is refused', async (t) => {
  for (const text of [
    '{"sub":"a","sub":"b"}',
    '{"sub":"a","\\u0073ub":"b"}',
    '{"x":{"sub":"a","sub":"b"}}',
    '{"b":[{"a":1}],"b":2}',
    '[[{"a":1,"b":"{[","a":2}]]',
    '{"a\\"":1,"a\\"":2}',
  ])
    t.match(read(text), { left: 'NameTwice' }, text);
});

t.test('when bytes are no JSON in UTF-8, then they are refused', async (t) => {
  for (const text of ['', '{', '{"a":1,}', 'NaN']) t.match(read(text), { left: 'NotJson' }, text);
  t.match(strictJson(Buffer.from([0x22, 0xff, 0x22])), { left: 'NotJson' });
});
