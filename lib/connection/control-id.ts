/**
 * Ids of messages to one connection only. They are outside the log, and have the offset of the last message
 * of the same log that was queued to the connection. A client may keep only such an id and resume both of its
 * logs from it, so the id's time must be right for both (docs/protocol.md, section 3.3).
 */
import {
  GLOBAL,
  isTimeOfOtherLog,
  type MessageId,
  nextNonce,
  NO_EPOCH,
  NO_POSITION,
  TIME_OF_OTHER_LOG,
} from '../protocol/position.js';
import { earliestMs, type Resumes } from '../protocol/resume.js';
import type { Membership } from './connection.js';
import type { ConnectionState } from './state.js';

/**
 * `about`: the membership to whose log the message belongs. By default that of the URL's room, else that of
 * the global log.
 */
export const nextControlId = (connection: ConnectionState, about?: Membership): MessageId => {
  const { memberships, admission } = connection;
  const everybody = memberships.get(GLOBAL);
  const defaultRoom = admission.room === undefined ? undefined : memberships.get(admission.room);
  const log = about ?? defaultRoom ?? everybody;
  // counted, not random: of a thousand random nonces at one position, two are probably equal
  const counted = nextNonce(connection.nonce);
  connection.nonce = counted;
  const global = log === undefined || log.room === GLOBAL;
  if (log === undefined || !hasPosition(log)) {
    const brought = about === undefined ? broughtId(admission.resumes) : undefined;
    if (brought !== undefined)
      return { ...brought, outside: true, nonce: counted | (brought.nonce & TIME_OF_OTHER_LOG) };
    const [one, other] = [defaultRoom ?? everybody, everybody ?? defaultRoom];
    const ms = one === undefined || other === undefined ? 0 : timeOf(admission.resumes, one, other);
    return { ...WITHOUT_POSITION, ms, global, nonce: counted };
  }
  const { tag, offset, ms } = log.position;
  const isOfTwo = global || log.room === admission.room;
  const time = isOfTwo ? timeOf(admission.resumes, defaultRoom ?? log, everybody ?? log) : ms;
  const nonce = time < ms || isTimeOfOtherLog(log.position) ? counted | TIME_OF_OTHER_LOG : counted;
  return { tag, offset, ms: time, global, outside: true, nonce };
};

/**
 * The time up to which the client has both of its logs. While they catch up: the time of the earlier one, but
 * not before the time that the client brought. After that: the time of the later one, as nothing before it is
 * missing.
 */
const timeOf = (
  resumes: Resumes,
  { position: one, joinSeq }: Membership,
  { position: other, joinSeq: otherSeq }: Membership,
): number => {
  const isCatchingUp = (joinSeq === 0 || otherSeq === 0) && isResumed(resumes);
  if (!isCatchingUp) return Math.max(one.ms, other.ms);
  return Math.max(earliestMs(resumes), Math.min(one.ms, other.ms));
};

const WITHOUT_POSITION = { tag: NO_EPOCH, offset: 0, outside: true } as const;

/** Whether the membership has a position in its log. */
const hasPosition = ({ position }: Membership): boolean => position.tag !== NO_POSITION.tag;

/**
 * The id that the client brought; of two, the room's. Before a log has given a position, the id of a control
 * message must resume like the id that the client brought.
 */
const broughtId = ({ room, global }: Resumes): MessageId | undefined =>
  room?._tag === 'After' ? room.id : global?._tag === 'After' ? global.id : undefined;

/** Whether the client brought an id. */
export const isResumed = ({ room, global }: Resumes): boolean =>
  room !== undefined || global !== undefined;
