/** Secrets and keys that are too weak. */
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { faultLine, readConfig } from '../../lib/config/index.js';
import { left, read } from '../support/config.js';

t.test('when AUTH_ENABLED is true, then weak secrets and keys stop the start', async (t) => {
  const on = { AUTH_ENABLED: 'true' };
  const random = 'vR4q0mSx7ZkT2nWc9bLh3uYd6pJg8eFa';
  const rows: readonly (readonly [env: Readonly<Record<string, string>>, line: RegExp])[] = [
    [{ JWT_SECRET: 'your-secret-key' }, /^JWT_SECRET=\*\*\*: expected at least 32 bytes/],
    [{ JWT_SECRET: random.slice(1) }, /^JWT_SECRET=\*\*\*: expected at least 32 bytes/],
    [
      { JWT_SECRET: 'a-string-secret-at-least-256-bits-long' },
      /^JWT_SECRET=\*\*\*: expected a secret of your own/,
    ],
    [{ API_KEYS: 'k' }, /^API_KEYS=\*\*\*: expected keys of at least 8 characters/],
    [{ API_KEYS: `${random},1234567` }, /^API_KEYS=\*\*\*: expected keys of at least 8 characters/],
    [
      { JWT_SECRET: random, API_KEYS: random },
      /^API_KEYS=\*\*\*: expected keys that differ from JWT_SECRET/,
    ],
  ];
  for (const [env, line] of rows) {
    const lines = left(readConfig({ ...on, ...env }, undefined)).map(faultLine);
    t.equal(lines.length, 1, lines.join());
    t.match(lines[0], line);
    for (const value of Object.values(env).filter(({ length }) => length > 8))
      t.notOk(lines[0]?.includes(value), 'no text of it');
    t.ok(E.isRight(readConfig(env, undefined)), 'without AUTH_ENABLED they give no access');
  }
  t.equal(read({ ...on, JWT_SECRET: random }).access.jwtSecret, random);
  t.equal(read({ ...on, JWT_SECRET: 'ä'.repeat(16) }).access.jwtSecret.length, 16, 'bytes count');
  t.equal(
    left(readConfig({ ...on, JWT_SECRET: 'x', API_KEYS: 'y' }, undefined)).length,
    2,
    'both at once',
  );
});
