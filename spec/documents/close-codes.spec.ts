/** The close codes of the documents: those of the server, and those of docs/protocol.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CLOSE_CODES } from '../../lib/documents/close-codes.js';
import { CLOSE, comesBack } from '../../lib/protocol/close-codes.js';
import { ROOT } from '../support/root.js';

t.test('when the server closes with a code, then it is listed with its reason', async (t) => {
  for (const { code, reason, comeBack } of Object.values(CLOSE))
    t.match(
      CLOSE_CODES.find((close) => close.reason === reason),
      { code, reconnect: comeBack },
    );
  for (const { code, reconnect } of CLOSE_CODES) t.equal(reconnect, comesBack(code), `${code}`);
});

t.test('when docs/protocol.md lists a code, then the documents do, and no other', async (t) => {
  const text = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');
  const [, section = ''] = /## 7\. Close codes\n([\s\S]*?)\n## /.exec(text) ?? [];
  const inProse = [...section.matchAll(/^\| (\d{4}) \|/gm)].map(([, code]) => Number(code));
  t.same(
    inProse.toSorted((a, b) => a - b),
    [...new Set(CLOSE_CODES.map(({ code }) => code))],
  );
});
