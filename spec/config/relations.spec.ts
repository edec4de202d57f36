/** Values that do not go together. */
import t from 'tap';
import { faultLine, readConfig } from '../../lib/config/index.js';
import { faults, left, PRIVATE, PUBLIC, read } from '../support/config.js';

t.test('when two values do not go together, then the one to change is the fault', async (t) => {
  t.strictSame(faults({ PING_INTERVAL_MS: '60000' }), ['PING_INTERVAL_MS']);
  t.strictSame(faults({ PONG_TIMEOUT_MS: '1000' }), ['PING_INTERVAL_MS']);
  t.equal(read({ PING_INTERVAL_MS: '999', PONG_TIMEOUT_MS: '1000' }).limits.pongTimeoutMs, 1000);
  t.strictSame(faults({ LOG_POSITION_TTL_MS: '599999' }), ['LOG_POSITION_TTL_MS']);
  t.strictSame(faults({ REDIS_SENTINELS: 'a:1' }), ['REDIS_SENTINEL_NAME']);
  t.strictSame(faults({ REDIS_SENTINEL_NAME: 'main' }), ['REDIS_SENTINELS']);
  t.strictSame(faults({ REDIS_CLUSTER: 'true' }), ['REDIS_URL']);
  t.strictSame(faults({ REDIS_CLUSTER: 'true', REDIS_URL: 'redis://a:1/2' }), ['REDIS_URL']);
  t.strictSame(faults({ REDIS_URL: 'redis://a:1,redis://b:2' }), ['REDIS_URL']);
  t.equal(
    read({ REDIS_CLUSTER: 'true', REDIS_URL: 'redis://a:1/0' }).broker.redisUrl,
    'redis://a:1/0',
  );
  t.strictSame(
    faults({
      REDIS_CLUSTER: 'true',
      REDIS_URL: 'a:1',
      REDIS_SENTINELS: 'a:1',
      REDIS_SENTINEL_NAME: 'm',
    }),
    ['REDIS_CLUSTER'],
  );
});

t.test(
  'when several values are wrong, then all faults come at once; only valid values are compared',
  async (t) => {
    t.strictSame(
      faults({
        PORT: 'x',
        LOG_LEVEL: 'loud',
        PRESENCE_EVENTS: 'maybe',
        AUTH_ENABLED: 'true',
        PONG_TIMEOUT_MS: '1',
        REDIS_CLUSTER: 'true',
        LOG_TTL_MS: 'x',
      }).toSorted(),
      [
        'AUTH_ENABLED',
        'LOG_LEVEL',
        'LOG_TTL_MS',
        'PING_INTERVAL_MS',
        'PORT',
        'PRESENCE_EVENTS',
        'REDIS_URL',
      ],
    );
  },
);

t.test('when AUTH_ENABLED is true, then a key to verify tokens is required', async (t) => {
  const on = { AUTH_ENABLED: 'true' };
  t.match(left(readConfig(on, undefined)).map(faultLine), [
    /^AUTH_ENABLED=true: expected false, or one of JWT_SECRET, .*API_KEYS set too: /,
  ]);
  for (const keys of [
    { JWT_SECRET: '#'.repeat(32) },
    { JWT_PUBLIC_KEY: PUBLIC },
    { JWT_JWKS_URL: 'https://id.example/keys' },
    { API_KEYS: '8-signs-' },
  ])
    t.equal(read({ ...on, ...keys }).access.authEnabled, true, JSON.stringify(Object.keys(keys)));
  const [mistaken] = left(readConfig({ ...on, JWT_PUBLIC_KEY: PRIVATE }, undefined)).map(faultLine);
  t.match(mistaken, /^JWT_PUBLIC_KEY=\*\*\*: expected .*this one is a private key/);
});
