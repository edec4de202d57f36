/**
 * Origins (RFC 6454): which page may use the service. A default port may be written or not, and scheme and host have no
 * case, so origins are compared in the form that browsers send. Handshake and CORS ask the same function.
 */

/** No user, path, query or fragment: a URL parser would drop them unsaid. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s,*\\]+$/i;
/** `https://*.example.com:8443`. At least two labels behind the `*`: `*.com` would be everybody. */
const PATTERN = /^(https?):\/\/\*\.((?:[a-z0-9-]+\.)+[a-z0-9-]+(?::\d+)?)$/;
/** An origin, cut behind its first label. */
const SUBDOMAIN = /^(https?:\/\/)[a-z0-9_-]+\.(.+)$/;

/** The form to compare by; undefined for what is no origin, `null` included. */
const normal = (text: string): string | undefined => {
  if (!ORIGIN.test(text) || !URL.canParse(text)) return undefined;
  const { origin } = new URL(text);
  // schemes of apps (`capacitor:`) have no origin by the URL standard
  return origin === 'null' ? text.toLowerCase() : origin;
};

/** Whether a text is an origin as a browser sends it: small letters, no path, no default port. */
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
 * Whether a page of this origin may use the service. A request without an origin is of no page, and may. So may the
 * service's own origin: the name and port that the request itself asks for, by http or https, as a proxy may do TLS.
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
