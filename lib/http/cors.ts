/**
 * Which pages may read the answers (CORS, Fetch §3.2): those of `ALLOWED_ORIGINS` and our own, as at the handshake. Pages bring
 * a token in a header, never a cookie, so no credentials are allowed.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { ORIGIN_REFUSED } from '../connection/handshake.js';
import { isOriginAllowed } from '../protocol/origin.js';
import type { Problem } from '../protocol/problem.js';

export type CorsHeaders = Readonly<Record<string, string>>;

/** What a page may read besides the body: when to come again, and how. */
const EXPOSED = 'Retry-After, WWW-Authenticate, Allow';
const REQUEST_HEADERS = 'Authorization, Content-Type, X-API-Key';
/** Seconds. Longer, and who is taken off the list may go on asking for so long; Chromium caps it at two hours. */
const MAX_AGE = '600';

/** Of every answer, errors included. A page that may not use the service gets no header, and its browser shows it nothing. */
export const corsHeaders = (
  headers: IncomingHttpHeaders,
  allowed: readonly string[],
): CorsHeaders => {
  if (allowed.includes('*'))
    return { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': EXPOSED };
  // a cache must not hand one page's answer to another
  const { origin } = headers;
  return origin !== undefined && isOriginAllowed(headers, allowed)
    ? {
        Vary: 'Origin',
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Expose-Headers': EXPOSED,
      }
    : { Vary: 'Origin' };
};

/** Whether a browser asks if a page may send another request. */
export const isPreflight = (method: string, headers: IncomingHttpHeaders): boolean =>
  method === 'OPTIONS' &&
  headers.origin !== undefined &&
  headers['access-control-request-method'] !== undefined;

/** Why a preflight is refused, or undefined. */
export const preflightFault = (
  headers: IncomingHttpHeaders,
  allowed: readonly string[],
): Problem | undefined => (isOriginAllowed(headers, allowed) ? undefined : ORIGIN_REFUSED);

/** What the answer to a preflight says besides. */
export const preflightHeaders = (methods: string): CorsHeaders => ({
  'Access-Control-Allow-Methods': methods,
  'Access-Control-Allow-Headers': REQUEST_HEADERS,
  'Access-Control-Max-Age': MAX_AGE,
});
