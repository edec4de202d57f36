/** The HTTP surface (contract section 2): what is asked and said without a socket. Errors are problems (RFC 9457). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Either, isLeft, left, mapLeft, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom } from 'rxjs';
import { identityOf } from '../auth/credentials.js';
import {
  type Auth,
  ADMIN_NEEDED,
  type Identity,
  mayJoin,
  problemOf,
  ROOM_FORBIDDEN,
} from '../auth/index.js';
import type { Broker } from '../broker/index.js';
import { type Disconnect, isTargetId, TARGET_RULES } from '../broker/control-command.js';
import type { Clock } from '../clock.js';
import { named } from '../protocol/json.js';
import type { Config } from '../config/index.js';
import { clientAddress } from '../auth/client-address.js';
import { requesterOf, originText } from '../connection/requester.js';
import type { Requester, HubEvent } from '../hub-event.js';
import { isOriginAllowed } from '../protocol/origin.js';
import { isRoomName, type Room, ROOM_RULE } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';
import { SLASH } from '../connection/handshake.js';
import { requestBodies, unreadable } from './request-body.js';
import { unknownPath } from './endpoints.js';
import { corsHeaders, isPreflight, preflightFault, preflightHeaders } from './cors.js';
import { frontPage } from './front-page.js';
import type { HistoryHandler, Query } from './history.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { PublishHandler } from './publish.js';
import { refusing } from './refuse.js';
import { cachedRender } from '../telemetry/cached-metrics.js';
import { METHODS } from './server.js';
import type { StatsFold } from '../telemetry/stats.js';

/** What `GET /ready` says: `degraded` reaches this pod's members alone, `draining` takes nobody any more. */
export type Readiness = 'starting' | 'ready' | 'degraded' | 'draining';

export interface RoutesDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly access: Auth;
  readonly stats: StatsFold;
  readonly metrics: Metrics;
  readonly history: HistoryHandler;
  readonly publishing: PublishHandler;
  readonly sendControl: Broker['sendControl'];
  readonly readiness: () => Readiness;
  readonly emit: (event: HubEvent) => void;
}

/** A request that may be answered: what it asks with, and the two ways to answer it. */
interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: Query;
  readonly params: Query;
  readonly refuse: (problem: Problem, more?: Readonly<Record<string, unknown>>) => FastifyReply;
}

export const routes =
  ({ config, clock, access, emit, readiness, ...deps }: RoutesDeps) =>
  (http: FastifyInstance): void => {
    const { stats, metrics, history, publishing, sendControl } = deps;
    const { allowedOrigins, basePath, serverId, readyRequiresBroker } = config.server;
    const refuseWith = refusing(clock);
    const address = clientAddress(config.server.trustedProxies);
    const allowed: (readonly [path: RegExp, methods: string])[] = [];
    const endpoints: string[] = [];

    const refusal =
      (request: FastifyRequest, reply: FastifyReply): Asked['refuse'] =>
      (why, more) => {
        // who has gone was refused nothing
        if (!reply.raw.destroyed) {
          const asker = (): Requester => requesterOf(request.raw, request.raw.socket, address);
          emit({
            _tag: 'RequestRefused',
            status: why.status,
            reason: why.detail,
            requester: asker,
          });
        }
        // an answer to a body that is still on the way does not pass the framework's hooks
        const headers = { ...corsHeaders(request.headers, allowedOrigins), ...why.headers };
        return refuseWith(request, reply, { ...why, headers }, more);
      };

    const on =
      (method: 'GET' | 'POST' | 'DELETE') =>
      (path: string, answer: (asked: Asked) => unknown, parameters = TOLERANT): void => {
        const pattern = path.replaceAll(/\.|\*|:\w+/g, (part) => PATTERNS[part] ?? '[^/]*');
        endpoints.push(`${method} ${path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{room}')}`);
        allowed.push([new RegExp(`^${pattern}$`), method === 'GET' ? 'GET, HEAD' : method]);
        http.route<{ Querystring: Query; Params: Query }>({
          method,
          url: path,
          handler: (request, reply) => {
            const refuse = refusal(request, reply);
            const { query, params } = request;
            const wrong = unknownParameter(query, parameters);
            return wrong === undefined
              ? answer({ request, reply, query, params, refuse })
              : refuse(wrong);
          },
        });
      };
    const [get, post, remove] = [on('GET'), on('POST'), on('DELETE')];

    // access

    const whoIs = async ({ request }: Asked): Promise<Either<Problem, Identity>> =>
      mapLeft(problemOf)(await firstValueFrom(identityOf(access, request.raw)));

    const operatorOf = async (asked: Asked): Promise<Either<Problem, Identity>> => {
      const who = await whoIs(asked);
      return isLeft(who) || who.right.rights.admin ? who : left(ADMIN_NEEDED);
    };

    const readable = async (asked: Asked): Promise<Either<Problem, Room>> => {
      const who = await whoIs(asked);
      if (isLeft(who)) return who;
      const { room } = asked.params;
      if (!isRoom(room)) return left(NO_ROOM);
      return mayJoin(who.right.rights, room) ? right(room) : left(ROOM_FORBIDDEN);
    };

    // the pod

    http.addHook('onSend', async (request, reply) => {
      reply
        .header('Cache-Control', 'no-store')
        .header('X-Content-Type-Options', 'nosniff')
        .headers(corsHeaders(request.headers, allowedOrigins));
    });

    get('/health', () => ({
      status: 'healthy',
      server_id: serverId,
      timestamp: Math.floor(clock.wall() / 1000),
    }));

    const page = frontPage(basePath);
    get('/', ({ request, reply, refuse }) =>
      // `GET *` names no path, and is routed here
      request.raw.url === '*'
        ? refuse(problem(404, unknownPath('*', basePath, endpoints)))
        : reply.type('text/html; charset=utf-8').send(page),
    );

    get('/ready', ({ reply }) => {
      const status = readiness();
      const fit = status === 'ready' || (status === 'degraded' && !readyRequiresBroker);
      return reply.code(fit ? 200 : 503).send({ status });
    });

    const scrape = cachedRender(metrics.text, () => clock.scheduler.now());
    get('/metrics', async ({ reply }) => reply.type(metrics.contentType).send(await scrape()));

    get(
      `${basePath}/ws/stats`,
      async (asked) => {
        const who = await whoIs(asked);
        if (isLeft(who)) return asked.refuse(who.left);
        const { room } = asked.query;
        if (room === undefined) return stats.now();
        return isRoom(room) ? stats.now(room) : asked.refuse(NO_ROOM);
      },
      ['room'],
    );

    // rooms

    get(
      `${basePath}/rooms/:room`,
      async (asked) => {
        const room = await readable(asked);
        if (isLeft(room)) return asked.refuse(room.left);
        const own = stats.now(room.right).room?.connections ?? 0;
        const state = await history.state(room.right, own);
        return isLeft(state) ? asked.refuse(state.left) : state.right;
      },
      [],
    );

    get(
      `${basePath}/rooms/:room/messages`,
      async (asked) => {
        const room = await readable(asked);
        if (isLeft(room)) return asked.refuse(room.left);
        const messages = await history.messages(room.right, asked.query, closedWith(asked.reply));
        if (isLeft(messages)) return asked.refuse(messages.left);
        const { raw } = asked.reply;
        // what is held for an answer is held from others: whoever takes nothing of it is let go of
        raw.setTimeout(config.limits.handshakeTimeoutMs, () => raw.destroy());
        return asked.reply.type('application/json; charset=utf-8').send(messages.right);
      },
      ['after', 'before', 'limit'],
    );

    // speaking

    const { read } = requestBodies();
    // ours read the body; the framework's would change it, or refuse what the codec takes
    http.removeAllContentTypeParsers();
    http.addContentTypeParser('*', (_request, _payload, done) => done(null));

    post(
      `${basePath}/messages`,
      async (asked) => {
        const { request, reply, refuse } = asked;
        if (readiness() === 'draining') return refuse(DRAINING);
        const who = await operatorOf(asked);
        if (isLeft(who)) return refuse(who.left);
        const wrong = unreadable(request.raw);
        if (wrong !== undefined) return refuse(wrong);
        const done = await read(request.raw, reply.raw, (body) => publishing(body, who.right));
        if (isLeft(done)) return done.left === undefined ? reply.hijack() : refuse(done.left);
        if (isLeft(done.right)) {
          const { problem: why, ids } = done.right.left;
          return refuse(why, ids === undefined ? {} : { ids });
        }
        return reply.code(202).send(done.right.right);
      },
      [],
    );

    const disconnect = (whom: Disconnect['whom']) => async (asked: Asked) => {
      const who = await operatorOf(asked);
      if (isLeft(who)) return asked.refuse(who.left);
      const { id } = asked.params;
      if (typeof id !== 'string' || !isTargetId(whom, id))
        return asked.refuse(problem(400, `${whom}: send ${TARGET_RULES[whom]}`));
      const said = await firstValueFrom(sendControl({ _tag: 'Disconnect', whom, id }));
      return isLeft(said)
        ? asked.refuse(UNTOLD)
        : asked.reply.code(202).send({ status: 'accepted' });
    };
    remove(`${basePath}/connections/:id`, disconnect('connection'), []);
    remove(`${basePath}/users/:id/connections`, disconnect('user'), []);

    // sockets, and what is none of these

    const upgradeRequired = ({ reply, refuse }: Asked): FastifyReply =>
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
    get(`${basePath}/ws`, upgradeRequired);
    get(`${basePath}/ws/*`, (asked) =>
      isRoom(asked.params['*'])
        ? upgradeRequired(asked)
        : asked.refuse(/(^|\/)$/.test(String(asked.params['*'])) ? SLASHED : NO_ROOM),
    );

    // no path: the server as a whole (RFC 9110 §9.3.7)
    allowed.push([/^\*$/, METHODS]);

    const unknown = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const path = request.url.split('?', 1)[0] ?? '';
      const methods = allowed.find(([pattern]) => pattern.test(path))?.[1];
      const refuse = refusal(request, reply);
      if (methods !== undefined && isPreflight(request.method, request.headers)) {
        const wrong = preflightFault(request.headers, allowedOrigins);
        return wrong === undefined
          ? reply.code(204).headers(preflightHeaders(methods)).send()
          : refuse(wrong);
      }
      return refuse(
        methods === undefined || methods.split(', ').includes(request.method)
          ? problem(404, unknownPath(path, basePath, endpoints))
          : problem(405, `method: expected ${methods}, got ${request.method}`, { Allow: methods }),
      );
    };
    http.setNotFoundHandler(unknown);
    // answered all the same (CORS is the browser's), and its page sees nothing of it
    http.addHook('onRequest', ({ headers }, _reply, done) => {
      const { origin } = headers;
      if (origin !== undefined && !isOriginAllowed(headers, allowedOrigins))
        emit({ _tag: 'OriginRefused', origin: originText(origin) });
      done();
    });
    // before the body is read: whatever is wrong with it, nobody wants it
    http.addHook('onRequest', async (request, reply) =>
      request.is404 ? unknown(request, reply) : undefined,
    );

    http.setErrorHandler((error: { readonly statusCode?: number }, request, reply) => {
      const status = error.statusCode ?? 500;
      return refusal(
        request,
        reply,
      )(problem(status, status < 500 ? 'the request is not well-formed' : 'the server failed'));
    });
  };

/** What a route's path says in a regular expression; a parameter is one segment. */
const PATTERNS: Readonly<Record<string, string>> = { '.': '\\.', '*': '.*' };

const isRoom = (room: Query[string]): room is string =>
  typeof room === 'string' && isRoomName(room);

/** Parameters are looked at by nobody: an endpoint that monitors ask, or that a handshake ends at. */
const TOLERANT: readonly string[] | undefined = undefined;

/** The token stands in the query where a page can set no header. */
const CREDENTIAL = 'token';

/** A typo in a query must not be answered as if it were not there. */
const unknownParameter = (
  query: Query,
  known: readonly string[] | undefined,
): Problem | undefined => {
  if (known === undefined) return undefined;
  const unknown = Object.keys(query).find((name) => name !== CREDENTIAL && !known.includes(name));
  if (unknown === undefined) return undefined;
  const some = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`;
  return problem(400, `${named(unknown)}: no parameter of this endpoint; ${some}`);
};

const SLASHED = problem(400, SLASH);
const NO_ROOM = problem(400, `room: a name has ${ROOM_RULE}`);

const AGAIN = { 'Retry-After': '1' };
const DRAINING = problem(
  503,
  'the server is shutting down; send the message again, another instance takes it',
  AGAIN,
);
const UNTOLD = problem(
  503,
  'the other pods could not be told; the connections of this pod were closed. Send the request again',
  AGAIN,
);

/** Runs a piece of work when the response has gone, or its client has: at once when that has been. */
const closedWith =
  ({ raw }: FastifyReply) =>
  (work: () => void): void => {
    if (raw.closed || raw.destroyed) work();
    else raw.once('close', work);
  };
