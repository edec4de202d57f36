/**
 * HTTP upgrades become connections.
 *
 *   upgrade ─► handshake ─► pod, address, identity (admission.ts) ─► room allowed? ─► user's limit? ─► 101
 *                  └─────────────────┴───────────────────────────────────┴────────────────┴─► a problem
 *
 * A problem (RFC 9457) ends the request. After 101 there is a Connection.
 *
 * Until the answer the socket is not read: early frames wait in the kernel. The stream never completes: at
 * the shutdown the hub unsubscribes. From then until the end of the app every upgrade is refused with 503.
 *
 * Source: it makes a stream of the server's `upgrade` events, and subscribes to the look-up of each identity.
 */
import { Chain, isLeft } from 'fp-ts/lib/Either.js';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Observable, take } from 'rxjs';
import { WebSocket, WebSocketServer } from 'ws';
import { clientAddress } from '../auth/client-address.js';
import { SUBPROTOCOL } from '../auth/credentials.js';
import type { Config } from '../config/index.js';
import { type Handshake, hasHooks } from '../hooks.js';
import type { Requester } from '../hub-event.js';
import { CLOSE } from '../protocol/close-codes.js';
import { type Problem, problem } from '../protocol/problem.js';
import { answerSocket } from './answer-socket.js';
import { admissionControl, DRAINING, type Release } from './admission.js';
import type { Connection } from './connection.js';
import { admission, handshake, ORIGIN_REFUSED, targetWithoutToken } from './handshake.js';
import type { HandshakeTrace } from './handshake-trace.js';
import { originText, requesterOf } from './requester.js';
import { connection } from './socket-connection.js';
import type { Admission, ConnectionDeps } from './state.js';
import { destroy, routeUpgrades, type UpgradeOffer } from './upgrade-router.js';
import { endOnce } from './ws-internals.js';

export interface AcceptDeps extends ConnectionDeps {
  /** Undefined unless spans are made. */
  readonly handshakes: HandshakeTrace | undefined;
  readonly server: Server;
  /** Whether the server belongs to the embedding program. */
  readonly isLent: boolean;
  readonly draining: () => boolean;
  /** Emits when the app has ended: the server is given back. */
  readonly ended$: Observable<unknown>;
}

/**
 * When the peer does not answer a close within this time, the socket is terminated (docs/protocol.md, section
 * 7).
 */
const CLOSE_TIMEOUT_MS = 2_000;
/** More fragments close with 1008. ws' default of 16,384 held 35 MB for 2.2 MB of one-byte fragments. */
const MAX_FRAGMENTS = 64;
const PROTOCOL = 'realtime.v1';

export const accept = (deps: AcceptDeps): Observable<Connection> =>
  new Observable<Connection>((subscriber) => {
    const { access, clock, config, connections, draining, emit, handshakes, isLent, server } = deps;
    const connect = connection(deps);
    const webSockets = webSocketServer(config);
    const addressOf = clientAddress(config.server.trustedProxies);
    const isBehindProxies = config.server.trustedProxies.length > 0;
    const asksHooks = hasHooks(deps.hooks);
    const control = admissionControl({ access, clock, config, connections, draining, addressOf });

    // ws refuses a request that passed the checks of this service: an invalid Sec-WebSocket-Protocol
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
      address: addressOf(request, socket.remoteAddress ?? ''),
    });

    const upgrade = (offer: UpgradeOffer): void => {
      const { request, socket } = offer;
      handshakes?.begun(request);
      const asked = handshake(request, config);
      if (isLeft(asked)) return refuse(request, socket, asked.left);
      const reserved = control.reserve(request, socket);
      if (isLeft(reserved)) return refuse(request, socket, reserved.left);
      const release = reserved.right;
      // not tied to the subscription: on shutdown the look-up ends with a 503
      // eslint-disable-next-line rxjs-x/no-ignored-subscription
      control.identify(offer).subscribe((identity) => {
        // another listener took the socket while the identity was looked up
        if (offer.isTaken()) return lost(socket, release);
        const handshaken = asksHooks ? handshakeOf(request, socket) : undefined;
        const admitted = Chain.chain(identity, (who) => admission(asked.right, who, handshaken));
        const refusal = isLeft(admitted) ? admitted.left : enter(offer, admitted.right);
        if (refusal === undefined) return;
        release?.();
        refuse(request, socket, refusal);
      });
    };

    const lost = (socket: Socket, release: Release | undefined): void => {
      release?.();
      socket.off('error', destroy);
      emit({ _tag: 'UpgradeTaken' });
    };

    const enter = (
      { request, socket, head }: UpgradeOffer,
      admitted: Admission,
    ): Problem | undefined => {
      const tooMany = control.enter(admitted.identity.userId, socket);
      if (tooMany !== undefined) return tooMany;
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        // from here on ws listens for errors; with a second listener, Node would keep an array for each
        // connection
        socket.off('error', destroy);
        endOnce(socket);
        const address = isBehindProxies
          ? addressOf(request, socket.remoteAddress ?? '')
          : undefined;
        const connected = connect(webSocket, socket, { ...admitted, address });
        handshakes?.ended(request, 101, connected.id);
        subscriber.next(connected);
      });
      return undefined;
    };

    const refuse = (request: IncomingMessage, socket: Socket, refusal: Problem): void => {
      const { status, detail: reason } = refusal;
      const requester = (): Requester => requesterOf(request, socket, addressOf);
      emit({ _tag: 'HandshakeRefused', status, reason, requester });
      handshakes?.ended(request, status);
      if (refusal === ORIGIN_REFUSED)
        emit({ _tag: 'OriginRefused', origin: originText(request.headers.origin ?? '') });
      answerSocket(socket, refusal, clock.scheduler);
    };

    const cutOff = (request: IncomingMessage, socket: Socket): void => {
      const reason =
        'an upgrade came before the answer to an earlier request; send the upgrade on a new connection';
      const requester = (): Requester => requesterOf(request, socket, addressOf);
      emit({ _tag: 'HandshakeRefused', status: 400, reason, requester });
      socket.destroy();
    };

    let isOpen = true;
    const leaveServer = routeUpgrades(server, clock, {
      basePath: config.server.basePath,
      isOpen: () => isOpen,
      handle: (offer) => (isOpen ? upgrade(offer) : refuse(offer.request, offer.socket, DRAINING)),
      lost: () => emit({ _tag: 'UpgradeTaken' }),
      // with a lent server, the answer that the socket waits for is one of the embedding program
      cutOff: isLent ? undefined : cutOff,
    });
    return () => {
      isOpen = false;
      control.close();
      // until the app has ended, later upgrades are refused
      deps.ended$.pipe(take(1)).subscribe(leaveServer);
    };
  });

const webSocketServer = ({ limits }: Config): WebSocketServer => {
  const options = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    maxFragments: MAX_FRAGMENTS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    WebSocket: withReason(limits.maxMessageBytes),
    // ws would accept the first subprotocol of any offer
    handleProtocols: (offered: ReadonlySet<string>): string | false =>
      offered.has(PROTOCOL)
        ? PROTOCOL
        : ([...offered].find((protocol) => protocol.startsWith(SUBPROTOCOL)) ?? false),
  };
  return new WebSocketServer(options);
};

/** ws itself closes on a message that is too big, without a reason. */
const withReason = (maxMessageBytes: number): typeof WebSocket =>
  class extends WebSocket {
    public override close(code?: number, reason?: string | Buffer): void {
      const isOurs = code === CLOSE.tooBig.code && reason === undefined;
      super.close(code, isOurs ? `message over ${maxMessageBytes} bytes` : reason);
    }
  };
