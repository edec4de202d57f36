/** Integers that would change their value. */
import fc from 'fast-check';
import t from 'tap';
import { withoutInexact } from '../../lib/protocol/json-numbers.js';

const isKept = (json: string): boolean => withoutInexact(json) === json;

t.test('when a double keeps all digits of an integer, then the integer stays', async (t) => {
  for (const text of [
    '0',
    '9007199254740991',
    '-9007199254740992',
    '1e22',
    '100000000000000000000',
    '0.1234567890123456789',
    '1.5e300',
    '"9007199254740993"',
    '{"a\\"9007199254740993":1}',
  ])
    t.ok(isKept(text), text);
});

t.test(
  'when a double changes an integer, then it is replaced by a number that is read as Infinity',
  async (t) => {
    for (const text of ['9007199254740993', '-9007199254740993', '1152921504606846976'])
      t.equal(JSON.parse(withoutInexact(text)), Infinity, text);
    t.same(JSON.parse(withoutInexact('{"a":[9007199254740993,1,"9007199254740993"]}')), {
      a: [Infinity, 1, '9007199254740993'],
    });
  },
);

t.test(
  'when any integer is written, then it stays exactly when its value does not change',
  async (t) => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 69n), max: 2n ** 69n }), (integer) => {
        const text = String(integer);
        return isKept(text) === (JSON.stringify(JSON.parse(text)) === text);
      }),
    );
    t.pass('for any integer of 69 bits');
  },
);
