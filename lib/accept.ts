/**
 * HTTP upgrades become connections. Who is not let in gets a problem (RFC 9457) before any upgrade; who is, is counted
 * from that moment. The stream ends with the subscription: the hub's `takeUntil(shutdown$)` closes the door.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Observable, type Subscription, take } from 'rxjs';
import { WebSocketServer } from 'ws';
import type { Config } from './config.js';
import type { Connection } from './command.js';
import { connection, type ConnectionDeps } from './connection.js';
import type { HubEvent } from './events.js';
import { handshake, isOurs, isWebSocket } from './handshake.js';
import { answerSocket, type Problem, problem } from './problem.js';

export interface AcceptDeps extends ConnectionDeps {
  readonly config: Config;
  readonly server: Server;
  /** Answer 404 to upgrades that are not for us; false where an application's own server may take them. */
  readonly alone: boolean;
  readonly draining: () => boolean;
  /** The server is let go of then. */
  readonly ended$: Observable<unknown>;
  readonly tell: (event: HubEvent) => void;
}

/** Contract section 3: a close that the peer does not answer is followed by cutting the socket. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Contract section 3, 1008. ws' default of 16,384 held 35 MB for 2.2 MB of one-byte fragments. */
const MAX_FRAGMENTS = 64;
const RETRY_AFTER_S = '1';
const PROTOCOL = 'realtime.v1';

export const accept = (deps: AcceptDeps): Observable<Connection> =>
  new Observable<Connection>((subscriber) => {
    const { config, server, tell } = deps;
    const connect = connection(deps);
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: config.limits.maxMessageBytes,
      maxFragments: MAX_FRAGMENTS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // ws would echo whatever is offered first
      handleProtocols: (offered: ReadonlySet<string>): string | false =>
        offered.has(PROTOCOL) ? PROTOCOL : false,
    };
    const webSockets = new WebSocketServer(options);

    // what is left for ws to find wrong is the offer of subprotocols
    webSockets.on('wsClientError', (_error: Error, stream: Duplex) => {
      if (stream instanceof Socket)
        refuse(
          stream,
          problem(400, 'Sec-WebSocket-Protocol: expected a list of tokens, got another text'),
        );
    });

    const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
      // from the first tick: an error without a listener would end the process
      stream.on('error', destroy);
      if (!(stream instanceof Socket)) return void stream.destroy();
      if (!isOurs(request, config.server.basePath)) {
        if (deps.alone) asRequest(deps, request, stream);
        return;
      }
      const full = capacityFault(deps);
      const admitted = handshake(request, config);
      if (isLeft(admitted)) return refuse(stream, admitted.left);
      if (full !== undefined) return refuse(stream, full);
      webSockets.handleUpgrade(request, stream, head, (webSocket) => {
        // ws listens from here, and a listener too many costs an array a connection
        stream.off('error', destroy);
        subscriber.next(connect(webSocket, stream, admitted.right));
      });
    };

    const refuse = (socket: Socket, refusal: Problem): void => {
      tell({ _tag: 'HandshakeRefused', status: refusal.status });
      answerSocket(socket, refusal);
    };

    server.on('upgrade', upgrade);
    const turnAway = (request: IncomingMessage, stream: Duplex): void => {
      stream.on('error', destroy);
      if (!(stream instanceof Socket)) return;
      if (isOurs(request, config.server.basePath)) refuse(stream, DRAINING);
      else if (deps.alone) asRequest(deps, request, stream);
    };

    // the door is closed, and says so, until the app has ended
    return () => {
      server.off('upgrade', upgrade);
      server.on('upgrade', turnAway);
      // it ends with the app, not with the connections
      deps.ended$.pipe(take(1)).subscribe(() => server.off('upgrade', turnAway));
    };
  });

/** Whoever offers an upgrade elsewhere (`curl --http2` does everywhere) may be answered as if it had not: RFC 9110 §7.8. */
const asRequest = (
  { clock, config, server, tell }: AcceptDeps,
  request: IncomingMessage,
  socket: Socket,
): void => {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  // the server has let go of this socket: no other timeout is left that would end it
  const cutIn = (ms: number): Subscription => clock.scheduler.schedule(() => socket.destroy(), ms);
  let cut = cutIn(config.limits.handshakeTimeoutMs);
  socket.once('close', () => cut.unsubscribe());
  response.on('finish', () => {
    const { statusCode: status } = response;
    if (status >= 400 && isWebSocket(request)) tell({ _tag: 'HandshakeRefused', status });
    socket.end();
    cut.unsubscribe();
    cut = cutIn(CLOSE_TIMEOUT_MS);
  });
  server.emit('request', request, response);
};

function destroy(this: Duplex): void {
  this.destroy();
}

const DRAINING = problem(503, 'expected a pod that takes connections, got one that is going away', {
  'Retry-After': RETRY_AFTER_S,
});

const capacityFault = ({ config, connections, draining }: AcceptDeps): Problem | undefined => {
  if (draining()) return DRAINING;
  if (connections.size < config.server.maxConnections) return undefined;
  return problem(
    503,
    `expected at most ${config.server.maxConnections} connections, got one more`,
    { 'Retry-After': RETRY_AFTER_S },
  );
};
