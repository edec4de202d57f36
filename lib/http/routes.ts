/** The HTTP surface (contract section 2): what is asked without a socket. Errors are problems (RFC 9457). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import { isRoomName, ROOM_RULE } from '../position.js';
import { type Problem, problem } from '../problem.js';
import type { Metrics } from './metrics.js';
import type { StatsFold } from './stats.js';

export type Readiness = 'starting' | 'ready' | 'degraded' | 'draining';

export interface RoutesDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly stats: StatsFold;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
}

export const routes =
  ({ config, clock, stats, metrics, readiness }: RoutesDeps) =>
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
      if (typeof room === 'string' && isRoomName(room)) return stats.now(room);
      return send(reply, problem(400, `room: expected ${ROOM_RULE}, got another text`));
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
      typeof room === 'string' && isRoomName(room)
        ? upgradeRequired(reply)
        : send(reply, problem(400, `room: expected ${ROOM_RULE}, got another text`)),
    );

    const unknown = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const path = request.url.split('?', 1)[0] ?? '';
      const known =
        allowed.get(path) ?? (path.startsWith(`${basePath}/ws/`) ? 'GET, HEAD' : undefined);
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

type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

const send = (reply: FastifyReply, { status, title, detail, headers }: Problem): FastifyReply =>
  reply
    .code(status)
    .headers(headers ?? {})
    .type('application/problem+json')
    .send(JSON.stringify({ status, title, detail }));
