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
  'when there is a file, then the environment overrides it, except by an empty variable',
  async (t) => {
    const path = folder(t, '\uFEFFPORT=9000\n# no\nHOST="::1"\nSERVER_ID=\n');
    t.strictSame(
      withDotEnv({ HOST: '127.0.0.1', PORT: '' }, path),
      right({ env: { PORT: '9000', HOST: '127.0.0.1', SERVER_ID: '' }, warnings: [] }),
    );
  },
);

t.test(
  'when there is no file, or a folder of that name, then only the environment counts',
  async (t) => {
    const env = { PORT: '1' };
    t.strictSame(withDotEnv(env, folder(t)), right({ env, warnings: [] }));
    const path = folder(t);
    mkdirSync(join(path, '.env'));
    t.strictSame(withDotEnv(env, path), right({ env, warnings: [] }));
  },
);

t.test('when the file cannot be read, then that is a fault', async (t) => {
  t.ok(isLeft(withDotEnv({}, '\0')), 'no name of a folder');
});

t.test(
  'when a line is no assignment, then it is named by its number, and the others have effect',
  async (t) => {
    const env = { HOST: '::1' };
    const rows: readonly (readonly [text: string, lines: readonly number[]])[] = [
      ['PORT 9000\nHOST=::1', [1]],
      ['PORT: 9000\nHOST=::1\n', [1]],
      ['# PORT\n\nPORT\n\nHOST=::1\nhunter2', [3, 6]],
      ['=9000\r\nHOST=::1\r\n9000\r\n', [1, 3]],
      ['my port=9000\nHOST=::1', [1]],
      ['  export HOST = ::1 # for all\n', []],
    ];
    for (const [text, lines] of rows)
      t.strictSame(
        withDotEnv({}, folder(t, text)),
        right({
          env,
          warnings: lines.map(
            (line) => `.env, line ${line}: write NAME=value; the line has no effect`,
          ),
        }),
        text,
      );
  },
);

t.test('when a quoted value has several lines, then its lines are no assignments', async (t) => {
  for (const quote of ['"', "'", '`']) {
    const text = `JWT_PUBLIC_KEY=${quote}-----BEGIN\nhunter2\nEND${quote}\nPORT\nHOST=::1\n`;
    t.strictSame(
      withDotEnv({}, folder(t, text)),
      right({
        env: { JWT_PUBLIC_KEY: '-----BEGIN\nhunter2\nEND', HOST: '::1' },
        warnings: ['.env, line 4: write NAME=value; the line has no effect'],
      }),
    );
  }
  t.strictSame(
    withDotEnv({}, folder(t, 'API_KEYS="abc\nPORT\n')),
    right({
      env: { API_KEYS: '"abc' },
      warnings: ['.env, line 2: write NAME=value; the line has no effect'],
    }),
    'a quote that is never closed is a part of its line alone',
  );
});
