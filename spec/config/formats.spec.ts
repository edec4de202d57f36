/** How texts become values, and the fault for a text that is almost valid. */
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
  t.equal(read({ DATABASE_URL: 'postgres://h/d' }).log.databaseUrl, 'postgres://h/d');
  t.strictSame(read({ API_KEYS: 'k1,k2' }).access.apiKeys, ['k1', 'k2']);
});

t.test('when a value needs a later version, then the fault names the version', async (t) => {
  const [kafka] = left(readConfig({ KAFKA_BROKERS: 'k:1' }, undefined)).map(faultLine);
  t.match(kafka, /^KAFKA_BROKERS=k:1: expected nothing: Kafka comes with a later version/);
});
