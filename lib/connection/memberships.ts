/**
 * The rooms of a connection: one membership each, the global log included. A membership exists from the
 * moment when the join was requested. The room decides about its further states.
 */
import { mayJoin, mayPublish, type Identity } from '../auth/index.js';
import { CLOSE } from '../protocol/close-codes.js';
import { GLOBAL, interned, NO_POSITION, type Position, type Room } from '../protocol/position.js';
import { type Resume, untoldOf } from '../protocol/resume.js';
import type { LeaveReason } from '../protocol/system-event.js';
import type { Membership } from './connection.js';
import { beginWait, endWait, takePaused } from './pace.js';
import {
  forbidden,
  globalLeave,
  joinsTooOften,
  joinsUnanswered,
  MAX_UNANSWERED_JOINS,
  tooManyRooms,
} from './refusals.js';
import { refuse } from './sender.js';
import type { ConnectionState } from './state.js';
import { replayRates, TokenBucket } from './token-bucket.js';

/** The room of a message that names none. */
export const defaultRoom = ({ admission }: ConnectionState): Room => admission.room ?? GLOBAL;

/**
 * A join that the client asks for. For a replay, which one small message asks for, the pod reads the log and
 * may send all of it. So replays have a rate limit of their own. Beyond it, a join of a new room waits, and
 * all later frames wait behind it. A join of a room that the client is in is refused, and the error contains
 * when to ask again.
 */
export const join = (
  connection: ConnectionState,
  room: Room,
  ref: string | undefined,
  resume: Resume | undefined,
): void => {
  const { clock, config } = connection.deps;
  const known = connection.memberships.get(room);
  if (known !== undefined && known.unansweredJoins >= MAX_UNANSWERED_JOINS)
    return refuse(connection, joinsUnanswered(ref));
  if (resume === undefined) return submitJoin(connection, room, ref, resume);
  const now = clock.scheduler.now();
  const rooms = config.limits.maxRoomsPerConnection;
  connection.replayBucket ??= new TokenBucket(replayRates(rooms), now);
  const waitMs = connection.replayBucket.take(0, now);
  if (waitMs === 0) return submitJoin(connection, room, ref, resume);
  if (known !== undefined) return refuse(connection, joinsTooOften(ref, waitMs));
  beginWait(connection);
  connection.hub?.add(
    clock.scheduler.schedule(() => {
      endWait(connection);
      join(connection, room, ref, resume);
      takePaused(connection);
    }, waitMs),
  );
};

const submitJoin = (
  connection: ConnectionState,
  room: Room,
  ref: string | undefined,
  resume: Resume | undefined,
): void => {
  const { memberships } = connection;
  const { maxRoomsPerConnection } = connection.deps.config.limits;
  const known = memberships.get(room);
  if (!mayJoin(connection.identity.rights, room))
    return refuse(connection, forbidden('join', room, ref));
  // the global log is one of the memberships but does not count as a room
  if (known === undefined && memberships.size > maxRoomsPerConnection)
    return refuse(connection, tooManyRooms(maxRoomsPerConnection, ref));
  const membership = known ?? addMembership(connection, interned(room), resume);
  membership.unansweredJoins++;
  connection.hub?.next({
    _tag: 'Join',
    room: membership.room,
    membership,
    isMember: known !== undefined,
    resume,
    ref,
  });
};

export const addMembership = (
  connection: ConnectionState,
  room: Room,
  resume: Resume | undefined,
): Membership => {
  const membership = newMembership(connection, room, resume);
  connection.memberships.set(room, membership);
  return membership;
};

const newMembership = (connection: ConnectionState, room: Room, resume?: Resume): Membership => ({
  connection,
  room,
  position: startPosition(resume),
  joinSeq: 0,
  isJoining: false,
  mayPublish: mayPublishIn(connection, room),
  unansweredJoins: 0,
});

/**
 * The position before the join. It is never later than the client's id: otherwise the client would resume too
 * late the next time. For a log that resumes by time only the time is known.
 */
const startPosition = (resume: Resume | undefined): Position => {
  if (resume === undefined) return NO_POSITION;
  return resume._tag === 'After' ? resume.id : { ...NO_POSITION, ms: untoldOf(resume) };
};

/** A leave that the client asks for. */
export const leave = (connection: ConnectionState, room: Room, ref: string | undefined): void => {
  if (room === GLOBAL) return refuse(connection, globalLeave(ref));
  const membership = connection.memberships.get(room);
  // no error: the client wanted not to be in the room, and it is not
  if (membership === undefined)
    return connection.send(
      { event: 'left', room, reason: 'asked', ref },
      newMembership(connection, room),
    );
  connection.memberships.delete(room);
  connection.hub?.next({ _tag: 'Leave', room, membership, reason: 'asked', ref });
};

/** A leave that the client did not ask for. */
export const kick = (connection: ConnectionState, room: Room, reason: LeaveReason): void => {
  // no connection leaves the global log: without it a connection is of no use
  if (room === GLOBAL) return connection.close(CLOSE.failed);
  const membership = connection.memberships.get(room);
  if (membership === undefined) return;
  connection.memberships.delete(room);
  connection.hub?.next({ _tag: 'Leave', room, membership, reason, ref: undefined });
};

/** Leaves the rooms that the new rights do not allow, and no others. */
export const applyRights = (connection: ConnectionState, identity: Identity): void => {
  connection.identity = identity;
  for (const membership of connection.memberships.values()) {
    const { room } = membership;
    membership.mayPublish = mayPublishIn(connection, room);
    if (!mayJoin(identity.rights, room)) kick(connection, room, 'forbidden');
  }
};

const mayPublishIn = ({ deps, userId, identity }: ConnectionState, room: Room): boolean => {
  const { globalPublish } = deps.config.access;
  if (room === GLOBAL && globalPublish === 'server') return false;
  if (room === GLOBAL && globalPublish === 'users' && userId === null) return false;
  return mayPublish(identity.rights, room);
};
