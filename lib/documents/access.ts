/** What the documents say about credentials: the kinds, and which of them each endpoint needs. */
import type { DocumentedRoute } from './operation.js';
import type { OperationObject } from './openapi-types.js';

export const SECURITY_SCHEMES = {
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The token of a user. To publish and to disconnect, its `scope` contains `admin`.',
  },
  tokenInQuery: {
    type: 'apiKey',
    in: 'query',
    name: 'token',
    description: 'The same token. Proxies write URLs into their logs: prefer the header.',
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'A key of another server. It has all rights.',
  },
};

type Security = OperationObject['security'];

const ANY: Security = Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] }));

/** A handshake is checked on its upgrade only: without one, the answer needs no token. */
const isHandshake = ({ auth, operation }: DocumentedRoute): boolean =>
  auth === 'none' && operation?.answers[101] !== undefined;

/** The `security` of an operation. The empty requirement of a handshake makes the token optional. */
export const securityOf = (route: DocumentedRoute, isSecured: boolean): Security => {
  if (!isSecured) return [];
  if (isHandshake(route)) return [...ANY, {}];
  return route.auth === 'none' ? [] : ANY;
};

/** Whether every request of the operation needs a token or a key. */
export const needsCredentials = ({ security }: Pick<OperationObject, 'security'>): boolean =>
  security.length > 0 && security.every((one) => Object.keys(one).length > 0);

const NEEDS: Readonly<Record<DocumentedRoute['auth'], string | undefined>> = {
  none: undefined,
  token: 'Needs `X-API-Key`, or any valid token.',
  operator: 'Needs `X-API-Key`, or a token whose `scope` contains `admin`.',
  room: 'Needs `X-API-Key`, or a token that may join the room.',
};

const HANDSHAKE =
  'The handshake needs `X-API-Key`, or a token. A token must allow the room, if the URL names one.';

/** What a request needs where the service asks for tokens, in words. */
export const needOf = (route: DocumentedRoute, isSecured: boolean): string | undefined => {
  if (!isSecured) return undefined;
  return isHandshake(route) ? HANDSHAKE : NEEDS[route.auth];
};

/** How to send credentials, in sentences: the first section of the page. */
export const ACCESS: readonly string[] = [
  'Programs send `X-API-Key: KEY`, one of `API_KEYS`.',
  'Users send `Authorization: Bearer TOKEN`, or `?token=TOKEN`. Proxies write URLs into their logs: prefer the ' +
    'header. A browser cannot set headers of a WebSocket: it may also offer the subprotocol `bearer.TOKEN`.',
  'Each endpoint names what it needs. Without a valid token or key the answer is 401; with one that does not ' +
    'give the right, 403.',
  'With a key and a token in one request, both must be valid. The rights are those of the key, and `from` is the ' +
    'user of the token. So do not pass requests of users on with your key.',
];
