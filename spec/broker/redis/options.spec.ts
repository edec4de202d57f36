/** The options of ioredis: the address, the user, and where each attempt connects. */
import t from 'tap';
import { MasterConnector, NodeConnector } from '../../../lib/broker/redis/connector.js';
import {
  connectionOptions,
  nodeOf,
  redisAddresses,
  type RedisClientOptions,
  whereOf,
} from '../../../lib/broker/redis/options.js';
import { virtualClock } from '../../support/virtual-clock.js';

const optionsOf = (over: Partial<RedisClientOptions> = {}): RedisClientOptions => ({
  url: 'redis://redis.example:6380',
  sentinels: [],
  sentinelName: 'main',
  prefix: '',
  serverId: 'pod-1',
  timeoutMs: 2_000,
  positionTtlMs: 1,
  logMessages: 1,
  logTtlMs: 1,
  clock: virtualClock(),
  ...over,
});

const SENTINELS = ['a', 'b', 'c'].map((host) => ({ host, port: 26_379 }));

t.test('when the URL names a user, a database or TLS, then the options have it', async (t) => {
  const full = connectionOptions(optionsOf({ url: 'rediss://chat:p%40ss@redis.example/3' }));
  t.match(full, { username: 'chat', password: 'p@ss', db: 3, tls: {} });
  const ca = 'certificate';
  const tls = connectionOptions(optionsOf({ url: 'rediss://redis.example', tls: { ca } }));
  t.same(tls.tls, { ca });
  const plain = connectionOptions(optionsOf({ tls: { ca } }));
  for (const name of ['username', 'password', 'db', 'tls']) t.notOk(name in plain, name);
});

t.test('when a connection breaks, then ioredis repeats nothing by itself', async (t) => {
  t.match(connectionOptions(optionsOf()), {
    Connector: NodeConnector,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    commandTimeout: 2_000,
  });
});

t.test('when SERVER_ID has other characters, then the client name has none of them', async (t) => {
  const nameOf = (serverId: string) => connectionOptions(optionsOf({ serverId })).connectionName;
  t.equal(nameOf('pod-1'), 'chat-api:pod-1');
  t.equal(nameOf('pod 1é\n'), 'chat-api:pod_1__');
});

t.test('when the URL is empty, then the user is the default one; else it is valid', async (t) => {
  t.match(redisAddresses(''), [{ host: '127.0.0.1', port: 6_379, username: '', password: '' }]);
  t.throws(() => redisAddresses('http://redis.example'), { message: /^REDIS_URL: expected / });
});

t.test('when there is no Sentinel, then every attempt goes to the address', async (t) => {
  for (const attempt of [0, 1])
    t.strictSame(whereOf(optionsOf(), attempt), {
      host: 'redis.example',
      port: 6_380,
      enableReadyCheck: false,
    });
});

t.test('when there are Sentinels, then each attempt begins with another one', async (t) => {
  const options = optionsOf({ sentinels: SENTINELS });
  const orders = [0, 1, 2, 3].map((attempt) => {
    const { sentinels = [] } = whereOf(options, attempt);
    return sentinels.map(({ host }) => host).join('');
  });
  t.same(orders, ['abc', 'bca', 'cab', 'abc']);
  const where = whereOf(options, 0);
  t.match(where, { name: 'main', Connector: MasterConnector });
  t.notOk('host' in where || 'enableTLSForSentinelMode' in where);
});

t.test('when Redis has TLS, then its Sentinels have it too', async (t) => {
  const url = 'rediss://:password@redis.example';
  const where = whereOf(optionsOf({ url, sentinels: SENTINELS, tls: { ca: 'c' } }), 0);
  t.match(where, { enableTLSForSentinelMode: true, sentinelTLS: { ca: 'c' } });
  t.type(where.natMap, 'function');
});

t.test('when a node of a Cluster is named, then its last colon begins the port', async (t) => {
  t.same(nodeOf('10.0.0.1:7000'), { host: '10.0.0.1', port: 7_000 });
  t.same(nodeOf('fd00::1:7001'), { host: 'fd00::1', port: 7_001 });
});
