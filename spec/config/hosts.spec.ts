/** Hosts and ports as a configuration writes them. */
import fc from 'fast-check';
import t from 'tap';
import {
  endpointOf,
  hostBeforePort,
  isHost,
  looksLikeBareIPv6,
  portOf,
  withPort,
} from '../../lib/config/hosts.js';

t.test('when a text is a name or an address, then it is a host', async (t) => {
  for (const text of ['localhost', 'redis-1.example', '127.0.0.1', '::1', 'a_b', '1a'])
    t.ok(isHost(text), text);
  for (const text of ['', '256.1.1.1', '1', 'a.1', '-a', 'a b', '[::1]', 'a:1', 'x'.repeat(254)])
    t.notOk(isHost(text), text);
});

t.test('when a port follows a host, then IPv6 is in brackets', async (t) => {
  t.equal(hostBeforePort('[::1]'), '::1');
  for (const text of ['::1', '[a]', '[127.0.0.1]', ''])
    t.equal(hostBeforePort(text), undefined, text);
  t.same(endpointOf('[::1]:6379'), { host: '::1', port: 6_379 });
  for (const text of ['a', 'a:', 'a:0', 'a:65536', 'a:06379', '::1:6379', ':1'])
    t.equal(endpointOf(text), undefined, text);
  t.ok(looksLikeBareIPv6('::1:6379'));
  t.notOk(looksLikeBareIPv6('[::1]:6379'));
  t.notOk(looksLikeBareIPv6('a:6379'));
});

t.test('when any endpoint is written, then it is read as that endpoint', async (t) => {
  const host = fc.oneof(fc.ipV4(), fc.constantFrom('::1', 'fe80::1', 'a', 'redis.example'));
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
      const read = endpointOf(withPort({ host: name, port }));
      return read?.host === name && read.port === port && portOf(`${port}`) === port;
    }),
  );
  t.pass('for any host and port');
});
