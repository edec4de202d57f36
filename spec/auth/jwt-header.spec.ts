/** The form and the header of a token, before its signature is checked. */
import { isLeft } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import { unverifiedJwt } from '../../lib/auth/jwt-header.js';

const tokenOf = (header: string): string => `${Buffer.from(header).toString('base64url')}.e30.c2ln`;

const faultOf = (text: string): string => {
  const read = unverifiedJwt(text);
  if (!isLeft(read)) return 'none';
  return read.left._tag === 'Malformed' ? read.left.expected : read.left._tag;
};

t.test('when a header names one of four algorithms, then it is read with its key', async (t) => {
  for (const alg of ['HS256', 'RS256', 'ES256', 'EdDSA'])
    t.match(unverifiedJwt(tokenOf(`{"alg":"${alg}","kid":"k"}`)), { right: { alg, kid: 'k' } });
  t.match(unverifiedJwt(tokenOf('{"alg":"HS256"}')), { right: { kid: undefined } });
});

t.test('when a header names another algorithm, then the token is not trusted', async (t) => {
  for (const alg of ['none', 'HS512', 'hs256', '']) {
    t.equal(faultOf(tokenOf(`{"alg":"${alg}"}`)), 'Untrusted', alg);
  }
});

t.test(
  'when a text has not the form of a token, then it is malformed, and the denial says why',
  async (t) => {
    const rows: readonly (readonly [text: string, expected: RegExp])[] = [
      ['', /three parts/],
      ['a.b', /three parts/],
      ['a.b.c.d.e', /three parts/],
      ['a..c', /three parts/],
      ['e30.e31.c2ln', /unused bits/],
      [tokenOf('[]'), /JSON object/],
      [tokenOf('{"alg":1}'), /JSON object/],
      [tokenOf('{"alg":"HS256","alg":"none"}'), /each name once/],
      [tokenOf('{"alg":"HS256","crit":[]}'), /without crit/],
      [tokenOf('{"alg":"HS256","b64":true}'), /without b64/],
      [tokenOf(`{"alg":"HS256","x":"${'x'.repeat(4_096)}"}`), /at most 4096 bytes/],
    ];
    for (const [text, expected] of rows) t.match(faultOf(text), expected, text.slice(0, 40));
  },
);

t.test('when any text comes, then nothing throws', async (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => faultOf(text) !== 'none'));
  t.pass('and no random text is a token');
});
