/**
 * Origins (RFC 6454): which pages may use the service. The same origin can be written with or without its
 * default port, and in upper or lower case. So origins are compared in the form that browsers send. Handshake
 * and CORS use the same function.
 */

/** No user, path, query or fragment: a URL parser would drop them silently. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s,*\\]+$/i;
/** `https://*.example.com:8443`. At least two labels after `*`: `*.com` would allow nearly everyone. */
const PATTERN = /^(https?):\/\/\*\.((?:[a-z0-9-]+\.)+[a-z0-9-]+(?::\d+)?)$/;
/** An origin, split after its first label. */
const SUBDOMAIN = /^(https?:\/\/)[a-z0-9_-]+\.(.+)$/;

/** The form for comparisons; undefined for a text that is no origin, `null` included. */
const normal = (text: string): string | undefined => {
  if (!ORIGIN.test(text) || !URL.canParse(text)) return undefined;
  const { origin } = new URL(text);
  // for schemes of apps (`capacitor:`), the URL standard has no origin: the text itself is compared
  return origin === 'null' ? text.toLowerCase() : origin;
};

/** Whether a text is an origin as a browser sends it: lower case, no path, no default port. */
export const isOrigin = (text: string): boolean => normal(text) === text;

/** Whether a text is like `https://*.example.com`, where `*` stands for exactly one label. */
export const isOriginPattern = (text: string): boolean => {
  const [, scheme, rest] = PATTERN.exec(text) ?? [];
  return rest !== undefined && isOrigin(`${scheme}://a.${rest}`);
};

export interface OriginHeaders {
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
}

/**
 * Whether a page of this origin may use the service. A request without an origin comes from no page, and may.
 * So may the service's own origin: the host and port of the request, with http or https, as a proxy may
 * terminate TLS.
 */
export const isOriginAllowed = (
  { origin, host }: OriginHeaders,
  allowed: readonly string[],
): boolean => {
  if (origin === undefined || allowed.includes('*')) return true;
  const from = normal(origin);
  if (from === undefined) return false;
  if (allowed.includes(from)) return true;
  const [, scheme, rest] = SUBDOMAIN.exec(from) ?? [];
  if (rest !== undefined && allowed.includes(`${scheme}*.${rest}`)) return true;
  const [own] = /^https?:\/\//.exec(from) ?? [];
  return own !== undefined && host !== undefined && normal(own + host) === from;
};
