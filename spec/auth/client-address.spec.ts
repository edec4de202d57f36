/** The address of a client, and how many connections an address may have. */
import * as fc from 'fast-check';
import t from 'tap';
import { clientAddress } from '../../lib/auth/client-address.js';
import { connectionQuota } from '../../lib/auth/connection-quota.js';

const from = (proxies: readonly string[], peer: string, ...forwarded: readonly string[]): string =>
  clientAddress(proxies)({ headersDistinct: { 'x-forwarded-for': [...forwarded] } }, peer);

t.test(
  'when the peer is no trusted proxy, then its own address counts, whatever a header has',
  async (t) => {
    t.equal(from([], '192.0.2.1'), '192.0.2.1');
    t.equal(from([], '192.0.2.1', '198.51.100.7'), '192.0.2.1');
    t.equal(from(['10.0.0.0/8'], '192.0.2.1', '198.51.100.7'), '192.0.2.1');
    t.equal(from([], '::ffff:192.0.2.1'), '192.0.2.1', 'IPv4 on a socket of both kinds');
    t.equal(from([], '::FFFF:c000:201'), '192.0.2.1', 'the same in hexadecimal');
  },
);

t.test(
  'when trusted proxies pass a request on, then the last address that is no trusted proxy counts',
  async (t) => {
    const ours = ['10.0.0.0/8', '192.0.2.9', '2001:db8:f::/48'];
    const rows: readonly (readonly [forwarded: readonly string[], expected: string])[] = [
      [['198.51.100.7'], '198.51.100.7'],
      [['1.1.1.1, 198.51.100.7'], '198.51.100.7'],
      [['1.1.1.1, 198.51.100.7, 10.2.2.2'], '198.51.100.7'],
      [['1.1.1.1', '198.51.100.7 ,192.0.2.9'], '198.51.100.7'],
      [['198.51.100.7, 2001:db8:f::1'], '198.51.100.7'],
      [['198.51.100.7:5001'], '198.51.100.7'],
      [['::ffff:198.51.100.7'], '198.51.100.7'],
      [['::ffff:198.51.100.7, ::ffff:10.1.1.1'], '198.51.100.7'],
      [['[2001:db8:1::1]:443'], '2001:db8:1:0::/64'],
      // nobody but proxies: the one furthest away
      [['10.3.3.3, 10.2.2.2'], '10.3.3.3'],
      // no valid address in the header: the address of the proxy that passed the request on
      [[], '10.1.1.1'],
      [[''], '10.1.1.1'],
      [['unknown'], '10.1.1.1'],
      [['198.51.100.7, unknown'], '10.1.1.1'],
      [['198.51.100.7, _hidden, 10.2.2.2'], '10.2.2.2'],
      [['198.51.100.7,'], '10.1.1.1'],
      [['198.51.100.7, 10.1'], '10.1.1.1'],
      [['198.51.100.7, 0x0a.0.0.1'], '10.1.1.1'],
    ];
    for (const [forwarded, expected] of rows)
      for (const peer of ['10.1.1.1', '::ffff:10.1.1.1'])
        t.equal(from(ours, peer, ...forwarded), expected, `${forwarded.join(' | ')} from ${peer}`);
    t.equal(from(['::/0', '0.0.0.0/0'], '10.1.1.1', '198.51.100.7'), '198.51.100.7');
  },
);

t.test('when an address is IPv6, then it counts by its /64', async (t) => {
  t.equal(from([], '2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  t.equal(from([], '2001:db8:1:2::1'), '2001:db8:1:2::/64');
  t.equal(from([], '2001:db8::1'), '2001:db8:0:0::/64');
  t.equal(from([], '::1'), '0:0:0:0::/64');
  for (const zone of ['eth0', 'wlan-0', 'eth0.1'])
    t.equal(from([], `fe80::1%${zone}`), 'fe80:0:0:0::/64', zone);
  t.equal(from([], '2001:DB8:01:0002::1'), '2001:db8:1:2::/64');
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV6(), (a, b) => {
      const [x, y] = [from([], a), from([], b)];
      return /::\/64$|^[\d.]+$/.test(x) && (a !== b || x === y);
    }),
  );
});

t.test('when an address cannot be read, then nothing throws', async (t) => {
  t.equal(from(['10.0.0.0/8'], '', '198.51.100.7'), '');
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (peer, lines) => {
      from(['10.0.0.0/8', '::1'], peer, ...lines);
      from(['10.0.0.0/8', '::1'], '10.0.0.1', ...lines);
    }),
  );
});

t.test(
  'when a quota is used up, then the next connection is refused until one of the others has ended',
  async (t) => {
    const take = connectionQuota(2);
    const [first, second] = [take('a'), take('a')];
    t.ok(first !== undefined && second !== undefined);
    t.equal(take('a'), undefined);
    t.ok(take('b'), 'another has places of its own');
    first?.();
    first?.();
    t.ok(take('a'), 'one place is free');
    t.equal(take('a'), undefined, 'and only one');
  },
);
