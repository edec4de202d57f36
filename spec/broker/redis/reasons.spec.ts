/** Why a Redis cannot be used: the reasons for the log, on real servers that refuse. */
import dns from 'node:dns';
import { createServer } from 'node:net';
import t from 'tap';
import { standaloneRedis } from '../../../lib/broker/redis/standalone.js';
import { clusterRedis } from '../../../lib/broker/redis/cluster.js';
import type { RedisClientOptions } from '../../../lib/broker/redis/options.js';
import { reasons, unfit } from '../../../lib/broker/redis/reasons.js';
import { freePort, startRedis, until } from '../../support/redis.js';
import { options, watch } from '../../support/watched-bus.js';

const open = (over: Partial<RedisClientOptions>, cluster = false) =>
  watch(cluster ? clusterRedis(options(over)) : standaloneRedis(options(over)));

/** The first thing that the bus tells, and that it is never ready. */
const reasonOf = async (over: Partial<RedisClientOptions>, cluster = false): Promise<string> => {
  const bus = open(over, cluster);
  const event = await bus.next('Lost', 0);
  const ready = bus.tags().includes('Ready');
  await bus.close();
  return `${ready ? 'ready! ' : ''}${event._tag === 'Lost' ? event.detail : ''}`;
};

t.test(
  'when Redis refuses the connection, then the reason has the error of Redis and what to do',
  async (t) => {
    const server = await startRedis({ password: 'hunter2' });
    const { port } = server;
    const sentinels = [{ host: '127.0.0.1', port }];
    const url = `redis://:hunter2@127.0.0.1:${port}`;
    t.match(
      await reasonOf({ url: `${url}/16` }),
      /^ERR DB index is out of range \(REDIS_URL names/,
    );
    t.match(await reasonOf({ url: `${url}/999999999` }), /^ERR .*out of range/);
    t.match(
      await reasonOf({ url: `redis://127.0.0.1:${port}` }),
      /^NOAUTH .* \(this Redis needs a password/,
    );
    t.match(
      await reasonOf({ url: `redis://:other@127.0.0.1:${port}` }),
      /^WRONGPASS .*REDIS_URL\)$/,
    );
    t.match(await reasonOf({ url: `redis://a:other@127.0.0.1:${port}` }), /^WRONGPASS /);
    t.match(
      await reasonOf({ url }, true),
      /cluster support disabled \(.*set REDIS_CLUSTER=false\)/,
    );
    t.match(await reasonOf({ url: '', sentinels, sentinelName: 'm' }), /because NOAUTH/);
    await server.stop();

    const open = await startRedis();
    const at = [{ host: '127.0.0.1', port: open.port }];
    t.match(
      await reasonOf({ url: '', sentinels: at, sentinelName: 'm' }),
      /a Redis that is no Sentinel/,
    );
    await open.stop();
    const port2 = await freePort();
    const refused = await reasonOf({ url: `redis://127.0.0.1:${port2}` });
    t.match(
      refused,
      /ECONNREFUSED .*\(nothing listens there: .* check host and port in REDIS_URL\)$/,
    );
  },
);

t.test('when an address cannot be reached, then the reason says what to do', async (t) => {
  for (const [detail, advice] of [
    [
      'connect ECONNREFUSED 127.0.0.1:1',
      /\(nothing listens there: .* host and port in REDIS_URL\)$/,
    ],
    ['getaddrinfo ENOTFOUND redis', /\(the name of the host is not known: .* REDIS_URL\)$/],
    ['getaddrinfo EAI_AGAIN redis', /\(the name server did not answer: .* REDIS_URL\)$/],
    ['connect ETIMEDOUT', /\(no answer from there, as behind a firewall: .* REDIS_URL\)$/],
    ['connect EHOSTUNREACH 10.0.0.1:6379', /\(no route to that address: .* REDIS_URL\)$/],
    ['connect ENETUNREACH 10.0.0.1:6379', /\(no route to that address: .* REDIS_URL\)$/],
    [
      'All sentinels are unreachable. Last error: connect ECONNREFUSED 127.0.0.1:1',
      /check host and port in REDIS_SENTINELS\)$/,
    ],
  ] as const)
    for (const isTls of [false, true]) {
      const kept = reasons('closed', isTls);
      kept.add(new Error(detail));
      const { detail: text } = kept.why();
      t.ok(text.startsWith(`${detail} (`), text);
      if (isTls && detail === 'connect ETIMEDOUT') t.match(text, /\(no TLS handshake: check host/);
      else t.match(text, advice);
    }
});

t.test(
  'when a host has several addresses and all refuse, then the first refusal is the reason',
  async (t) => {
    const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    const lookup = (_host: string, _options: object, answer: (...found: unknown[]) => void) =>
      process.nextTick(answer, null, addresses);
    t.intercept(dns, 'lookup', { value: lookup });
    for (const scheme of ['redis', 'rediss'])
      t.equal(
        await reasonOf({ url: `${scheme}://redis.test:1` }),
        'connect ECONNREFUSED 127.0.0.1:1 (nothing listens there: start Redis, or check host and port in REDIS_URL)',
      );
  },
);

t.test('when Redis has as many clients as it takes, then the reason says so', async (t) => {
  const server = await startRedis({ config: [['maxclients', 1]] });
  const holder = watch(standaloneRedis(options({ url: server.url })));
  for (let i = 0; i < 5; i++)
    t.match(await reasonOf({ url: server.url }), /^ERR max number of clients reached \(/);
  await holder.close();
  await server.stop();
});

t.test(
  'when the port does not use the protocol of the scheme, then the reason names the likely cause',
  async (t) => {
    const plain = await startRedis();
    const secure = await startRedis({ tls: true });
    const at = (port: number) => [{ host: '127.0.0.1', port }];
    for (const cluster of [false, true]) {
      const asTls = await reasonOf({ url: `rediss://127.0.0.1:${plain.port}` }, cluster);
      t.match(asTls, /write redis:\/\/ in REDIS_URL/, `a Cluster: ${cluster}`);
      const asPlain = await reasonOf({ url: `redis://127.0.0.1:${secure.port}` }, cluster);
      t.match(asPlain, /write rediss:\/\/ in REDIS_URL/, `a Cluster: ${cluster}`);
    }
    t.match(
      await reasonOf({ url: `redis://h`, sentinels: at(secure.port), sentinelName: 'm' }),
      /write rediss:\/\/ in REDIS_URL/,
    );
    t.match(
      await reasonOf({ url: `rediss://h`, sentinels: at(plain.port), sentinelName: 'm' }),
      /write redis:\/\/ in REDIS_URL/,
    );
    t.match(
      await reasonOf({ url: `rediss://127.0.0.1:${secure.port}` }),
      /certificate.*NODE_EXTRA_CA_CERTS/,
    );
    await secure.stop();

    const bus = open({ url: plain.url });
    await bus.next('Ready', 0);
    await plain.command('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => undefined);
    const lost = await bus.next('Lost', 0);
    t.notMatch(lost, { detail: /rediss/ }, 'a connection that stood has the right scheme');
    await bus.close();
    await plain.stop();
  },
);

t.test(
  'when REDIS_URL names a node of a Cluster without REDIS_CLUSTER, then the reason says so',
  async (t) => {
    const node = await startRedis({ config: [['cluster-enabled', 'yes']] });
    t.equal(
      await reasonOf({ url: node.url }),
      'this Redis is a node of a Cluster: set REDIS_CLUSTER=true',
    );
    await node.stop();
  },
);

t.test(
  'when a Sentinel does not know the master, or REDIS_URL names a Sentinel, then the reason says so',
  async (t) => {
    const sentinel = await startRedis({ sentinel: true });
    const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
    t.match(
      await reasonOf({ url: '', sentinels, sentinelName: 'nobody' }),
      /No such master.*check REDIS_SENTINEL_NAME/,
    );
    t.match(await reasonOf({ url: sentinel.url }), /REDIS_URL names a Sentinel/);
    await sentinel.stop();
  },
);

t.test('when the reason changes, then the new one is reported too, once', async (t) => {
  const port = await freePort();
  const bus = open({ url: `redis://:hunter2@127.0.0.1:${port}` });
  await bus.next('Lost', 0);
  const server = await startRedis({ port, password: 'other' });
  const refused = await bus.next('Refused', 0);
  t.match(refused, { detail: /^WRONGPASS/ });
  await server.command('CONFIG', 'SET', 'requirepass', 'hunter2').catch(() => undefined);
  await bus.next('Ready', 0);
  t.strictSame(bus.tags(), ['Lost', 'Refused', 'Ready']);
  await bus.close();
  await server.stop();
});

t.test(
  'when Redis loads its data, or is a replica, then the connection is given up with a reason',
  async (t) => {
    t.match(unfit('loading:1\r\n', false), /^LOADING/);
    t.equal(unfit('redis_mode:standalone\r\nloading:0\r\nrole:master\r\n', true), undefined);
    t.match(unfit('redis_mode:standalone\r\nrole:slave\r\n', true), /now a replica/);
    t.equal(unfit('redis_mode:standalone\r\nrole:slave\r\n', false), undefined, 'READONLY tells');
    t.equal(unfit('', true), undefined);
  },
);

t.test('when a server that is no Redis answers, then the reason says so', async (t) => {
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.match(await reasonOf({ url: `redis://127.0.0.1:${port}` }), /is no Redis/);
  server.close();
  await until('it has closed', () => !server.listening);
});
