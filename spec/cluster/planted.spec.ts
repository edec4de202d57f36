/** The bugs of `npm run planted` can be planted: each text to replace is in the source, once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { SERVER_BUGS } from '../../bench/planted/bugs.js';
import { CLIENT_BUGS } from '../../bench/planted/client-bugs.js';
import { ROOT } from '../support/root.js';

t.equal(SERVER_BUGS.length, 13);
t.equal(CLIENT_BUGS.length, 12);

for (const { name, changes } of [...SERVER_BUGS, ...CLIENT_BUGS])
  t.test(name, async (t) => {
    for (const { file, from } of changes) {
      const text = await readFile(join(ROOT, file), 'utf8');
      t.equal(text.split(from).length - 1, 1, `${file}: ${from.trim().split('\n')[0]}`);
    }
  });
