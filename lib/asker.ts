/** Who was refused, for the log: where a request came from and what it asked for. No token: a query is never shown. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Asker } from './events.js';
import { isRoomName } from './position.js';

type AddressOf = (request: IncomingMessage, peer: string) => string;

/** Asked for only where a line is written: node keeps the address of a socket, 0.3 kB each. */
export const askerOf = (
  request: IncomingMessage,
  { remoteAddress = '' }: Pick<Socket, 'remoteAddress'>,
  addressOf: AddressOf,
): Asker => {
  const { method = '', url = '', headers } = request;
  const [path = '', query = ''] = url.split('?', 2);
  const room = new URLSearchParams(query).get('room') ?? path.split('/').at(-1) ?? '';
  return {
    address: addressOf(request, remoteAddress),
    method,
    path: shortened(path),
    room: isRoomName(room) && (query !== '' || path.includes('/ws/')) ? room : undefined,
    origin: headers.origin === undefined ? undefined : shortened(headers.origin),
  };
};

/** Whoever asks may write 16 KB there. */
const MAX_SHOWN = 128;

const shortened = (text: string): string =>
  text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
