/** What the documents have on the addresses of WebSockets, requested over HTTP. */
import * as t from 'io-ts';
import type { Operation } from '../documents/operation.js';
import { described } from '../documents/json-schema.js';
import { RoomName } from '../documents/values.js';

const LastId = described(t.string, {
  description:
    'The id of the last message that the client has, or two ids with a comma: of the room, and of the global ' +
    'log. The messages after it are sent first. Empty, `undefined` and `null` count as absent.',
});

const RoomOfQuery = described(t.union([RoomName, t.literal('')]), {
  description: 'The name of a room. Empty counts as absent.',
});

const socket = (id: string, room: string | undefined): Operation => ({
  id,
  tag: 'sockets',
  summary: 'A WebSocket. The messages on it are in `/asyncapi.json`.',
  description:
    'The handshake takes a token in the query too, and the subprotocols `realtime.v1` and `bearer.TOKEN`. A ' +
    'browser does not show the status of a refusal.',
  parameters: { room: room === undefined ? RoomOfQuery : RoomName, last_id: LastId },
  answers: {
    101: { description: 'The handshake was accepted.' },
    400: { description: 'The room, `last_id` or a header of the handshake is not valid.' },
    401: { description: 'No token, or a token that is not valid.' },
    403: { description: 'The `Origin` or the room is not allowed.' },
    426: {
      description: 'The request asks for no WebSocket.',
      headers: { Upgrade: '`websocket`.' },
    },
    429: {
      description: 'Too many connections of this user or this address.',
      headers: { 'Retry-After': 'Seconds to wait before the next try.' },
    },
    503: { description: 'The pod is full, is shutting down, or cannot verify tokens now.' },
  },
  examples: [
    {
      name: 'withoutUpgrade',
      summary: 'A plain request.',
      ...(room === undefined ? {} : { path: { room } }),
      status: 426,
      answer: {
        status: 426,
        title: 'Upgrade Required',
        detail: 'Upgrade: this endpoint takes WebSocket connections only; send Upgrade: websocket',
      },
    },
  ],
});

export const SOCKET = socket('connect', undefined);
export const SOCKET_OF_ROOM = socket('connectToRoom', 'general');
