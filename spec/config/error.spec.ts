/** Faults: one line, no secret. */
import t from 'tap';
import { configOf, faultLine, readConfig } from '../../lib/config/index.js';
import { left } from '../support/config.js';

t.test('when a secret is wrong, then the fault does not show it and has one line', async (t) => {
  const shown = (env: Readonly<Record<string, string>>): string =>
    left(readConfig(env, undefined)).map(faultLine).join('\n');
  for (const [key, value] of Object.entries({
    API_KEYS: 'hunter2,,x',
    REDIS_URL: 'http://user:hunter2@h',
    DATABASE_URL: 'postgres://u:a@b,hunter2?x@h/d?password=hunter2',
    JWT_JWKS_URL: 'x://u:hunter2@h',
    ALLOWED_ORIGINS: 'https://u:hunter2@h',
    REDIS_SENTINELS: 'u:hunter2@h',
  })) {
    t.match(shown({ [key]: value }), `${key}=`);
    t.notMatch(shown({ [key]: value }), /hunter2/, key);
  }
  t.notMatch(
    left(configOf({ access: { jwtSecret: ['hunter2'] as unknown as string } }))
      .map(faultLine)
      .join('\n'),
    /hunter2/,
  );
  t.notMatch(
    left(configOf({ access: { jwtSekret: 'hunter2' } as object }))
      .map(faultLine)
      .join('\n'),
    /hunter2/,
  );
  t.equal(shown({ LOG_LEVEL: 'a\nb\r\u001b[31mc' }).split(/[\n\r\u001b]/).length, 1);
  t.ok(shown({ LOG_LEVEL: 'x'.repeat(10_000) }).length < 400);
  const broken = t.testdir({ 'default.json': '{"access":{"jwtSecret":"hunter2"' });
  t.notMatch(left(readConfig({}, broken)).map(faultLine).join('\n'), /hunter2/);
});
