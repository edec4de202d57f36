/**
 * The HTTP server of a pod: limits from the first byte on, and problems (RFC 9457) for requests that reach no
 * route.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server as TcpServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import { clientAddress } from '../auth/client-address.js';
import { requesterOf } from '../connection/requester.js';
import type { Requester, HubEvent } from '../hub-event.js';
import { hasBody, hostFault } from '../connection/handshake.js';
import { corsHeaders } from './cors.js';
import { type Problem, problem } from '../protocol/problem.js';
import { answerSocket } from '../connection/answer-socket.js';
import { answerRequest } from './answer-request.js';

export interface HttpServer {
  readonly http: FastifyInstance;
  /** The number of requests whose answers are not sent yet. */
  readonly requests: () => number;
  /**
   * From now on each socket is closed after its last answer. Sockets without a request stay open, as a proxy
   * may be sending one.
   */
  readonly leave: () => void;
  /** The number of open sockets, WebSockets included. */
  readonly sockets: () => number;
  /**
   * From now on new sockets are refused, so a proxy sends their requests to another pod. Open sockets are
   * still answered: a request may be on its way on each of them.
   */
  readonly stopListening: () => void;
}

export const httpServer = (
  { limits, server: { allowedOrigins, httpKeepAliveMs, trustedProxies } }: Config,
  { scheduler }: Pick<Clock, 'scheduler'>,
  emit: (event: HubEvent) => void,
): HttpServer => {
  const address = clientAddress(trustedProxies);
  const refuse = (response: ServerResponse, why: Problem): void => {
    const { req } = response;
    const asker = (): Requester => requesterOf(req, req.socket, address);
    emit({ _tag: 'RequestRefused', status: why.status, reason: why.detail, requester: asker });
    const cors = corsHeaders(req.headers, allowedOrigins);
    answerRequest(response, { ...why, headers: { ...cors, ...why.headers } });
  };
  const refuseSocket = (socket: Socket, why: Problem): void => {
    emit({ _tag: 'RequestRefused', status: why.status, reason: why.detail, requester: undefined });
    answerSocket(socket, why, scheduler);
  };
  const inFlight = new WeakMap<Socket, InFlight>();
  /** The answers that are not sent yet. */
  const owed = new Set<ServerResponse>();
  let leaving = false;
  const leave = (): void => {
    leaving = true;
    for (const response of owed)
      if (inFlight.get(response.req.socket)?.latest === response) response.shouldKeepAlive = false;
  };
  const begin = (socket: Socket): InFlight => {
    const begun: InFlight = {
      count: 0,
      latest: undefined,
      bodyMs: 0,
      patience: Subscription.EMPTY,
    };
    inFlight.set(socket, begun);
    // Node emits no `close` for a pipelined response that never started
    socket.once('close', () => begun.patience.unsubscribe());
    return begun;
  };
  const wait = (socket: Socket, of: InFlight): void => {
    of.patience.unsubscribe();
    if (of.count === 0) of.bodyMs = 0;
    else if (!socket.destroyed)
      of.patience = scheduler.schedule(() => socket.destroy(), ANSWER_MS + of.bodyMs);
  };
  /** Returns false for a closed socket. A socket with too many requests is closed here. */
  const enter = (request: IncomingMessage, response: ServerResponse): boolean => {
    const { socket } = request;
    if (socket.destroyed) return false;
    const of = inFlight.get(socket) ?? begin(socket);
    if (of.count >= MAX_IN_FLIGHT) {
      const asker = (): Requester => requesterOf(request, socket, address);
      emit({ _tag: 'RequestRefused', status: 429, reason: TOO_MANY, requester: asker });
      socket.destroy();
      return false;
    }
    of.count++;
    owed.add(response);
    if (leaving) {
      // the earlier answer is no longer the last one on its socket
      if (of.count > 1 && of.latest !== undefined) of.latest.shouldKeepAlive = true;
      response.shouldKeepAlive = false;
    }
    of.latest = response;
    // the body has a time limit of its own
    if (hasBody(request)) of.bodyMs = limits.handshakeTimeoutMs;
    if (of.count === 1) wait(socket, of);
    response.once('close', () => {
      owed.delete(response);
      of.count--;
      if (of.count === 0) of.latest = undefined;
      wait(socket, of);
      // the header of this answer was sent before `leave`, and promised that the connection stays open
      if (leaving && of.count === 0) socket.end();
    });
    return true;
  };
  const open = new Set<Socket>();
  const http = fastify({
    serverFactory: (handler) => {
      const take = (request: IncomingMessage, response: ServerResponse): void => {
        if (!enter(request, response)) return;
        const badHost = hostFault(request);
        if (badHost === undefined) handler(request, response);
        else refuse(response, badHost);
      };
      const server = createServer(
        {
          // Node would answer with a 400 without a body
          requireHostHeader: false,
          // the default is 30 s: a slow handshake would live that much longer
          connectionsCheckingInterval: 1_000,
          // for a request that has begun; a socket that waits for its next request has another limit
          headersTimeout: limits.handshakeTimeoutMs,
          keepAliveTimeout: httpKeepAliveMs,
          requestTimeout: limits.handshakeTimeoutMs,
        },
        take,
      );
      // Node's limit of 1,000 would hide further headers from all checks; the 16 KB of all headers bound them
      server.maxHeadersCount = 0;
      // 100 Continue is sent by the code that reads the body: when a request is refused by its headers, its
      // client need not send the body
      return (
        server
          .on('connection', (socket) => {
            open.add(socket);
            socket.once('close', () => open.delete(socket));
          })
          .on('checkContinue', take)
          // an `error` event without a listener would end the process
          .on('connect', (_request: IncomingMessage, stream: Duplex) => {
            stream.on('error', () => stream.destroy());
            if (stream instanceof Socket) refuseSocket(stream, NO_TUNNEL);
          })
          .on('checkExpectation', (_request, response) =>
            refuse(response, problem(417, 'Expect: only 100-continue is supported')),
          )
      );
    },
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    // longer than all headers may be: so our own check sees every segment, even when it is no name of a room
    routerOptions: { maxParamLength: 65_536 },
    frameworkErrors: (_error, _request, reply) => {
      reply.hijack();
      refuse(reply.raw, problem(400, 'path: send percent-encoded UTF-8'));
    },
    clientErrorHandler: (error, socket) => {
      // the peer has gone, or was answered and goes on sending: there is nothing to answer
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      // after a request with `Connection: close`, further bytes belong to no request (RFC 9112 §9.6). The
      // answer to that request is on its way
      const isOwed = (inFlight.get(socket)?.count ?? 0) > 0;
      if (error.code === 'HPE_CLOSED_CONNECTION' && isOwed) return;
      refuseSocket(socket, PARSER[error.code] ?? MALFORMED);
    },
  });
  return {
    http,
    requests: () => owed.size,
    leave,
    sockets: () => open.size,
    // the method of HTTP servers would close the sockets that wait for a request, too
    stopListening: () => void TcpServer.prototype.close.call(http.server),
  };
};

/** The answers that one socket waits for, and the time limit of the first one. */
interface InFlight {
  count: number;
  /** The last answer that the socket waits for. */
  latest: ServerResponse | undefined;
  /**
   * The time limit of a body, when one of the requests that came since the socket was last idle has a body;
   * else 0. It is added to `ANSWER_MS`.
   */
  bodyMs: number;
  patience: Subscription;
}

/** How many requests a socket may send ahead of their answers: each waiting answer takes up to 12 kB. */
const MAX_IN_FLIGHT = 128;
const TOO_MANY = `more than ${MAX_IN_FLIGHT} requests on one connection wait for their answers`;
/** A peer that has not taken its answer by then is cut, even if it takes a byte from time to time. */
const ANSWER_MS = 30_000;

/** All methods that any path allows. */
export const METHODS = 'GET, HEAD, POST, DELETE';
const NO_TUNNEL = problem(405, `method: expected ${METHODS}, got CONNECT`, {
  Allow: METHODS,
});
const MALFORMED = problem(400, 'expected an HTTP/1.1 request, got something else');

/** Errors of the parser that are about more than the form. */
const PARSER: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: problem(431, 'headers: expected at most 16 KB, got more'),
  ERR_HTTP_REQUEST_TIMEOUT: problem(
    408,
    'the request was not complete in time; send head and body at once (HANDSHAKE_TIMEOUT_MS)',
  ),
};
