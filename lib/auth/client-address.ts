/**
 * The address of the client of a request: that of the socket's peer. When the peer is a trusted proxy,
 * `X-Forwarded-For` is read from its end, up to the first address that is not a trusted proxy, or up to a
 * text that is no address. Everything further to the left may come from the client. The result for an IPv6
 * address is its /64 block (`groupOf`).
 *
 * ipaddr.js parses and compares addresses. `@fastify/proxy-addr` is not used for the header: it returns a hop
 * that is no address (`unknown`), or that has a port, unchanged, and throws for a block of /0.
 */
import ipaddr from 'ipaddr.js';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { type Address, isIn } from '../config/networks.js';

type Request = Pick<IncomingMessage, 'headersDistinct'>;

/** `networks`: the addresses and blocks of `TRUSTED_PROXIES`. */
export const clientAddress = (
  networks: readonly string[],
): ((request: Request, peer: string) => string) => {
  const isProxy = isIn(networks);
  return ({ headersDistinct }, peer) => {
    const own = addressIn(peer);
    if (own === undefined) return peer;
    if (!isProxy(own)) return groupOf(own);
    const hops = (headersDistinct['x-forwarded-for'] ?? []).flatMap((line) => line.split(','));
    let at = own;
    for (const hop of hops.reverse()) {
      const address = addressIn(hop.trim());
      // a trusted proxy writes only addresses, so this text may come from the client
      if (address === undefined) break;
      at = address;
      if (!isProxy(address)) break;
    }
    return groupOf(at);
  };
};

const WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/;

/**
 * The address without port and zone; an IPv4 address that is wrapped in IPv6 becomes plain IPv4. `isIP` comes
 * first, as ipaddr.js accepts `10.1` and `0x7f.1` too.
 */
const addressIn = (text: string): Address | undefined => {
  const [, bracketed, bare] = WITH_PORT.exec(text) ?? [];
  const address = bracketed ?? bare ?? text;
  if (isIP(address) === 0) return undefined;
  const [withoutZone = ''] = address.split('%');
  return ipaddr.isValid(withoutZone) ? ipaddr.process(withoutZone) : undefined;
};

/** A client with IPv6 usually has a /64 block, 2⁶⁴ addresses: the block counts as one client. */
const groupOf = (address: Address): string =>
  address instanceof ipaddr.IPv4
    ? address.toString()
    : `${address.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')}::/64`;
