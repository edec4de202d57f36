/** Addresses and blocks of them, IPv4 and IPv6, as `TRUSTED_PROXIES` names them. */
import { BlockList, isIP } from 'node:net';

export const familyOf = (address: string): 'ipv4' | 'ipv6' =>
  isIP(address) === 4 ? 'ipv4' : 'ipv6';

export const blockListOf = (networks: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
};

/** One of each /8 of IPv4. */
const ONES: readonly string[] = Array.from({ length: 256 }, (_, first) => `${first}.0.0.1`);
const MIN_IPV6_BITS = 16;
/** fc00::/7 and fe80::/10, which nobody on the Internet has. */
const isPrivate = (address: string, bits: number): boolean =>
  (bits >= 7 && /^f[cd][0-9a-f]{2}:/i.test(address)) ||
  (bits >= 10 && /^fe[89ab][0-9a-f]:/i.test(address));

/**
 * Whether a block holds strangers whoever runs it: IPv4 wider than /8, however it is written (`::/0` and
 * `::ffff:0:0/96` hold all of IPv4), and IPv6 wider than /16 that is not private.
 */
export const isTooWide = (network: string): boolean => {
  const [address = '', bits = '128'] = network.split('/');
  const list = blockListOf([network]);
  if (ONES.filter((one) => list.check(one, 'ipv4')).length > 1) return true;
  return (
    familyOf(address) === 'ipv6' &&
    Number(bits) < MIN_IPV6_BITS &&
    !isPrivate(address, Number(bits))
  );
};
