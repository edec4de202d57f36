/** Hosts and ports in the forms of a configuration. */
import { isIP, isIPv6 } from 'node:net';

/** The address of a server. */
export interface Endpoint {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/;

/**
 * A name or an address, without brackets. A text that ends in a number must be an address (WHATWG URL §3.5):
 * the name `256.1.1.1` cannot be looked up.
 */
export const isHost = (text: string): boolean =>
  isIP(text) !== 0 || (NAME.test(text) && !/(?:^|\.)\d+\.?$/.test(text));

/** The host in the text before a port, where IPv6 has brackets. The result has none; undefined: no host. */
export const hostBeforePort = (text: string): string | undefined => {
  const [, inner] = /^\[(.*)\]$/.exec(text) ?? [];
  if (inner !== undefined) return isIPv6(inner) ? inner : undefined;
  return isHost(text) && !isIPv6(text) ? text : undefined;
};

/** A part of a URL without its percent-encoding; undefined when that is not valid. */
export const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/** The host and its port as one text. */
export const withPort = ({ host, port }: Endpoint): string =>
  `${isIPv6(host) ? `[${host}]` : host}:${port}`;

/** The port in these digits; undefined when it is none. */
export const portOf = (digits: string): number | undefined =>
  /^[1-9]\d{0,4}$/.test(digits) && Number(digits) <= 65_535 ? Number(digits) : undefined;

/** Two colons and no brackets: an IPv6 address, whose end looks like a port. */
export const looksLikeBareIPv6 = (text: string): boolean =>
  !text.includes('[') && /^[0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]*$/i.test(text);

/** The error text for IPv6 without brackets. */
export const BRACKETS = 'IPv6 in brackets, such as [::1]';

/** `host:port`, IPv6 in brackets; undefined for any other text. */
export const endpointOf = (text: string): Endpoint | undefined => {
  const [, before = '', digits = ''] = /^(.+):(\d+)$/.exec(text) ?? [];
  const [host, port] = [hostBeforePort(before), portOf(digits)];
  return host === undefined || port === undefined ? undefined : { host, port };
};
