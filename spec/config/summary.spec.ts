/** What the log has of a configuration. */
import { isLeft } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { archiveText, brokerText, urlText } from '../../lib/config/summary.js';
import { configOf } from '../../lib/index.js';

type Broker = NonNullable<NonNullable<Parameters<typeof configOf>[0]>['broker']>;

const textOf = (broker: Broker): string => {
  const config = configOf({ broker });
  if (isLeft(config)) throw new Error(JSON.stringify(config.left));
  return brokerText(config.right);
};

t.test('when the broker is named, then without user and password', async (t) => {
  t.equal(textOf({}), 'local');
  t.equal(textOf({ redisUrl: 'redis://user:hunter2@h:6380/3' }), 'redis://h:6380/3');
  t.equal(textOf({ redisUrl: 'rediss://:hunter2@h' }), 'rediss://h:6379/0');
  t.equal(textOf({ redisUrl: 'h:1' }), 'redis://h:1/0');
  t.equal(
    textOf({ redisUrl: 'redis://a:hunter2@h:1,h:2', redisCluster: true }),
    'redis cluster redis://h:1/0,redis://h:2/0',
  );
  t.equal(
    textOf({
      redisUrl: 'redis://a:hunter2@x',
      redisSentinels: [{ host: 's1', port: 26379 }],
      redisSentinelName: 'main',
    }),
    'redis sentinel main at s1:26379',
  );
});

t.test('when the archive is named, then without user, password and parameters', async (t) => {
  const named = (databaseUrl: string): string | undefined => {
    const config = configOf({ log: { databaseUrl } });
    if (isLeft(config)) throw new Error(JSON.stringify(config.left));
    return archiveText(config.right);
  };
  t.equal(named(''), undefined);
  t.equal(named('postgresql://u:hunter2@h/d?sslmode=disable'), 'postgres://h:5432/d');
  t.equal(named('postgres://[::1]:1/d'), 'postgres://[::1]:1/d');
});

t.test('when the pod listens on all addresses, then `url` has the loopback address', async (t) => {
  t.equal(urlText('127.0.0.1', 8000), 'http://127.0.0.1:8000');
  t.equal(urlText('0.0.0.0', 80), 'http://127.0.0.1:80');
  t.equal(urlText('::', 80), 'http://[::1]:80');
  t.equal(urlText('chat.example', 80), 'http://chat.example:80');
});
