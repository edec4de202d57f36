/**
 * Whether the pod accepts one more client, decided before the 101:
 *
 *   one more on the pod? ─► of the address? ─► who is it? ─► of the user?
 *
 * A client counts as a connection while its identity is looked up. When clients need credentials, the look-up
 * ends with an answer, after `HANDSHAKE_TIMEOUT_MS`, at the shutdown, or when the client goes.
 */
import { type Either, left, mapLeft, right } from 'fp-ts/lib/Either.js';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
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
import { connectionQuota } from '../auth/connection-quota.js';
import { identityOf } from '../auth/credentials.js';
import { type Auth, type Identity, problemOf } from '../auth/index.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import { type Problem, problem } from '../protocol/problem.js';
import type { UpgradeOffer } from './upgrade-router.js';

export interface AdmissionControlDeps {
  readonly access: Auth;
  readonly clock: Clock;
  readonly config: Config;
  readonly connections: ReadonlySet<unknown>;
  readonly draining: () => boolean;
  readonly addressOf: (request: IncomingMessage, peer: string) => string;
}

/** Releases what was reserved. */
export type Release = () => void;

export interface AdmissionControl {
  /**
   * Checks that the pod has space for one connection, and reserves one for the address, until the socket
   * closes or `Release` is called. Undefined: nothing was reserved.
   */
  readonly reserve: (
    request: IncomingMessage,
    socket: Socket,
  ) => Either<Problem, Release | undefined>;
  /** The identity, or why there is none. Emits once; not at all when the client goes first. */
  readonly identify: (offer: UpgradeOffer) => Observable<Either<Problem, Identity>>;
  /**
   * Counts one connection for the user until the socket closes. When the user may have no more: the reason.
   */
  readonly enter: (userId: string | null, socket: Socket) => Problem | undefined;
  /** Ends every look-up, as the server is shutting down. */
  readonly close: () => void;
}

const RETRY = { 'Retry-After': '1' };
/** The result of a reservation without a limit: nothing was counted. */
const UNLIMITED = right(undefined);

export const DRAINING = problem(
  503,
  'the server is shutting down; connect again, another pod takes the connection',
  RETRY,
);

export const admissionControl = (deps: AdmissionControlDeps): AdmissionControl => {
  const { access, clock, config, connections, addressOf } = deps;
  const { handshakeTimeoutMs, maxConnectionsPerAddress, maxConnectionsPerUser } = config.limits;
  const ofAddress =
    maxConnectionsPerAddress === 0 ? undefined : connectionQuota(maxConnectionsPerAddress);
  const ofUser = maxConnectionsPerUser === 0 ? undefined : connectionQuota(maxConnectionsPerUser);
  const closed$ = new Subject<void>();
  /** The number of clients whose identity is being looked up. */
  let pending = 0;

  const capacityFault = (): Problem | undefined => {
    const { maxConnections } = config.server;
    if (deps.draining()) return DRAINING;
    if (connections.size + pending < maxConnections) return undefined;
    return problem(
      503,
      `the server is full: it has ${maxConnections} connections, the most that it takes; retry later`,
      RETRY,
    );
  };

  const bounded = (
    identity$: Observable<Either<Problem, Identity>>,
    socket: Socket,
    isTaken: UpgradeOffer['isTaken'],
  ): Observable<Either<Problem, Identity>> => {
    // the HTTP server's own timeout would end the socket without an answer
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

  return {
    reserve: (request, socket) => {
      const full = capacityFault();
      if (full !== undefined) return left(full);
      // read only when it is needed: Node keeps the address of a socket once it was read, 0.3 kB
      if (ofAddress === undefined) return UNLIMITED;
      const release = ofAddress(addressOf(request, socket.remoteAddress ?? ''));
      if (release === undefined) return left(tooMany('address', maxConnectionsPerAddress));
      socket.once('close', release);
      return right(release);
    },
    identify: ({ request, socket, isTaken }) => {
      pending++;
      const identity$ = identityOf(access, request).pipe(map(mapLeft(problemOf)), take(1));
      const answer$ = access.enabled ? bounded(identity$, socket, isTaken) : identity$;
      return answer$.pipe(finalize(() => pending--));
    },
    enter: (userId, socket) => {
      if (userId === null || ofUser === undefined) return undefined;
      const release = ofUser(userId);
      if (release === undefined) return tooMany('user', maxConnectionsPerUser);
      if (socket.destroyed) release();
      else socket.once('close', release);
      return undefined;
    },
    close: () => closed$.next(),
  };
};

/**
 * Emits when the client goes while the socket is not read, as far as Node notices that. Node does not notice
 * it while frames of the client wait to be read. Such a client counts until it is answered.
 */
const goneOf = (socket: Socket, isTaken: UpgradeOffer['isTaken']): Observable<void> =>
  new Observable<void>((subscriber) => {
    const go = (): void => {
      // the socket may still be half open; the client sends nothing more and cannot have sent a frame
      if (!isTaken()) socket.destroy();
      subscriber.next();
    };
    if (socket.destroyed) return go();
    socket.once('end', go).once('close', go);
    return () => socket.off('end', go).off('close', go);
  });

const tooMany = (of: 'address' | 'user', most: number): Problem =>
  problem(429, `too many connections of this ${of}: at most ${most}; close one first`, RETRY);
