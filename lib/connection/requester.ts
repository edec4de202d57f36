/**
 * Who sent a refused request (a handshake or any other), for the log of the service and for `onEvent`:
 * address, method, path, room and origin. Of the query only a valid `room` is shown, as the rest may contain
 * a token.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Requester } from '../hub-event.js';
import { isOrigin } from '../protocol/origin.js';
import { isRoomName } from '../protocol/position.js';

type AddressOf = (request: IncomingMessage, peer: string) => string;

/**
 * Called only when a receiver of the event asks for it, such as a log line: Node keeps the address of a
 * socket once it was read, 0.3 kB each.
 */
export const requesterOf = (
  request: IncomingMessage,
  { remoteAddress = '' }: Pick<Socket, 'remoteAddress'>,
  addressOf: AddressOf,
): Requester => {
  const { method = '', url = '', headers } = request;
  const [path = '', query = ''] = url.split('?', 2);
  const room = new URLSearchParams(query).get('room') ?? path.split('/').at(-1) ?? '';
  return {
    address: addressOf(request, remoteAddress),
    method,
    path: shown(path),
    room: isRoomName(room) && (query !== '' || path.includes('/ws/')) ? shown(room) : undefined,
    origin: headers.origin === undefined ? undefined : originText(headers.origin),
  };
};

/** The most characters of a text in a log line: a request may have 16 KB in its path. */
const MAX_SHOWN = 128;

/**
 * A client may send its token in any field: text that is as long as a token and has its characters is hidden.
 */
const SECRETS = /[\w.~+=%-]*[\w-]{24,}[\w.~+=%-]*/g;

const shown = (text: string): string =>
  text.slice(0, MAX_SHOWN).replace(SECRETS, '***') + (text.length > MAX_SHOWN ? '…' : '');

/**
 * A valid origin of at most `MAX_SHOWN` characters is shown unchanged. It has no capitals, and a token has
 * some: so no token is shown. Any other text is shown as paths are.
 */
export const originText = (origin: string): string =>
  origin.length <= MAX_SHOWN && isOrigin(origin) ? origin : shown(origin);
