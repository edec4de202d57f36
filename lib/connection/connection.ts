/**
 * The connection as the hub, the rooms and the heartbeat see it, and the commands that it sends to rooms.
 *
 *   command$ ─► hub ─► the room of the command ─► send, kick, close, outbox; `reply` answers a publish
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { PublishError, Receipt } from '../broker/index.js';
import type { Close } from '../protocol/close-codes.js';
import type { Draft } from '../protocol/publication.js';
import type { SystemEvent, LeaveReason } from '../protocol/system-event.js';
import type { Outbox } from './outbox.js';
import type { Position, Room } from '../protocol/position.js';
import type { Resume } from '../protocol/resume.js';

/**
 * A connection in a room. `position`: of the last message of the room's log that was sent to the connection.
 * The ids of control messages about this room contain it. Before the join has given a position, it is the
 * position of the id that the client brought for this log. When the log resumes by a time, only its `ms` is
 * set, to `untoldOf` of the resume. When the log does not resume, it is `NO_POSITION`.
 */
export interface Membership {
  readonly connection: Connection;
  readonly room: Room;
  position: Position;
  /** Number of its last completed join, among those of the room on this pod; 0 before the first one. */
  joinSeq: number;
  /**
   * Whether a join is under way: publishes wait in the room. The room sets the flag, so that a
   * publish looks up the state of the membership only during a join.
   */
  isJoining: boolean;
  /**
   * Whether the connection may publish there by its present rights. Stored, so that patterns are not matched
   * for each message.
   */
  mayPublish: boolean;
  /** Joins without an answer. */
  unansweredJoins: number;
}

/** What a connection asks of a room. */
export type Command =
  | {
      readonly _tag: 'Join';
      readonly room: Room;
      readonly membership: Membership;
      /** The connection has asked to join before. Each join is answered. */
      readonly isMember: boolean;
      readonly resume: Resume | undefined;
      /**
       * The join waits until this emits: the global log until the URL's room has caught up, or the URL's room
       * until the global log was checked for a `gap`, and the `gap`, if any, was sent.
       */
      readonly after$?: Observable<unknown> | undefined;
      /**
       * Called once, when the wait has begun. `isGapSent`: messages were missing at that moment, and a gap
       * was sent.
       */
      readonly looked?: ((isGapSent: boolean) => void) | undefined;
      readonly ref: string | undefined;
    }
  | {
      readonly _tag: 'Leave';
      readonly room: Room;
      readonly membership: Membership;
      /** `closed`: the connection has ended, and nothing is sent to it. */
      readonly reason: LeaveReason | 'closed';
      readonly ref: string | undefined;
    }
  | {
      readonly _tag: 'Publish';
      readonly room: Room;
      readonly draft: Draft;
      /** The membership of the sender: the publish waits until its join completes. */
      readonly membership: Membership;
      /** Called once, with the answer of the broker. */
      readonly reply: (result: Either<PublishError, Receipt>) => void;
    };

export interface Connection {
  readonly id: string;
  readonly userId: string | null;
  /**
   * Acts when it is subscribed, which the hub does once: sends `welcome`, then joins the global log and the
   * URL's room. Completes with the connection; unsubscribed, it closes the connection with 1001.
   */
  readonly command$: Observable<Command>;
  readonly outbox: Outbox;
  /** Sends a control message, with an id of the membership's log. By default: the URL's room, else global. */
  send(control: SystemEvent, membership?: Membership): void;
  /** Ends a membership that the client did not ask to end. */
  kick(room: Room, reason: LeaveReason): void;
  /** An operator disconnects it: all rights end, and it is closed with 4503. */
  revoke(): void;
  /** Closes it with a code. A peer that does not answer within 2 s is cut. Only the first call counts. */
  close(why: Close): void;
  /** Ends the socket without a close frame: the peer was silent for too long, or the app ends. */
  terminate(): void;
  ping(): void;
  /** Bytes received so far. When the number grows, the client is alive. */
  readonly bytesRead: number;
  /** Whether a message has begun and has not ended. */
  readonly isMidMessage: boolean;
  /** Whether the socket is not read: earlier frames are not handled yet. */
  readonly isPaused: boolean;
  readonly messagesRead: number;
  readonly vital: Liveness;
}

/**
 * What the heartbeat remembers of a connection. Times are whole milliseconds, as a fraction would cost an
 * object each. The clock of these times stops while the process does not run.
 */
export interface Liveness {
  bytesRead: number;
  messages: number;
  lastReadAt: number;
  pingAt: number;
  /** Since when the same message has been incomplete; -1 when no message is. */
  incompleteSince: number;
}
