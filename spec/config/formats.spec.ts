/** How texts become values, and what a fault says of a text that is nearly one. */
import t from 'tap';
import { faultLine, readConfig } from '../../lib/config/index.js';
import { left, read } from '../support/config.js';

t.test('when a value has its form, then it is read into its type', async (t) => {
  t.equal(read({ REDIS_URL: 'localhost:6379' }).broker.redisUrl, 'redis://localhost:6379');
  t.equal(read({ REDIS_URL: '[::1]:6379' }).broker.redisUrl, 'redis://[::1]:6379');
  t.equal(
    read({ REDIS_URL: 'a:1, redis://b:2', REDIS_CLUSTER: 'true' }).broker.redisUrl,
    'redis://a:1,redis://b:2',
  );
  t.strictSame(
    read({ REDIS_SENTINELS: 'a:1, b:2', REDIS_SENTINEL_NAME: 'main' }).broker.redisSentinels,
    [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
  );
  t.strictSame(
    read({ REDIS_SENTINELS: '[::1]:1', REDIS_SENTINEL_NAME: 'main' }).broker.redisSentinels,
    [{ host: '::1', port: 1 }],
  );
  t.equal(
    read({ REDIS_URL: 'rediss://a, b:2', REDIS_CLUSTER: 'true' }).broker.redisUrl,
    'rediss://a,rediss://b:2',
  );
  t.strictSame(read({ API_KEYS: 'k1,k2' }).access.apiKeys, ['k1', 'k2']);
  t.strictSame(read({ ALLOWED_ORIGINS: '*' }).server.allowedOrigins, ['*']);
});

t.test('when an origin is nearly one, then the fault says how to write it', async (t) => {
  for (const [value, hint] of [
    ['https://a.example/', '; write https://a.example, without a / or a path after it'],
    ['https://b.example,https://a.example/app', '; write https://a.example, without a / or a path'],
    ['https://*.a.example/', '; write https://*.a.example, without a / or a path after it'],
    ['https://A.example:443', '; write https://a.example$'],
    ['http://b.example,localhost:3000', '; write http://localhost:3000 or https://localhost:3000$'],
    ['a.example', '; write http://a.example or https://a.example$'],
    ['no origin', 'a default port$'],
  ] as const)
    t.match(left(readConfig({ ALLOWED_ORIGINS: value }, undefined)).map(faultLine), [
      new RegExp(hint.replaceAll(/[*.]/g, '\\$&')),
    ]);
});

t.test('when a value needs a later version, then the fault names the version', async (t) => {
  const [kafka, database] = left(
    readConfig({ KAFKA_BROKERS: 'k:1', DATABASE_URL: 'postgres://u:hunter2@h/d' }, undefined),
  ).map(faultLine);
  t.match(kafka, /^KAFKA_BROKERS=k:1: expected nothing: Kafka comes with a later version/);
  t.match(database, /^DATABASE_URL=postgres:\/\/\*\*\*@h\/d: expected nothing: .*later version/);
});
