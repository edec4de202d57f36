/**
 * Addresses and blocks of addresses, IPv4 and IPv6, for `TRUSTED_PROXIES`. Both kinds are compared in one
 * form: IPv4 is `::ffff:0:0/96` of IPv6, so `::ffff:10.0.0.0/104` and `10.0.0.0/8` are the same block.
 */
import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

type Block = readonly [start: ipaddr.IPv6, bits: number];

const MAPPED = ipaddr.IPv6.parse('::ffff:0:0');
const MAPPED_BITS = 96;

const inOneForm = (address: Address): ipaddr.IPv6 =>
  address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress() : address;

const blockOf = (network: string): Block => {
  const [text = '', bits] = network.split('/');
  const start = ipaddr.parse(text);
  const outside = start instanceof ipaddr.IPv4 ? MAPPED_BITS : 0;
  return [inOneForm(start), bits === undefined ? 128 : outside + Number(bits)];
};

/** Whether an address is in one of the networks. */
export const isIn = (networks: readonly string[]): ((address: Address) => boolean) => {
  const blocks = networks.map(blockOf);
  return (address) => {
    const one = inOneForm(address);
    return blocks.some(([start, bits]) => one.match(start, bits));
  };
};

/** The bits of an IPv4 /8 in the form of IPv6. */
const MIN_MAPPED_BITS = MAPPED_BITS + 8;
const MIN_IPV6_BITS = 16;
/** fc00::/7 and fe80::/10, which are not routed on the Internet. */
const PRIVATE_BITS: Readonly<Record<string, number>> = { uniqueLocal: 7, linkLocal: 10 };

/**
 * Whether a block is too wide to contain only proxies of one operator. Too wide are IPv4 blocks wider than
 * /8, in any form (`::/0` and `::ffff:0:0/96` contain all of IPv4), and IPv6 blocks wider than /16 that are
 * not private.
 */
export const isTooWide = (network: string): boolean => {
  const [start, bits] = blockOf(network);
  if (start.match(MAPPED, Math.min(bits, MAPPED_BITS))) return bits < MIN_MAPPED_BITS;
  return bits < (PRIVATE_BITS[start.range()] ?? MIN_IPV6_BITS);
};
