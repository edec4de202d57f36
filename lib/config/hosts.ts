/** Hosts and ports, as they are written in a configuration. */
import { isIP, isIPv6 } from 'node:net';

/** Where a server listens. */
export interface Endpoint {
  /** An IPv6 address stands without brackets. */
  readonly host: string;
  readonly port: number;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/;

/**
 * A name or an address, without brackets. What ends in a number is an address or nothing (WHATWG URL §3.5):
 * nobody could look up the name `256.1.1.1`.
 */
export const isHost = (text: string): boolean =>
  isIP(text) !== 0 || (NAME.test(text) && !/(?:^|\.)\d+\.?$/.test(text));

/**
 * The host of a text that has a port behind it: IPv6 stands in brackets there. Undefined for what is none.
 */
export const hostBeforePort = (text: string): string | undefined => {
  const [, inner] = /^\[(.*)\]$/.exec(text) ?? [];
  if (inner !== undefined) return isIPv6(inner) ? inner : undefined;
  return isHost(text) && !isIPv6(text) ? text : undefined;
};

/** The same host with a port behind it. */
export const withPort = ({ host, port }: Endpoint): string =>
  `${isIPv6(host) ? `[${host}]` : host}:${port}`;

/** A port that somebody can be reached at. */
export const portOf = (digits: string): number | undefined =>
  /^[1-9]\d{0,4}$/.test(digits) && Number(digits) <= 65_535 ? Number(digits) : undefined;

/** Two colons and no brackets: an IPv6 address, whose end cannot be told from a port. */
export const looksLikeBareIPv6 = (text: string): boolean =>
  !text.includes('[') && /^[0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]*$/i.test(text);

/** Told to whoever writes IPv6 without brackets. */
export const BRACKETS = 'IPv6 in brackets, such as [::1]:6379';

/** `host:port`, IPv6 in brackets; undefined for what is none. */
export const endpointOf = (text: string): Endpoint | undefined => {
  const [, before = '', digits = ''] = /^(.+):(\d+)$/.exec(text) ?? [];
  const [host, port] = [hostBeforePort(before), portOf(digits)];
  return host === undefined || port === undefined ? undefined : { host, port };
};
