/** What holds of every value: no blanks at its ends, frozen, nothing throws. */
import * as fc from 'fast-check';
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { configOf, faultLine, readConfig } from '../../lib/config/index.js';
import { DEFAULTS, left, PUBLIC, read } from '../support/config.js';

t.test('when a value begins or ends with a blank, then it is a fault', async (t) => {
  for (const [key, value] of Object.entries({
    PORT: '8000 ',
    REDIS_URL: 'redis://h:1 ',
    JWT_ISSUER: ' me',
    API_KEYS: `${'k'.repeat(40)}\n`,
    SERVER_ID: 'a\t',
    REDIS_PREFIX: ' a',
    ALLOWED_ORIGINS: 'https://a.example ',
  }))
    t.match(left(readConfig({ [key]: value }, undefined)).map(faultLine), [
      new RegExp(`^${key}=.*: expected a value without blanks or line ends around it`),
    ]);
  t.equal(read({ JWT_PUBLIC_KEY: `${PUBLIC}\n` }).access.jwtPublicKey, `${PUBLIC}\n`);
});

t.test('when a configuration is made, then it cannot be changed', async (t) => {
  const config = read({ REDIS_SENTINELS: 'a:1', REDIS_SENTINEL_NAME: 'm' });
  t.ok(Object.isFrozen(config));
  for (const group of Object.values(config)) t.ok(Object.isFrozen(group));
  t.ok(Object.isFrozen(config.broker.redisSentinels[0]));
  t.ok(Object.isFrozen(config.server.allowedOrigins));
});

t.test('when a variable has any text, then nothing throws', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(DEFAULTS)),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
      (key, value) => {
        const result = readConfig({ [key]: value }, undefined);
        return E.isLeft(result)
          ? result.left.every((fault) => !/[\n\r]/.test(faultLine(fault)))
          : result.right.server.port <= 65_535;
      },
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => void configOf(value as object)),
    { numRuns: 500 },
  );
});
