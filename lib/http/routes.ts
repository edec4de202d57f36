/** The HTTP surface (contract section 2): what is asked without a socket. Errors are problems (RFC 9457). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import { isRoomName, ROOM_RULE } from '../position.js';
import { type Problem, problem } from '../problem.js';
import type { History, Query } from './history.js';
import type { Metrics } from './metrics.js';
import type { StatsFold } from './stats.js';

export type Readiness = 'starting' | 'ready' | 'degraded' | 'draining';

export interface RoutesDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly stats: StatsFold;
  readonly metrics: Metrics;
  readonly history: History;
  readonly readiness: () => Readiness;
}

export const routes =
  ({ config, clock, stats, metrics, history, readiness }: RoutesDeps) =>
  (http: FastifyInstance): void => {
    const { basePath, serverId, readyRequiresBroker } = config.server;
    const allowed = new Map<string, string>();
    const get = (
      path: string,
      answer: (reply: FastifyReply, query: Query, params: Query) => unknown,
    ): void => {
      allowed.set(path, 'GET, HEAD');
      http.get<{ Querystring: Query; Params: Query }>(path, ({ query, params }, reply) =>
        answer(reply, query, params),
      );
    };

    http.addHook('onSend', async (_request, reply) => {
      reply.header('Cache-Control', 'no-store').header('X-Content-Type-Options', 'nosniff');
    });

    get('/health', () => ({
      status: 'healthy',
      server_id: serverId,
      timestamp: Math.floor(clock.wall() / 1000),
    }));

    get('/ready', (reply) => {
      const status = readiness();
      const fit = status === 'ready' || (status === 'degraded' && !readyRequiresBroker);
      return reply.code(fit ? 200 : 503).send({ status });
    });

    get('/metrics', async (reply) => reply.type(metrics.contentType).send(await metrics.text()));

    get(`${basePath}/ws/stats`, (reply, { room }) => {
      if (room === undefined) return stats.now();
      return isRoom(room) ? stats.now(room) : send(reply, NO_ROOM);
    });

    const rooms = `${basePath}/rooms`;
    get(`${rooms}/:room`, async (reply, _query, { room }) => {
      if (!isRoom(room)) return send(reply, NO_ROOM);
      const state = await history.state(room, stats.now(room).room?.connections ?? 0);
      return isLeft(state) ? send(reply, state.left) : state.right;
    });
    get(`${rooms}/:room/messages`, async (reply, query, { room }) => {
      if (!isRoom(room)) return send(reply, NO_ROOM);
      const messages = await history.messages(room, query, closedWith(reply));
      return isLeft(messages)
        ? send(reply, messages.left)
        : reply.type('application/json; charset=utf-8').send(messages.right);
    });

    const upgradeRequired = (reply: FastifyReply): FastifyReply =>
      send(
        reply,
        problem(426, 'Upgrade: expected websocket, got a request without', {
          Upgrade: 'websocket',
          Connection: reply.raw.shouldKeepAlive ? 'Upgrade' : 'Upgrade, close',
        }),
      );
    get(`${basePath}/ws`, upgradeRequired);
    get(`${basePath}/ws/*`, (reply, _query, { '*': room }) =>
      isRoom(room) ? upgradeRequired(reply) : send(reply, NO_ROOM),
    );

    const unknown = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const path = request.url.split('?', 1)[0] ?? '';
      const isNamed = path.startsWith(`${basePath}/ws/`) || isOfRooms(path, rooms);
      const known = allowed.get(path) ?? (isNamed ? 'GET, HEAD' : undefined);
      const methods = ['GET', 'HEAD'].includes(request.method) ? undefined : known;
      if (methods === undefined)
        return send(reply, problem(404, 'path: expected one of this service, got another'));
      return send(
        reply,
        problem(405, `method: expected ${methods}, got ${request.method}`, { Allow: methods }),
      );
    };
    http.setNotFoundHandler(unknown);
    // before the body is read: whatever is wrong with it, nobody wants it
    http.addHook('onRequest', async (request, reply) => {
      if (!request.is404) return;
      if (hasBody(request)) reply.header('Connection', 'close');
      return unknown(request, reply);
    });

    http.setErrorHandler((error: { readonly statusCode?: number }, _request, reply) => {
      const status = error.statusCode ?? 500;
      return send(
        reply,
        problem(
          status,
          status < 500 ? 'expected a well-formed request, got another' : 'the server failed',
        ),
      );
    });
  };

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined;

const isRoom = (room: Query[string]): room is string =>
  typeof room === 'string' && isRoomName(room);

const NO_ROOM = problem(400, `room: expected ${ROOM_RULE}, got another text`);

/** Whether a path names a room or its messages. */
const isOfRooms = (path: string, rooms: string): boolean =>
  path.startsWith(`${rooms}/`) && /^[^/]*(\/messages)?$/.test(path.slice(rooms.length + 1));

/** Runs a piece of work when the response has gone, or its client has: at once when that has been. */
const closedWith =
  ({ raw }: FastifyReply) =>
  (work: () => void): void => {
    if (raw.closed || raw.destroyed) work();
    else raw.once('close', work);
  };

const send = (reply: FastifyReply, { status, title, detail, headers }: Problem): FastifyReply =>
  reply
    .code(status)
    .headers(headers ?? {})
    .type('application/problem+json')
    .send(JSON.stringify({ status, title, detail }));
