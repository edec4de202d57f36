/** The HTTP server of a pod: limits from the first byte on, and problems (RFC 9457) for what no route sees. */
import fastify, { type FastifyInstance } from 'fastify';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
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
  /** Requests whose answers are not out yet. */
  readonly requests: () => number;
  /** From now on the last answer on each socket closes it. Sockets without a request stay, as a proxy may be sending on one. */
  readonly leave: () => void;
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
  /** The answers that are owed. */
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
    // of answers that wait behind another, Node tells no end
    socket.once('close', () => begun.patience.unsubscribe());
    return begun;
  };
  const wait = (socket: Socket, of: InFlight): void => {
    of.patience.unsubscribe();
    if (of.count === 0) of.bodyMs = 0;
    else if (!socket.destroyed)
      of.patience = scheduler.schedule(() => socket.destroy(), ANSWER_MS + of.bodyMs);
  };
  /** False when there are too many: then its socket is gone. */
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
      // the one before is not the last on its socket any more
      if (of.count > 1 && of.latest !== undefined) of.latest.shouldKeepAlive = true;
      response.shouldKeepAlive = false;
    }
    of.latest = response;
    // what is still to come of the request has a time of its own
    if (hasBody(request)) of.bodyMs = limits.handshakeTimeoutMs;
    if (of.count === 1) wait(socket, of);
    response.once('close', () => {
      owed.delete(response);
      of.count--;
      if (of.count === 0) of.latest = undefined;
      wait(socket, of);
      // it had said before that it would stay open
      if (leaving && of.count === 0) socket.end();
    });
    return true;
  };
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
          // Node would answer with a bare 400
          requireHostHeader: false,
          // the check runs every 30 s by default: a slow handshake would live that much longer
          connectionsCheckingInterval: 1_000,
          // of a request that has begun: one that waits for its next request has the other time
          headersTimeout: limits.handshakeTimeoutMs,
          keepAliveTimeout: httpKeepAliveMs,
          requestTimeout: limits.handshakeTimeoutMs,
        },
        take,
      );
      // Node's 1,000 would hide the rest from every check; the headers' 16 KB are bound enough
      server.maxHeadersCount = 0;
      // whoever reads the body says 100 first: what is refused by its headers needs not be sent
      return (
        server
          .on('checkContinue', take)
          // nobody listens on its socket any more: an error without a listener would end the process
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
    // longer than any header block: what is no room's name is answered by us
    routerOptions: { maxParamLength: 65_536 },
    frameworkErrors: (_error, _request, reply) => {
      reply.hijack();
      refuse(reply.raw, problem(400, 'path: send percent-encoded UTF-8'));
    },
    clientErrorHandler: (error, socket) => {
      // whoever was answered and sends on is answered once
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      // what comes behind a last request is nobody's (RFC 9112 §9.6), and that one's answer is on its way
      const isOwed = (inFlight.get(socket)?.count ?? 0) > 0;
      if (error.code === 'HPE_CLOSED_CONNECTION' && isOwed) return;
      refuseSocket(socket, PARSER[error.code] ?? MALFORMED);
    },
  });
  return { http, requests: () => owed.size, leave };
};

/** Answers that one socket waits for, and until when the first of them is to be taken. */
interface InFlight {
  count: number;
  /** The last answer that the socket waits for. */
  latest: ServerResponse | undefined;
  /** Time for the bodies that come first. */
  bodyMs: number;
  patience: Subscription;
}

/** Requests that one socket may send ahead of their answers: each answer that waits is up to 12 kB. */
const MAX_IN_FLIGHT = 128;
const TOO_MANY = `more than ${MAX_IN_FLIGHT} requests on one connection wait for their answers`;
/** A peer that has not taken its answer by then is not waited for, though it takes a byte now and then. */
const ANSWER_MS = 30_000;

/** All that any path takes. */
export const METHODS = 'GET, HEAD, POST, DELETE';
const NO_TUNNEL = problem(405, 'method: expected one of this service, got CONNECT', {
  Allow: METHODS,
});
const MALFORMED = problem(400, 'expected an HTTP/1.1 request, got something else');

/** Where the parser's complaint is about more than the form. */
const PARSER: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: problem(431, 'headers: expected at most 16 KB, got more'),
  ERR_HTTP_REQUEST_TIMEOUT: problem(408, 'the request timed out before it was complete'),
};
