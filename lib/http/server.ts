/** The HTTP server of a pod: limits from the first byte on, and problems (RFC 9457) for what no route sees. */
import fastify, { type FastifyInstance } from 'fastify';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Config } from '../config.js';
import type { HubEvent } from '../events.js';
import { answerRequest, answerSocket, type Problem, problem } from '../problem.js';

export const httpServer = (
  { limits }: Config,
  tell: (event: HubEvent) => void,
): FastifyInstance => {
  const refuse = (response: ServerResponse, why: Problem): void => {
    tell({ _tag: 'RequestRefused', status: why.status });
    answerRequest(response, why);
  };
  const refuseSocket = (socket: Socket, why: Problem): void => {
    tell({ _tag: 'RequestRefused', status: why.status });
    answerSocket(socket, why);
  };
  return fastify({
    serverFactory: (handler) => {
      const take = (request: IncomingMessage, response: ServerResponse): void => {
        if (request.headers.host === undefined && request.httpVersion === '1.1')
          refuse(response, problem(400, 'Host: expected one, got none'));
        else handler(request, response);
      };
      const server = createServer(
        {
          // Node would answer with a bare 400
          requireHostHeader: false,
          // the check runs every 30 s by default: a slow handshake would live that much longer
          connectionsCheckingInterval: 1_000,
          headersTimeout: limits.handshakeTimeoutMs,
          requestTimeout: limits.handshakeTimeoutMs,
        },
        take,
      );
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
            refuse(response, problem(417, 'Expect: expected 100-continue, got another')),
          )
      );
    },
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    // longer than any header block: what is no room's name is answered by us
    routerOptions: { maxParamLength: 65_536 },
    frameworkErrors: (_error, _request, reply) => {
      reply.hijack();
      refuse(reply.raw, problem(400, 'path: expected percent-encoded UTF-8, got something else'));
    },
    clientErrorHandler: (error, socket) => {
      // whoever was answered and sends on is answered once
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      refuseSocket(socket, PARSER[error.code] ?? MALFORMED);
    },
  });
};

const NO_TUNNEL = problem(405, 'method: expected one of this service, got CONNECT', {
  Allow: 'GET, HEAD, POST, DELETE',
});
const MALFORMED = problem(400, 'expected an HTTP/1.1 request, got something else');

/** Where the parser's complaint is about more than the form. */
const PARSER: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: problem(431, 'headers: expected at most 16 KB, got more'),
  ERR_HTTP_REQUEST_TIMEOUT: problem(408, 'expected all of the request in time, got a part of it'),
};
