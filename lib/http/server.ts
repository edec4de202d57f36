/** The HTTP server of a pod: limits from the first byte on, and problems (RFC 9457) for what no route sees. */
import fastify, { type FastifyInstance } from 'fastify';
import { createServer } from 'node:http';
import type { Config } from '../config.js';
import { answerSocket, problem } from '../problem.js';

export const httpServer = ({ limits }: Config): FastifyInstance =>
  fastify({
    serverFactory: (handler) =>
      createServer(
        {
          // the check runs every 30 s by default: a slow handshake would live that much longer
          connectionsCheckingInterval: 1_000,
          headersTimeout: limits.handshakeTimeoutMs,
          requestTimeout: limits.handshakeTimeoutMs,
        },
        handler,
      ),
    connectionTimeout: limits.handshakeTimeoutMs,
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    // longer than any header block: what is no room's name is answered by us
    routerOptions: { maxParamLength: 65_536 },
    frameworkErrors: (_error, _request, reply) => {
      const { status, title, detail } = problem(
        400,
        'path: expected percent-encoded UTF-8, got something else',
      );
      reply.hijack();
      reply.raw
        .writeHead(status, {
          'Cache-Control': 'no-store',
          'X-Content-Type-Options': 'nosniff',
          'Content-Type': 'application/problem+json',
        })
        .end(JSON.stringify({ status, title, detail }));
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || socket.destroyed) return;
      answerSocket(
        socket,
        problem(PARSER[error.code] ?? 400, 'expected an HTTP/1.1 request, got something else'),
      );
    },
  });

/** Where the parser's complaint is about more than the form. */
const PARSER: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
