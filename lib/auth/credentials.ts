/**
 * The credentials of a request (docs/protocol.md, section 2.1): `Authorization: Bearer`, `?token=`, the
 * subprotocol `bearer.TOKEN`, and `X-API-Key`. The same token in two places counts once. Two different tokens
 * or keys are refused, as the server cannot know which one the client means.
 */
import * as E from 'fp-ts/lib/Either.js';
import type { IncomingMessage } from 'node:http';
import { type Observable, of } from 'rxjs';
import type { Auth, Credentials, Denial, Identity } from './index.js';

/** The prefix of a token among the offered subprotocols: a browser cannot set headers of a WebSocket. */
export const SUBPROTOCOL = 'bearer.';

type Request = Pick<IncomingMessage, 'headersDistinct' | 'url'>;

/**
 * The identity behind a request. Emits once, and at once when authentication is off. For a request of Fastify
 * pass `request.raw`.
 */
export const identityOf = (
  access: Auth,
  request: Request,
): Observable<E.Either<Denial, Identity>> => {
  if (!access.enabled) return access.authenticate({});
  const credentials = credentialsOf(request);
  return E.isLeft(credentials) ? of(credentials) : access.authenticate(credentials.right);
};

export const credentialsOf = (request: Request): E.Either<Denial, Credentials> => {
  const { headersDistinct: headers, url = '' } = request;
  const tokens = new Set([
    ...(headers['authorization'] ?? []).flatMap(bearerOf),
    ...inQuery(url),
    ...offeredOf(headers['sec-websocket-protocol'] ?? []),
  ]);
  const apiKeys = new Set(headers['x-api-key'] ?? []);
  if (tokens.size > 1) return E.left({ _tag: 'Ambiguous', what: 'token' });
  if (apiKeys.size > 1) return E.left({ _tag: 'Ambiguous', what: 'X-API-Key' });
  const [token] = tokens;
  const [apiKey] = apiKeys;
  return E.right({ token, apiKey });
};

/**
 * RFC 6750 §2.1, the scheme in any case (RFC 9110 §11.1). Another scheme may be meant for a proxy, so it is
 * ignored.
 */
const bearerOf = (authorization: string): readonly string[] => {
  const [scheme = ''] = authorization.split(' ', 1);
  return scheme.toLowerCase() === 'bearer' ? [authorization.slice(scheme.length).trim()] : [];
};

const inQuery = (url: string): readonly string[] => {
  const cut = url.indexOf('?');
  return cut < 0
    ? []
    : new URLSearchParams(url.slice(cut + 1)).getAll('token').filter((token) => !isAbsent(token));
};

/** The values that clients send when they have no token. */
const isAbsent = (token: string): boolean =>
  token === '' || token === 'undefined' || token === 'null';

const offeredOf = (headers: readonly string[]): readonly string[] =>
  headers
    .flatMap((header) => header.split(','))
    .map((offer) => offer.trim())
    .filter((offer) => offer.startsWith(SUBPROTOCOL))
    .map((offer) => offer.slice(SUBPROTOCOL.length));
