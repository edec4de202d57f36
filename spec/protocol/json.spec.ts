/** JSON values: which ones are passed on, and what error texts call the others. */
import t from 'tap';
import { flawIn, JsonText, kindOf, MAX_DEPTH, named, wrong } from '../../lib/protocol/json.js';
import { left, nested, nestedObjects } from '../support/messages.js';

/** What is wrong with the `data` of a message, by its JSON text. */
const flawOf = (data: string): string | undefined => {
  const text = `{"data":${data}}`;
  const json = JsonText.read(text);
  if (json === undefined) throw new Error(`expected JSON, got ${text}`);
  const { data: value } = json.value as { readonly data: unknown };
  return json.flawIn(value, ['data']);
};

t.test('when a value has the wrong kind, then the error text names the kind', async (t) => {
  const kinds = [undefined, null, [], {}, 'text', 1, true].map(kindOf);
  t.same(kinds, ['nothing', 'null', 'an array', 'an object', 'a string', 'a number', 'a boolean']);
  t.same(left(wrong('room', 'a string', [])), {
    code: 'invalid_message',
    text: 'room: expected a string, got an array',
  });
});

t.test(
  'when the name of a field could be a token, then the error text does not repeat it',
  async (t) => {
    t.equal(named('romm'), 'romm');
    t.equal(named('a'.repeat(32)), 'a'.repeat(32));
    t.equal(named('a'.repeat(33)), 'a field with a name of 33 characters');
    t.equal(named('two words'), 'a field with a name of 9 characters');
  },
);

t.test('when a text is no JSON, then there is no value', async (t) => {
  for (const text of ['', '{', '{"data":NaN}', "{'data':1}"])
    t.equal(JsonText.read(text), undefined, text);
  t.same(JsonText.read(' [1] ')?.value, [1]);
});

t.test('when arrays or objects are nested 33 deep, then the value is refused', async (t) => {
  t.equal(MAX_DEPTH, 32);
  for (const nest of [nested, nestedObjects]) {
    t.equal(flawOf(nest(32)), undefined);
    t.match(flawOf(nest(33)), /^expected at most 32 arrays and objects inside each other/);
  }
});

t.test('when an escape writes U+0000 or half a character, then it is refused', async (t) => {
  t.equal(flawOf('"\\u00e9"'), undefined);
  t.equal(flawOf('"\\ud83d\\ude00"'), undefined);
  t.match(flawOf('["\\u0000"]'), /^remove the character U\+0000/);
  t.match(flawOf('{"a":"\\ud83d"}'), /lone surrogate$/);
  t.match(flawOf('{"\\u0000":1}'), /^remove the character U\+0000/, 'in the name of a field');
});

t.test('when a number changes as a double, then it is refused', async (t) => {
  for (const exact of ['9007199254740991', '9007199254740992', '1e20', '0.1', '-0'])
    t.equal(flawOf(exact), undefined, exact);
  for (const inexact of ['9007199254740993', '-9007199254740993', '1e999', '[0,1e999]'])
    t.match(flawOf(inexact), /send it as a string$/, inexact);
});

t.test('when only an unused field has such a number, then data passes', async (t) => {
  const json = JsonText.read('{"data":9007199254740992,"other":9007199254740993}');
  t.equal(json?.flawIn(9007199254740992, ['data']), undefined);
  t.match(json?.flawIn(9007199254740992, ['other']), /send it as a string$/);
});

t.test('when a program passes its own value, then infinity and bigint are refused', async (t) => {
  t.match(flawIn([Number.NaN], 0, true), /^a number is NaN/);
  t.match(flawIn(Number.POSITIVE_INFINITY, 0, true), /^a number is NaN/);
  t.match(flawIn({ n: 1n }, 0, true), /^a bigint is no JSON value/);
  t.equal(flawIn({ n: 2 ** 60 }, 0, true), undefined, 'a large double of a program is its own');
});
