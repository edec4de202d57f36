/**
 * The HTTP surface: registers the table of endpoints, and what holds for all of them. Errors are problems
 * (RFC 9457).
 *
 *   request ─► origin noted ─► 404, 405, preflight ─► query ─► draining ─► authorize ─► handler ─► headers
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Auth } from '../auth/index.js';
import { clientAddress } from '../auth/client-address.js';
import type { Broker } from '../broker/index.js';
import { originText, requesterOf } from '../connection/requester.js';
import type { HubEvent, Requester } from '../hub-event.js';
import { named } from '../protocol/json.js';
import { isOriginAllowed } from '../protocol/origin.js';
import { type Problem, problem } from '../protocol/problem.js';
import { allow } from './allow.js';
import { authorized } from './authorize.js';
import { corsHeaders, isPreflight, preflightFault, preflightHeaders } from './cors.js';
import { demoEndpoints } from './demo-page.js';
import { documentEndpoints } from './document-endpoints.js';
import { AGAIN, type Endpoint, type Exchange } from './endpoint.js';
import type { HistoryHandler } from './history.js';
import type { Query } from './history-query.js';
import { operatorEndpoints } from './operator-endpoints.js';
import { podEndpoints, type PodEndpointsDeps } from './pod-endpoints.js';
import type { PublishHandler } from './publish.js';
import { refusing } from './refuse.js';
import { unreadable } from './request-body.js';
import { roomEndpoints } from './room-endpoints.js';
import { socketEndpoints } from './socket-endpoints.js';

export type { Readiness, Whole } from './pod-endpoints.js';

export interface RoutesDeps extends PodEndpointsDeps {
  readonly access: Auth;
  readonly history: HistoryHandler;
  readonly publishing: PublishHandler;
  readonly sendControl: Broker['sendControl'];
  readonly emit: (event: HubEvent) => void;
}

export const routes =
  (deps: RoutesDeps) =>
  (http: FastifyInstance): void => {
    const { config, clock, access, emit, readiness, publishing, sendControl } = deps;
    const { allowedOrigins, basePath, port, trustedProxies } = config.server;
    const documented: readonly Endpoint[] = [
      ...podEndpoints(deps),
      ...roomEndpoints(deps),
      ...operatorEndpoints({ basePath, publishing, sendControl }),
      ...socketEndpoints(basePath),
      ...demoEndpoints({ config }),
    ];
    const endpoints = [
      ...documented,
      ...documentEndpoints({ endpoints: documented, basePath, port, isSecured: access.enabled }),
    ];
    const { methodsOf, problemOf } = allow(endpoints, basePath);
    const refuseWith = refusing(clock);
    const address = clientAddress(trustedProxies);

    const refusal =
      (request: FastifyRequest, reply: FastifyReply): Exchange['refuse'] =>
      (why, more) => {
        // a client that has gone gets no refusal, so none is counted
        if (!reply.raw.destroyed) {
          const { status, detail: reason } = why;
          const requester = (): Requester => requesterOf(request.raw, request.raw.socket, address);
          emit({ _tag: 'RequestRefused', status, reason, requester });
        }
        // an answer that is sent while the body still arrives does not pass the framework's hooks
        const headers = { ...corsHeaders(request.headers, allowedOrigins), ...why.headers };
        return refuseWith(request, reply, { ...why, headers }, more);
      };

    const register = (endpoint: Endpoint): void => {
      const { method, path, parameters, refusedWhileDraining } = endpoint;
      const answer = authorized(access, endpoint);
      http.route<{ Querystring: Query; Params: Query }>({
        method,
        url: path,
        handler: (request, reply) => {
          const refuse = refusal(request, reply);
          const { query, params } = request;
          const wrong = unknownParameter(query, parameters);
          if (wrong !== undefined) return refuse(wrong);
          if (refusedWhileDraining === true && readiness() === 'draining') return refuse(DRAINING);
          return answer({ request, reply, query, params, refuse });
        },
      });
    };

    const unknown = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const path = request.url.split('?', 1)[0] ?? '';
      const methods = methodsOf(path);
      const refuse = refusal(request, reply);
      if (methods === undefined || !isPreflight(request.method, request.headers))
        return refuse(problemOf(request.method, path));
      const wrong = preflightFault(request.headers, allowedOrigins);
      return wrong === undefined
        ? reply.code(204).headers(preflightHeaders(methods)).send()
        : refuse(wrong);
    };

    // an endpoint reads the body itself: the framework would change it, or refuse what `protocol/` accepts
    http.removeAllContentTypeParsers();
    http.addContentTypeParser('*', (_request, _payload, done) => done(null));
    http.addHook('onSend', async (request, reply) => {
      reply
        .header('Cache-Control', 'no-store')
        .header('X-Content-Type-Options', 'nosniff')
        .headers(corsHeaders(request.headers, allowedOrigins));
    });
    // the request is answered all the same: the browser applies CORS and hides the answer from the page
    http.addHook('onRequest', ({ headers }, _reply, done) => {
      const { origin } = headers;
      if (origin !== undefined && !isOriginAllowed(headers, allowedOrigins))
        emit({ _tag: 'OriginRefused', origin: originText(origin) });
      done();
    });
    // runs before the body is read. `*` is no path, but the framework routes it to `/`
    http.addHook('onRequest', async (request, reply) =>
      request.is404 || request.raw.url === '*' ? unknown(request, reply) : undefined,
    );
    http.setNotFoundHandler(unknown);
    http.setErrorHandler((error: { readonly statusCode?: number }, request, reply) => {
      const status = error.statusCode ?? 500;
      // the framework refuses a Content-Type that is no media type before the endpoint sees the request
      const wrong = status === 415 ? unreadable(request.raw) : undefined;
      return refusal(request, reply)(wrong ?? problem(status, faultText(status)));
    });
    for (const endpoint of endpoints) register(endpoint);
  };

/** The text for an error of the framework or of a handler. */
const faultText = (status: number): string =>
  status < 500
    ? 'the request is not well-formed; check its headers'
    : 'the server failed at this request; send it again, and tell the operator if it fails again';

/** The query parameter of a token: a page cannot always set a header. */
const CREDENTIAL = 'token';

/** A misspelled query parameter must not be ignored. */
const unknownParameter = (
  query: Query,
  known: readonly string[] | undefined,
): Problem | undefined => {
  if (known === undefined) return undefined;
  const unknown = Object.keys(query).find((name) => name !== CREDENTIAL && !known.includes(name));
  if (unknown === undefined) return undefined;
  const some = known.length === 0 ? 'it takes none' : `it takes only ${known.join(', ')}`;
  return problem(400, `${named(unknown)}: no parameter of this endpoint; ${some}`);
};

const DRAINING = problem(
  503,
  'the server is shutting down; send the message again, another pod takes it',
  AGAIN,
);
