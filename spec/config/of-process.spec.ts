/** The configuration that a process reads: `.env` below the environment, and what has no effect. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { configOfProcess } from '../../lib/config/of-process.js';

t.test('when there is a .env, then it counts below the environment, with warnings', async (t) => {
  const path = t.testdir();
  writeFileSync(join(path, '.env'), 'PORT=9000\nMAX_CONNECTIONS=7\nHOST\nJWT_SECRE=x\n');
  const { config, warnings } = configOfProcess({ PORT: '9001' }, path);
  t.ok(isRight(config));
  if (isLeft(config)) return;
  t.equal(config.right.server.port, 9001);
  t.equal(config.right.server.maxConnections, 7);
  t.match(warnings, [/^\.env, line 3: /, /^JWT_SECRE is no variable .* JWT_SECRET/]);
});

t.test('when a value is wrong, or .env cannot be read, then there are faults', async (t) => {
  const { config } = configOfProcess({ PORT: 'x' }, t.testdir());
  t.match(config, { _tag: 'Left', left: [{ key: 'PORT' }] });
  t.match(configOfProcess({}, '\0'), { config: { _tag: 'Left' }, warnings: [] });
});
