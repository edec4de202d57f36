/**
 * Which pages may read the answers (CORS, the Fetch standard): those of `ALLOWED_ORIGINS` and the service's
 * own, as in the handshake. Pages send a token in a header, never a cookie, so credentials are not allowed.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { ORIGIN_REFUSED } from '../connection/handshake.js';
import { isOriginAllowed } from '../protocol/origin.js';
import type { Problem } from '../protocol/problem.js';

export type CorsHeaders = Readonly<Record<string, string>>;

/** The headers that a page may read: when and how to try again. */
const EXPOSED = 'Retry-After, WWW-Authenticate, Allow';
const REQUEST_HEADERS = 'Authorization, Content-Type, X-API-Key';
/**
 * For how many seconds a browser may remember the answer to a preflight. A page that is removed from the list
 * may go on sending requests for that long. Chromium allows two hours at most.
 */
const MAX_AGE = '600';

/**
 * Headers of every answer, errors included. For a page that is not allowed there is only `Vary`, so its
 * browser hides the answer.
 */
export const corsHeaders = (
  headers: IncomingHttpHeaders,
  allowed: readonly string[],
): CorsHeaders => {
  if (allowed.includes('*'))
    return { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': EXPOSED };
  // `Vary`: a cache must not give the answer for one page to another
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

/** Further headers of the answer to a preflight. */
export const preflightHeaders = (methods: string): CorsHeaders => ({
  'Access-Control-Allow-Methods': methods,
  'Access-Control-Allow-Headers': REQUEST_HEADERS,
  'Access-Control-Max-Age': MAX_AGE,
});
