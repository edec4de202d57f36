/** The codes of errors, gaps and leaves: the documents and docs/protocol.md have the same ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ERROR_CODES, GAP_REASONS, meanings } from '../../lib/documents/error-codes.js';
import { ROOT } from '../support/root.js';

const PROTOCOL = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');

const codesIn = (heading: string): readonly string[] => {
  const from = PROTOCOL.indexOf(heading);
  const table = PROTOCOL.slice(from, PROTOCOL.indexOf('\n\n', PROTOCOL.indexOf('|---', from)));
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, code = '']) => code);
};

t.test('when docs/protocol.md lists a code, then the documents do, and no other', async (t) => {
  t.same(
    codesIn('| code | reason |\n|---|---|\n| `invalid_json`').toSorted(),
    Object.keys(ERROR_CODES).toSorted(),
  );
  t.same(codesIn('| `gap` reason |').toSorted(), Object.keys(GAP_REASONS).toSorted());
});

t.test('when meanings are written, then each name is code', async (t) => {
  t.equal(meanings({ a: 'One.', b: 'Two.' }), '`a`: One. `b`: Two.');
});
