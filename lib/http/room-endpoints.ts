/** Reads of a room over HTTP: its state and its last messages. */
import type { FastifyReply } from 'fastify';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Config } from '../config/index.js';
import type { StatsFold } from '../telemetry/stats.js';
import type { Endpoint } from './endpoint.js';
import type { HistoryHandler } from './history.js';
import { HISTORY, ROOM } from './room-operations.js';

export interface RoomEndpointsDeps {
  readonly config: Config;
  readonly stats: StatsFold;
  readonly history: HistoryHandler;
}

export const roomEndpoints = ({
  config,
  stats,
  history,
}: RoomEndpointsDeps): readonly Endpoint[] => {
  const { basePath } = config.server;
  return [
    {
      method: 'GET',
      path: `${basePath}/rooms/:room`,
      parameters: [],
      auth: 'room',
      operation: ROOM,
      handler: async ({ refuse }, room) => {
        const own = stats.now(room).room?.connections ?? 0;
        const state = await history.state(room, own);
        return isLeft(state) ? refuse(state.left) : state.right;
      },
    },
    {
      method: 'GET',
      path: `${basePath}/rooms/:room/messages`,
      parameters: ['after', 'before', 'at', 'limit'],
      auth: 'room',
      operation: HISTORY,
      handler: async ({ query, reply, refuse }, room) => {
        const messages = await history.messages(room, query, closedWith(reply));
        if (isLeft(messages)) return refuse(messages.left);
        const { raw } = reply;
        // an open answer uses memory that other answers need: a client that does not read it is disconnected
        raw.setTimeout(config.limits.handshakeTimeoutMs, () => raw.destroy());
        return reply.type('application/json; charset=utf-8').send(messages.right);
      },
    },
  ];
};

/** Runs work when the response has ended or its client has gone; at once when that has already happened. */
const closedWith =
  ({ raw }: FastifyReply) =>
  (work: () => void): void => {
    if (raw.closed || raw.destroyed) work();
    else raw.once('close', work);
  };
