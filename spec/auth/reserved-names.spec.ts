/** Names that a reader may take for those of the service. */
import fc from 'fast-check';
import t from 'tap';
import { looksEmpty, looksReserved } from '../../lib/auth/reserved-names.js';

t.test('when a name is reserved, or looks like a reserved one, then it is refused', async (t) => {
  for (const name of [
    'server',
    'api',
    'API',
    ' server ',
    'ѕеrvеr',
    'ａｐｉ',
    'sérvèr',
    'ser\u200bver',
    '\u202eapi',
    'apı',
    '\u054ferver',
  ])
    t.ok(looksReserved(name), name);
});

t.test('when a name only begins like a reserved one, then it is allowed', async (t) => {
  for (const name of ['servers', 'server-1', 'apis', 'ap', 'capi', 'сервер', 'alice', ''])
    t.notOk(looksReserved(name), name);
});

t.test(
  'when a reserved name has invisible characters in it, then it is refused all the same',
  async (t) => {
    const unseen = fc.constantFrom('\u200b', '\u00ad', '\u0301', ' ', '\u2066', '\ufeff');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(6), unseen), { maxLength: 8 }), (all) => {
        const letters = Array.from('server');
        for (const [at, one] of all) letters.splice(at, 0, one);
        return looksReserved(letters.join(''));
      }),
    );
    t.ok(looksEmpty(' \u200b\u0301'));
    t.notOk(looksEmpty(' a '));
  },
);
