/**
 * Where a request comes from: the socket's peer, or, where the peer is a trusted proxy, the last address in `X-Forwarded-For` that
 * is no trusted proxy. A client may have written everything left of that address itself.
 *
 * ipaddr.js reads and compares addresses. The walk is our own: `@fastify/proxy-addr` answers with a hop that is no address
 * (`unknown`) as it stands there, takes no port behind an address, and throws at a block of /0.
 */
import ipaddr from 'ipaddr.js';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { type Address, isIn } from '../config/networks.js';

type Request = Pick<IncomingMessage, 'headersDistinct'>;

/** `networks` are addresses or blocks: `TRUSTED_PROXIES`. */
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
      // no trusted proxy writes something else than an address: the walk ends
      if (address === undefined) break;
      at = address;
      if (!isProxy(address)) break;
    }
    return groupOf(at);
  };
};

const WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/;

/** The address without port and zone, IPv4 as such where IPv6 wraps it. `isIP` first: ipaddr.js takes `10.1` and `0x7f.1`, too. */
const addressIn = (text: string): Address | undefined => {
  const [, bracketed, bare] = WITH_PORT.exec(text) ?? [];
  const address = bracketed ?? bare ?? text;
  if (isIP(address) === 0) return undefined;
  const [withoutZone = ''] = address.split('%');
  return ipaddr.isValid(withoutZone) ? ipaddr.process(withoutZone) : undefined;
};

/** Whoever has an IPv6 address has 2⁶⁴ of them: they count as one. */
const groupOf = (address: Address): string =>
  address instanceof ipaddr.IPv4
    ? address.toString()
    : `${address.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')}::/64`;
