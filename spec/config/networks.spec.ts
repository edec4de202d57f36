/** Networks: IPv4 and IPv6 in one form, and blocks that are too wide to be trusted. */
import ipaddr from 'ipaddr.js';
import * as fc from 'fast-check';
import { BlockList } from 'node:net';
import t from 'tap';
import { isIn, isTooWide } from '../../lib/config/networks.js';

const holds = (network: string, address: string): boolean => isIn([network])(ipaddr.parse(address));

t.test(
  'when a network is written as IPv4 or as mapped IPv6, then it contains the same addresses',
  async (t) => {
    for (const network of ['10.0.0.0/8', '::ffff:10.0.0.0/104']) {
      t.ok(holds(network, '10.255.0.1'), network);
      t.ok(holds(network, '::ffff:10.255.0.1'), network);
      t.notOk(holds(network, '11.0.0.1'), network);
      t.notOk(holds(network, '::a00:1'), network);
    }
    t.ok(holds('10.0.0.1', '10.0.0.1'), 'an address is a block of one');
    t.notOk(holds('10.0.0.1', '10.0.0.2'));
    t.ok(holds('::/0', '10.0.0.1'), 'all of IPv6 holds all of IPv4');
    t.notOk(isIn([])(ipaddr.parse('10.0.0.1')), 'no network holds nothing');
  },
);

t.test('when a block is wider than the limit, then it is refused', async (t) => {
  for (const network of [
    '0.0.0.0/0',
    '10.0.0.0/7',
    '::/0',
    '::ffff:0:0/96',
    '::/80',
    '::ffff:10.0.0.0/103',
  ])
    t.ok(isTooWide(network), network);
  for (const network of ['2000::/3', '2a00::/12', 'f800::/6', 'fc00::/6', 'fe80::/9'])
    t.ok(isTooWide(network), network);
  for (const network of [
    '10.0.0.0/8',
    '10.0.0.1',
    '::1',
    '::ffff:10.0.0.0/104',
    '2a00::/16',
    'fc00::/7',
    'fe80::/10',
  ])
    t.notOk(isTooWide(network), network);
});

t.test(
  'when any address meets any IPv4 block, then it is judged as BlockList judges it',
  async () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 1, max: 32 }), fc.ipV4(), (start, bits, address) => {
        const list = new BlockList();
        list.addSubnet(start, bits);
        return (
          holds(`${start}/${bits}`, address) === list.check(address) &&
          holds(`${start}/${bits}`, start)
        );
      }),
    );
  },
);
