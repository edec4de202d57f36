/**
 * HTTP upgrades become connections:
 *
 *   upgrade ─► asked rightly? ─► room on the pod, for the address? ─► who is it? ─► their room, one too many of theirs? ─► 101
 *
 * Who is not let in gets a problem (RFC 9457) before any upgrade. While nobody knows yet who it is, its socket is not read, so
 * what it sends early waits in the kernel and is taken once; it counts as a connection, and there is an end to the waiting: an answer,
 * the time, the door's closing, or its client's going.
 * The stream ends with the subscription: the hub's `takeUntil(shutdown$)` closes the door.
 */
import { Chain, type Either, isLeft, left, mapLeft } from 'fp-ts/lib/Either.js';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  defaultIfEmpty,
  finalize,
  map,
  Observable,
  of,
  Subject,
  take,
  takeUntil,
  timeout,
} from 'rxjs';
import { WebSocket, WebSocketServer } from 'ws';
import { clientAddress } from '../auth/client-address.js';
import { identityOf, SUBPROTOCOL } from '../auth/credentials.js';
import { type Identity, problemOf } from '../auth/index.js';
import { connectionQuota } from '../auth/connection-quota.js';
import type { Config } from '../config/index.js';
import { CLOSE } from '../protocol/close-codes.js';
import type { Connection } from './connection.js';
import { type Admission, connection, type ConnectionDeps } from './socket-connection.js';
import { requesterOf, originText } from './requester.js';
import type { Requester, HubEvent } from '../hub-event.js';
import { admission, handshake, ORIGIN_REFUSED, targetWithoutToken } from './handshake.js';
import { type Handshake, hasHooks } from '../hooks.js';
import { answerSocket, type Problem, problem } from '../protocol/problem.js';
import { destroy, type UpgradeOffer, routeUpgrades } from './upgrade-router.js';

export interface AcceptDeps extends ConnectionDeps {
  readonly config: Config;
  readonly server: Server;
  /** Whether the server is the embedding program's. */
  readonly isLent: boolean;
  readonly draining: () => boolean;
  /** The server is let go of then. */
  readonly ended$: Observable<unknown>;
  readonly emit: (event: HubEvent) => void;
}

/** Contract section 3: a close that the peer does not answer is followed by cutting the socket. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Contract section 3, 1008. ws' default of 16,384 held 35 MB for 2.2 MB of one-byte fragments. */
const MAX_FRAGMENTS = 64;
const RETRY_AFTER_S = '1';
const PROTOCOL = 'realtime.v1';

export const accept = (deps: AcceptDeps): Observable<Connection> =>
  new Observable<Connection>((subscriber) => {
    const { access, clock, config, isLent, server, emit } = deps;
    const { handshakeTimeoutMs, maxConnectionsPerAddress, maxConnectionsPerUser } = config.limits;
    const connect = connection(deps);
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: config.limits.maxMessageBytes,
      maxFragments: MAX_FRAGMENTS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      WebSocket: speaking(config.limits.maxMessageBytes),
      // ws would echo whatever is offered first
      handleProtocols: (offered: ReadonlySet<string>): string | false =>
        offered.has(PROTOCOL)
          ? PROTOCOL
          : ([...offered].find((protocol) => protocol.startsWith(SUBPROTOCOL)) ?? false),
    };
    const webSockets = new WebSocketServer(options);
    const origin = clientAddress(config.server.trustedProxies);
    const isBehindProxies = config.server.trustedProxies.length > 0;
    const ofAddress =
      maxConnectionsPerAddress === 0 ? undefined : connectionQuota(maxConnectionsPerAddress);
    const ofUser = maxConnectionsPerUser === 0 ? undefined : connectionQuota(maxConnectionsPerUser);
    const asksHooks = hasHooks(deps.hooks);
    const closed$ = new Subject<void>();
    let waiting = 0;

    // what is left for ws to find wrong is the offer of subprotocols
    webSockets.on('wsClientError', (_error: Error, stream: Duplex, request: IncomingMessage) => {
      if (stream instanceof Socket)
        refuse(
          request,
          stream,
          problem(400, 'Sec-WebSocket-Protocol: send a list of tokens, separated by commas'),
        );
    });

    const handshakeOf = (request: IncomingMessage, socket: Socket): Handshake => ({
      url: targetWithoutToken(request),
      headers: request.headers,
      address: origin(request, socket.remoteAddress ?? ''),
    });

    const upgrade = ({ request, socket, head, isTaken }: UpgradeOffer): void => {
      const asked = handshake(request, config);
      if (isLeft(asked)) return refuse(request, socket, asked.left);
      const full = capacityFault(deps, waiting);
      if (full !== undefined) return refuse(request, socket, full);
      // asked only where wanted: node keeps the address, 0.3 kB a socket
      const leave = ofAddress?.(origin(request, socket.remoteAddress ?? ''));
      if (ofAddress !== undefined && leave === undefined)
        return refuse(request, socket, tooMany('address', maxConnectionsPerAddress));
      if (leave !== undefined) socket.once('close', leave);
      waiting++;
      const known$ = identified(request, socket, isTaken).pipe(finalize(() => waiting--));
      // ended by the door's closing, not by its going: who waits there is answered
      // eslint-disable-next-line rxjs-x/no-ignored-subscription
      known$.subscribe((identity) => {
        // meanwhile
        if (isTaken()) return lost(socket, leave);
        const handshaken = asksHooks ? handshakeOf(request, socket) : undefined;
        const admitted = Chain.chain(identity, (who) => admission(asked.right, who, handshaken));
        const refusal = isLeft(admitted)
          ? admitted.left
          : enter(request, socket, head, admitted.right);
        if (refusal === undefined) return;
        leave?.();
        refuse(request, socket, refusal);
      });
    };

    const lost = (socket: Socket, leave: (() => void) | undefined): void => {
      leave?.();
      socket.off('error', destroy);
      emit({ _tag: 'UpgradeTaken' });
    };

    /** Who it is, or why nobody can say: in time, and before the door closes. Emits once; not at all when its client goes before. */
    const identified = (
      request: IncomingMessage,
      socket: Socket,
      isTaken: UpgradeOffer['isTaken'],
    ): Observable<Either<Problem, Identity>> => {
      const identity$ = identityOf(access, request).pipe(map(mapLeft(problemOf)), take(1));
      if (!access.enabled) return identity$;
      // the HTTP server's own timeout would end it without an answer
      socket.setTimeout(0);
      return identity$.pipe(
        timeout({
          first: handshakeTimeoutMs,
          scheduler: clock.scheduler,
          with: () => of(left(problemOf({ _tag: 'Unavailable' }))),
        }),
        takeUntil(closed$),
        defaultIfEmpty(left(DRAINING)),
        takeUntil(goneOf(socket, isTaken)),
      );
    };

    const enter = (
      request: IncomingMessage,
      socket: Socket,
      head: Buffer,
      admitted: Admission,
    ): Problem | undefined => {
      const { userId } = admitted.identity;
      if (userId !== null && ofUser !== undefined) {
        const leave = ofUser(userId);
        if (leave === undefined) return tooMany('user', maxConnectionsPerUser);
        if (socket.destroyed) leave();
        else socket.once('close', leave);
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        // ws listens from here, and a listener too many costs an array a connection
        socket.off('error', destroy);
        const address = isBehindProxies ? origin(request, socket.remoteAddress ?? '') : undefined;
        subscriber.next(connect(webSocket, socket, { ...admitted, address }));
      });
      return undefined;
    };

    const refuse = (request: IncomingMessage, socket: Socket, refusal: Problem): void => {
      const { status, detail: reason } = refusal;
      const asker = (): Requester => requesterOf(request, socket, origin);
      emit({ _tag: 'HandshakeRefused', status, reason, requester: asker });
      if (refusal === ORIGIN_REFUSED)
        emit({ _tag: 'OriginRefused', origin: originText(request.headers.origin ?? '') });
      answerSocket(socket, refusal, deps.clock.scheduler);
    };

    const cutOff = (request: IncomingMessage, socket: Socket): void => {
      const reason = 'an upgrade behind a request that waits for its answer';
      const asker = (): Requester => requesterOf(request, socket, origin);
      emit({ _tag: 'HandshakeRefused', status: 400, reason, requester: asker });
      socket.destroy();
    };

    // the door is closed, and says so, until the app has ended
    let isOpen = true;
    const leaveServer = routeUpgrades(server, clock, {
      basePath: config.server.basePath,
      isOpen: () => isOpen,
      handle: (offer) => (isOpen ? upgrade(offer) : refuse(offer.request, offer.socket, DRAINING)),
      lost: () => emit({ _tag: 'UpgradeTaken' }),
      // the answer before is the embedding program's
      cutOff: isLent ? undefined : cutOff,
    });
    return () => {
      isOpen = false;
      closed$.next();
      // it ends with the app, not with the connections
      deps.ended$.pipe(take(1)).subscribe(leaveServer);
    };
  });

/** ws closes on a message that is too big by itself, and gives no reason. */
const speaking = (maxMessageBytes: number): typeof WebSocket =>
  class extends WebSocket {
    public override close(code?: number, reason?: string | Buffer): void {
      const isOurs = code === CLOSE.tooBig.code && reason === undefined;
      super.close(code, isOurs ? `message over ${maxMessageBytes} bytes` : reason);
    }
  };

/**
 * Its client has gone while nobody reads from the socket: what node notices by itself. It does not where early frames wait in
 * front of the end, or more of them than it takes unasked: those keep their place until they are answered.
 */
const goneOf = (socket: Socket, isTaken: UpgradeOffer['isTaken']): Observable<void> =>
  new Observable<void>((subscriber) => {
    const go = (): void => {
      // half of it may be open yet; it has nothing more to say and cannot have said a frame
      if (!isTaken()) socket.destroy();
      subscriber.next();
    };
    if (socket.destroyed) return go();
    socket.once('end', go).once('close', go);
    return () => socket.off('end', go).off('close', go);
  });

const DRAINING = problem(
  503,
  'the server is shutting down; connect again, you will reach another instance',
  {
    'Retry-After': RETRY_AFTER_S,
  },
);

const tooMany = (of: 'address' | 'user', most: number): Problem =>
  problem(429, `too many connections of this ${of}: at most ${most}; close one first`, {
    'Retry-After': RETRY_AFTER_S,
  });

/** `waiting`: those who are not known yet take the places that they may need. */
const capacityFault = (
  { config, connections, draining }: AcceptDeps,
  waiting: number,
): Problem | undefined => {
  if (draining()) return DRAINING;
  if (connections.size + waiting < config.server.maxConnections) return undefined;
  return problem(
    503,
    `the server has its ${config.server.maxConnections} connections; retry later`,
    { 'Retry-After': RETRY_AFTER_S },
  );
};
