/**
 * The start of a connection. `command$` acts when it is subscribed, once, by the hub: it sends `welcome`,
 * calls `onConnect` and joins the global log and the URL's room. It is one hand-written Observable, as a
 * chain of operators for each connection would double its memory.
 *
 *   subscribed ─► welcome ─► onConnect ─► Join global ─► Join the URL's room ─► states of the token
 *
 * The global join of a client that resumes waits until the room has `joined` or `left`.
 *
 * Source: it subscribes to the states of the connection's token, and ends with `command$`.
 */
import { Observable, ReplaySubject, Subject } from 'rxjs';
import { TokenSession } from '../auth/token-session.js';
import { CLOSE } from '../protocol/close-codes.js';
import { GLOBAL } from '../protocol/position.js';
import type { Resume } from '../protocol/resume.js';
import { infoOf, notifyHook } from './application.js';
import type { Command, Membership } from './connection.js';
import { isResumed } from './control-id.js';
import { peerOf } from './lifecycle.js';
import { addMembership } from './memberships.js';
import { onAuthState } from './session.js';
import type { ConnectionState } from './state.js';

export const commandsOf = (connection: ConnectionState): Observable<Command> =>
  new Observable<Command>((subscriber) => {
    const { deps, admission, identity } = connection;
    const { room, resumes } = admission;
    connection.hub = subscriber;
    deps.emit({ _tag: 'Connected', peer: () => peerOf(connection) });
    const everybody = addMembership(connection, GLOBAL, resumes.global);
    const defaultRoom =
      room === undefined ? undefined : addMembership(connection, room, resumes.room);
    welcome(connection);
    const { onConnect } = deps.hooks;
    if (onConnect !== undefined)
      notifyHook(connection, 'onConnect', () => onConnect(infoOf(connection)));
    if (defaultRoom !== undefined && isResumed(resumes)) {
      connection.firstRoom$ = new Subject();
    }
    if (defaultRoom !== undefined && deps.catchUps.isLong(resumes))
      joinForetold(connection, everybody, defaultRoom);
    else {
      joinOnConnect(connection, everybody, resumes.global, connection.firstRoom$);
      if (defaultRoom !== undefined) joinOnConnect(connection, defaultRoom, resumes.room);
    }
    if (identity.expiresAt !== undefined) {
      const tokenSession = new TokenSession(identity, deps.expiries);
      connection.tokenSession = tokenSession;
      subscriber.add(tokenSession.state$.subscribe((now) => onAuthState(connection, now)));
    }
    // the hub has ended: the deadline of a shutdown
    return () => connection.close(CLOSE.goingAway);
  });

const welcome = (connection: ConnectionState): void => {
  const { server, limits } = connection.deps.config;
  connection.send({
    event: 'welcome',
    connection_id: connection.id,
    user_id: connection.userId,
    server_id: server.serverId,
    protocol: 1,
    limits: {
      message_bytes: limits.maxMessageBytes,
      buffer_messages: limits.sendBufferMessages,
      // after a pause, the client library sends as many messages at once as this number allows for a second:
      // so it must not be above the burst
      rate: Math.min(limits.rateLimitPerSecond, limits.rateLimitBurst),
    },
  });
};

/**
 * The gap of the global log is sent before the room sends anything. So a client that resumes with an id of
 * the room's replay was sent the gap before, and is not sent it again (catch-ups.ts).
 */
const joinForetold = (
  connection: ConnectionState,
  everybody: Membership,
  defaultRoom: Membership,
): void => {
  const { resumes } = connection.admission;
  const foretold$ = new ReplaySubject<void>(1);
  joinOnConnect(connection, everybody, resumes.global, connection.firstRoom$, (isGapSent) => {
    if (connection.hub === undefined) return;
    connection.catchingUp = connection.deps.catchUps.begin(defaultRoom.room, resumes, isGapSent);
    foretold$.next();
  });
  joinOnConnect(connection, defaultRoom, resumes.room, foretold$);
};

/** A join that the handshake asked for. */
const joinOnConnect = (
  { hub }: ConnectionState,
  membership: Membership,
  resume: Resume | undefined,
  after$?: Observable<unknown>,
  looked?: (isGapSent: boolean) => void,
): void => {
  const { room } = membership;
  membership.unansweredJoins++;
  const join = { _tag: 'Join', room, membership, isMember: false, resume } as const;
  hub?.next({ ...join, after$, looked, ref: undefined });
};

/** A join or leave was answered: the client has caught up with that log, or has left it. */
export const onMembershipAnswered = (
  connection: ConnectionState,
  membership: Membership | undefined,
): void => {
  if (membership?.room === GLOBAL) connection.catchingUp?.sent();
  const { firstRoom$ } = connection;
  if (firstRoom$ === undefined || membership?.room !== connection.admission.room) return;
  connection.firstRoom$ = undefined;
  firstRoom$.next();
};
