/**
 * The WebSocket handshake (docs/protocol.md, section 1; RFC 6455 §4.2.1), as a pure function of the request:
 * the room and the positions that it asks for, or a problem (RFC 9457). Identity is the business of `auth/`,
 * sockets that of `accept.ts`.
 */
import * as E from 'fp-ts/lib/Either.js';
import type { IncomingMessage } from 'node:http';
import * as O from 'fp-ts/lib/Option.js';
import { type Identity, mayJoin, roomForbidden } from '../auth/index.js';
import { isAbsentId } from '../protocol/client-message.js';
import type { Config } from '../config/index.js';
import type { Admission } from './state.js';
import type { Handshake } from '../hooks.js';
import { isOriginAllowed } from '../protocol/origin.js';
import { interned, isRoomName, parseId, type Room, ROOM_RULE } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';
import { resumesOf } from '../protocol/resume.js';

/** The room and the resume positions that a request asks for. */
export type RoomAndResumes = Pick<Admission, 'room' | 'resumes'>;

/** Whether a request is for this service at all: an embedding server may have other upgrades. */
export const isOurs = (request: IncomingMessage, basePath: string): boolean => {
  const path = targetOf(request).split('?', 1)[0] ?? '';
  // /ws/stats is an HTTP endpoint, not a room. A request for it with an upgrade to another protocol (`curl
  // --http2`) is a request of that endpoint
  if (path === `${basePath}/ws/stats`) return isWebSocket(request);
  return path === `${basePath}/ws` || path.startsWith(`${basePath}/ws/`);
};

/** Whether the request has a body (RFC 9112 §6.3). */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Whether the request asks for a WebSocket, at any path. */
const isWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && UPGRADES.test(headers.connection ?? '');

/** Without `Connection: upgrade` the header `Upgrade` means nothing (RFC 9110 §7.8). */
const UPGRADES = /(?:^|,)\s*upgrade\s*(?:,|$)/i;

/**
 * Path and query. Clients of a proxy send the whole URL (RFC 9112 §3.2.2); its scheme and host are removed.
 */
const targetOf = ({ url = '' }: IncomingMessage): string => url.replace(SCHEME_AND_HOST, '');

/** The target for hooks: without the value of `token`, however its name is encoded. */
export const targetWithoutToken = (request: IncomingMessage): string => {
  const target = targetOf(request);
  const cut = target.indexOf('?');
  if (cut < 0) return target;
  const pairs = target
    .slice(cut + 1)
    .split('&')
    .map((pair) => (new URLSearchParams(pair).has('token') ? 'token=***' : pair));
  return `${target.slice(0, cut)}?${pairs.join('&')}`;
};

const SCHEME_AND_HOST = /^https?:\/\/[^/?]*/i;

/** 403: the page is of another origin than the service's own and those of `ALLOWED_ORIGINS`. */
export const ORIGIN_REFUSED = problem(
  403,
  'Origin: pages of this origin may not use the service; its operator can add it to ALLOWED_ORIGINS',
);

/** What is checked in the request itself, before the identity is known. */
export const handshake = (
  request: IncomingMessage,
  config: Config,
): E.Either<Problem, RoomAndResumes> => {
  const wrong = protocolFault(request);
  if (wrong !== undefined) return E.left(wrong);
  if (!isOriginAllowed(request.headers, config.server.allowedOrigins))
    return E.left(ORIGIN_REFUSED);
  return askedBy(targetOf(request), config.server.basePath);
};

/** Whether the identity may join the room. */
export const admission = (
  { room, resumes }: RoomAndResumes,
  identity: Identity,
  handshake: Handshake | undefined,
): E.Either<Problem, Admission> =>
  room === undefined || mayJoin(identity.rights, room)
    ? E.right({ identity, room, resumes, handshake })
    : E.left(roomForbidden(room));

const protocolFault = (request: IncomingMessage): Problem | undefined => {
  const { headers, method, httpVersionMajor, httpVersionMinor } = request;
  if (method !== 'GET')
    return problem(405, `method: expected GET, got ${method ?? 'none'}`, { Allow: 'GET' });
  if (httpVersionMajor < 1 || (httpVersionMajor === 1 && httpVersionMinor < 1))
    return problem(400, 'HTTP version: send HTTP/1.1');
  if (headers.host === '') return HOSTLESS;
  const badHost = hostFault(request);
  if (badHost !== undefined) return badHost;
  if (!isWebSocket(request))
    return problem(400, 'Upgrade: send Upgrade: websocket and Connection: Upgrade');
  // a body comes before the first frame (RFC 9110 §7.8), and would be read as one
  if (hasBody(request)) return problem(400, 'body: send the handshake without a body');
  if (headers['sec-websocket-version'] !== '13') {
    return problem(426, 'Sec-WebSocket-Version: send 13', {
      'Sec-WebSocket-Version': '13',
      Upgrade: 'websocket',
    });
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? ''))
    return problem(400, 'Sec-WebSocket-Key: send 16 bytes in base64');
  return undefined;
};

/**
 * The fault in the `Host` of any request (RFC 9112 §3.2). Of two `Host` headers, a proxy may use another one
 * than this service. The name itself is not checked: only proxies know the names that lead here.
 */
export const hostFault = ({
  headers,
  rawHeaders,
  httpVersion,
}: IncomingMessage): Problem | undefined => {
  const { host } = headers;
  // HTTP/1.0 does not require the header
  if (host === undefined) return httpVersion === '1.0' ? undefined : HOSTLESS;
  if (!HOST.test(host)) return problem(400, 'Host: send a host name and, if need be, a port');
  const hosts = rawHeaders.filter(
    (name, at) => at % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host',
  );
  // `headers` has only the first one
  return hosts.length > 1 ? problem(400, 'Host: send the header once') : undefined;
};

const HOSTLESS = problem(400, 'Host: send the header');
/** RFC 3986 §3.2.2 and §3.2.3. */
const HOST = /^(?:\[[\w.~!$&'()*+,;=:-]+\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::\d*)?$/i;

/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** One for each log. */
const MAX_LAST_IDS = 2;

const askedBy = (url: string, basePath: string): E.Either<Problem, RoomAndResumes> => {
  const cut = url.indexOf('?');
  const path = cut < 0 ? url : url.slice(0, cut);
  const query = new URLSearchParams(cut < 0 ? '' : url.slice(cut + 1));
  const [lastId = null, ...more] = query.getAll('last_id');
  if (more.length > 0 || (lastId?.split(',').length ?? 0) > MAX_LAST_IDS)
    return E.left(problem(400, 'last_id: expected one id, or two as ROOM,GLOBAL; got more'));
  if (lastId !== null && lastId.split(',').some((id) => !isAbsentId(id) && O.isNone(parseId(id)))) {
    return E.left(problem(400, 'last_id: send the id of a message that you received'));
  }
  const named = roomInPath(path.slice(`${basePath}/ws`.length));
  if (E.isLeft(named)) return named;
  const rooms = new Set(query.getAll('room').filter((room) => room !== ''));
  if (named.right !== undefined) rooms.add(named.right);
  const [room, other] = rooms;
  if (other !== undefined)
    return E.left(problem(400, 'room: the URL names different rooms; name one'));
  return room === undefined || isRoomName(room)
    ? E.right({ room: room && interned(room), resumes: resumesOf(lastId) })
    : E.left(problem(400, `room: a name has ${ROOM_RULE}`));
};

/** `/ws/general/`, and `/ws/` itself. */
export const SLASH = 'room: the path ends with a slash; leave the slash out';

const roomInPath = (rest: string): E.Either<Problem, Room | undefined> => {
  if (rest === '') return E.right(undefined);
  try {
    const room = decodeURIComponent(rest.slice(1));
    return isRoomName(room)
      ? E.right(room)
      : E.left(
          problem(400, room.endsWith('/') || room === '' ? SLASH : `room: a name has ${ROOM_RULE}`),
        );
  } catch {
    return E.left(problem(400, 'room: send percent-encoded UTF-8'));
  }
};
