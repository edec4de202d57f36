/** Which host name a TLS handshake with Redis has: a server notes it and answers nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import t from 'tap';
import { standaloneRedis } from '../../../lib/broker/redis/standalone.js';
import { clusterRedis } from '../../../lib/broker/redis/cluster.js';
import { namedMaster, withName } from '../../../lib/broker/redis/connector.js';
import type { RedisClientOptions } from '../../../lib/broker/redis/options.js';
import { until } from '../../support/redis.js';
import { options, watch } from '../../support/watched-bus.js';

const SUBJECT = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];

t.test(
  'when the host has a name, then the TLS handshake has it (SNI); an address is not sent',
  async (t) => {
    const dir = t.testdir({});
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const files = ['-keyout', key, '-out', cert];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...SUBJECT],
      { stdio: 'ignore' },
    );
    const ca = readFileSync(cert);
    /** A server of its own for each client: a late handshake of the client before is not counted here. */
    const namesSent = async (
      over: (port: number) => Partial<RedisClientOptions>,
      isCluster = false,
    ): Promise<unknown> => {
      const names = new Set<string | false | null>();
      const server = createServer({ key: readFileSync(key), cert: ca }, (socket) => {
        names.add(socket.servername);
        socket.on('error', () => undefined).resume();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const all = options({ tls: { ca }, ...over((server.address() as AddressInfo).port) });
      const bus = watch(isCluster ? clusterRedis(all) : standaloneRedis(all));
      await until('a handshake', () => names.size > 0);
      await bus.close();
      server.close();
      return [...names];
    };
    const byName = (port: number): object => ({ url: `rediss://localhost:${port}` });
    const byAddress = (port: number): object => ({ url: `rediss://127.0.0.1:${port}` });
    const bySentinels = (port: number): object => ({
      url: 'rediss://h',
      sentinels: [{ host: 'localhost', port }],
      sentinelName: 'm',
    });
    t.strictSame(await namesSent(byName), ['localhost']);
    t.strictSame(await namesSent(byName, true), ['localhost']);
    t.strictSame(await namesSent(bySentinels), ['localhost']);
    t.strictSame(await namesSent(byAddress), [false]);
    t.strictSame(await namesSent(byAddress, true), [false]);
  },
);

t.test(
  'when Sentinels name the master by a host name, then the TLS handshake has it too',
  async (t) => {
    t.strictSame(namedMaster('redis-0.example:6379'), {
      host: 'redis-0.example',
      port: 6379,
      servername: 'redis-0.example',
    });
    t.equal(namedMaster('10.0.0.1:6379'), null);
    t.equal(namedMaster('fd00::1:6379'), null);
    t.strictSame(withName('a.example', { servername: 'b.example' }), { servername: 'b.example' });
  },
);
