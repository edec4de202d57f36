/**
 * Where a request comes from: the socket's peer, or, where that is a proxy of ours, the last one in `X-Forwarded-For` that is
 * none. Whatever stands left of it the client may have written itself.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { blockListOf, familyOf } from '../config/networks.js';

type Request = Pick<IncomingMessage, 'headersDistinct'>;

/** `networks` are addresses or blocks: `TRUSTED_PROXIES`. */
export const clientAddress = (
  networks: readonly string[],
): ((request: Request, peer: string) => string) => {
  const proxies = blockListOf(networks);
  const isProxy = (address: string): boolean => proxies.check(address, familyOf(address));
  return ({ headersDistinct }, peer) => {
    const own = plain(peer) ?? peer;
    if (networks.length === 0 || isIP(own) === 0 || !isProxy(own)) return groupOf(own);
    const hops = (headersDistinct['x-forwarded-for'] ?? []).flatMap((line) => line.split(','));
    let at = own;
    for (const hop of hops.reverse()) {
      const address = plain(hop.trim());
      // what no proxy of ours can have written ends the way
      if (address === undefined) break;
      at = address;
      if (!isProxy(address)) break;
    }
    return groupOf(at);
  };
};

const WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The address alone: without a port, and IPv4 as such where IPv6 wraps it. */
const plain = (text: string): string | undefined => {
  const [, bracketed, bare] = WITH_PORT.exec(text) ?? [];
  const address = bracketed ?? bare ?? text;
  const unwrapped = MAPPED.exec(address)?.[1] ?? address;
  return isIP(unwrapped) === 0 ? undefined : unwrapped;
};

/** Whoever has an IPv6 address has 2⁶⁴ of them: they count as one. */
const groupOf = (address: string): string => {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const left = wordsOf(head);
  const right = tail === undefined ? [] : wordsOf(tail);
  const gap =
    tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  const words = [...left, ...gap, ...right].slice(0, 4);
  return `${words.map((word) => Number.parseInt(word, 16).toString(16)).join(':')}::/64`;
};

const wordsOf = (text: string): readonly string[] =>
  text === '' ? [] : text.split(':').flatMap((word) => (word.includes('.') ? ['0', '0'] : [word]));
