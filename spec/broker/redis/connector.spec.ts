/** What a TLS handshake with Redis says of the host: a server that notes it and answers nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import t from 'tap';
import { standaloneRedis } from '../../../lib/broker/redis/standalone.js';
import { clusterRedis } from '../../../lib/broker/redis/cluster.js';
import { namedMaster, withName } from '../../../lib/broker/redis/connector.js';
import type { RedisClientOptions } from '../../../lib/broker/redis/options.js';
import { freePort, until } from '../../support/redis.js';
import { options, watch } from '../../support/watched-bus.js';

const SUBJECT = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];

t.test('when the host has a name, then TLS says it; an address is not said', async (t) => {
  const dir = t.testdir({});
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const files = ['-keyout', key, '-out', cert];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...SUBJECT],
    { stdio: 'ignore' },
  );
  const names: (string | false | null)[] = [];
  const ca = readFileSync(cert);
  const server = createServer({ key: readFileSync(key), cert: ca }, (socket) => {
    names.push(socket.servername);
    socket.on('error', () => undefined).resume();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const namesSent = async (
    over: Partial<RedisClientOptions>,
    isCluster = false,
  ): Promise<unknown> => {
    names.length = 0;
    const all = options({ tls: { ca }, ...over });
    const bus = watch(isCluster ? clusterRedis(all) : standaloneRedis(all));
    await until('a handshake', () => names.length > 0);
    await bus.close();
    return [...new Set(names)];
  };
  const sentinels = [{ host: 'localhost', port }];
  t.strictSame(await namesSent({ url: `rediss://localhost:${port}` }), ['localhost']);
  t.strictSame(await namesSent({ url: `rediss://localhost:${port}` }, true), ['localhost']);
  t.strictSame(await namesSent({ url: 'rediss://h', sentinels, sentinelName: 'm' }), ['localhost']);
  t.strictSame(await namesSent({ url: `rediss://127.0.0.1:${port}` }), [false]);
  t.strictSame(await namesSent({ url: `rediss://127.0.0.1:${port}` }, true), [false]);
  server.close();
});

t.test('when a master is named by Sentinels, then its name is said, too', async (t) => {
  t.strictSame(namedMaster('redis-0.example:6379'), {
    host: 'redis-0.example',
    port: 6379,
    servername: 'redis-0.example',
  });
  t.equal(namedMaster('10.0.0.1:6379'), null);
  t.equal(namedMaster('fd00::1:6379'), null);
  t.strictSame(withName('a.example', { servername: 'b.example' }), { servername: 'b.example' });
});
