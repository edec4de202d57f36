/** Keys of programs. */
import fc from 'fast-check';
import t from 'tap';
import { knownKeys } from '../../lib/auth/api-keys.js';

t.test('when any keys are configured, then each of them is known, and no other text', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.string(), (keys, text) => {
      const isKnown = knownKeys(keys);
      return keys.every(isKnown) && isKnown(text) === keys.includes(text);
    }),
  );
  t.notOk(knownKeys([])(''), 'without keys none is known');
  t.notOk(knownKeys(['key'])('key '), 'nothing is trimmed');
});
