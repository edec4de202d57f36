/** The paths of WebSockets, requested without an upgrade: 426, or what is wrong with the room's name. */
import type { FastifyReply } from 'fastify';
import { SLASH } from '../connection/handshake.js';
import { problem } from '../protocol/problem.js';
import { type Endpoint, type Exchange, isRoom, NO_ROOM } from './endpoint.js';
import { SOCKET, SOCKET_OF_ROOM } from './socket-operations.js';

export const socketEndpoints = (basePath: string): readonly Endpoint[] => [
  {
    method: 'GET',
    path: `${basePath}/ws`,
    auth: 'none',
    operation: SOCKET,
    handler: answer,
  },
  {
    method: 'GET',
    path: `${basePath}/ws/*`,
    auth: 'none',
    operation: SOCKET_OF_ROOM,
    handler: (exchange) => {
      const rest = exchange.params['*'];
      if (isRoom(rest)) return answer(exchange);
      return exchange.refuse(/(^|\/)$/.test(String(rest)) ? SLASHED : NO_ROOM);
    },
  },
];

/** The room of the query is checked first, as that of the path is. An empty one counts as none. */
const answer = (exchange: Exchange): FastifyReply => {
  const rooms = [exchange.query['room'] ?? ''].flat();
  return rooms.every((room) => room === '' || isRoom(room))
    ? upgradeRequired(exchange)
    : exchange.refuse(NO_ROOM);
};

const upgradeRequired = ({ reply, refuse }: Exchange): FastifyReply =>
  refuse(
    problem(
      426,
      'Upgrade: this endpoint takes WebSocket connections only; send Upgrade: websocket',
      {
        Upgrade: 'websocket',
        Connection: reply.raw.shouldKeepAlive ? 'Upgrade' : 'Upgrade, close',
      },
    ),
  );

const SLASHED = problem(400, SLASH);
