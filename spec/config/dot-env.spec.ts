/** `.env` beside the environment. */
import { isLeft, right } from 'fp-ts/lib/Either.js';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { withDotEnv } from '../../lib/config/dot-env.js';

const folder = (t: Test, text?: string): string => {
  const path = t.testdir();
  if (text !== undefined) writeFileSync(join(path, '.env'), text);
  return path;
};

t.test(
  'when there is a file, then the environment is stronger, an empty variable is not',
  async (t) => {
    const path = folder(t, '\uFEFFPORT=9000\n# no\nHOST="::1"\nSERVER_ID=\n');
    t.strictSame(
      withDotEnv({ HOST: '127.0.0.1', PORT: '' }, path),
      right({ PORT: '9000', HOST: '127.0.0.1', SERVER_ID: '' }),
    );
  },
);

t.test('when there is none, or a folder of that name, then the environment is all', async (t) => {
  const env = { PORT: '1' };
  t.strictSame(withDotEnv(env, folder(t)), right(env));
  const path = folder(t);
  mkdirSync(join(path, '.env'));
  t.strictSame(withDotEnv(env, path), right(env));
});

t.test('when it cannot be read, then that is a fault', async (t) => {
  t.ok(isLeft(withDotEnv({}, '\0')), 'no name of a folder');
});
