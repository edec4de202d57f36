/** What a connection is to the hub and its rooms, and what it asks of them. */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { PublishError, Receipt } from './broker/index.js';
import type { Close } from './close.js';
import type { Draft } from './codec.js';
import type { Control, LeaveReason } from './control.js';
import type { Outbox } from './outbox.js';
import type { Position, Room } from './position.js';
import type { Resume } from './resume.js';

/**
 * A connection in a room. `position` is where the connection is in the room's log: the id of every message that it is
 * sent shows that. Before the join, or the log, has told a place, its tag is 0; its `ms` then is the time by which the
 * log resumes, 0 where none does.
 */
export interface Membership {
  readonly connection: Connection;
  readonly room: Room;
  position: Position;
  /** Its number among all who came into the room; 0 before. */
  nth: number;
  /** Whether it may speak there: as its rights are now, so that a message costs no look at patterns. */
  mayPublish: boolean;
  /** How often it has asked to join and was not answered yet. */
  asked: number;
}

/** What a connection asks of a room; the hub hands each to its room. */
export type Command =
  | {
      readonly _tag: 'Join';
      readonly room: Room;
      readonly membership: Membership;
      /** It has joined before: it is told so again. */
      readonly again: boolean;
      readonly resume: Resume | undefined;
      /** The join waits until this emits: the URL's room catches up before the global log does. */
      readonly behind$?: Observable<unknown> | undefined;
      /** Called before the join waits: whether it was told a gap of the log, as the log is now. */
      readonly looked?: ((isTold: boolean) => void) | undefined;
      readonly ref: string | undefined;
    }
  | {
      readonly _tag: 'Leave';
      readonly room: Room;
      readonly membership: Membership;
      /** `closed`: the connection has gone, nobody is to be told. */
      readonly reason: LeaveReason | 'closed';
      readonly ref: string | undefined;
    }
  | {
      readonly _tag: 'Publish';
      readonly room: Room;
      readonly draft: Draft;
      /** Whose it is; it waits until they are in. Absent for what comes from outside a socket. */
      readonly membership?: Membership;
      readonly settled: (result: Either<PublishError, Receipt>) => void;
    };

export interface Connection {
  readonly id: string;
  readonly userId: string | null;
  readonly command$: Observable<Command>;
  readonly outbox: Outbox;
  /** Sends a control message, under an id of the membership's log; by default of the URL's room's, or the global one. */
  tell(control: Control, membership?: Membership): void;
  /** Takes it out of a room that it did not ask to leave. */
  dismiss(room: Room, reason: LeaveReason): void;
  /** An operator's word: all its rights end, and it with them. */
  revoke(): void;
  /** Says why and leaves; a peer that does not answer within 2 s is cut. Only the first call counts. */
  close(why: Close): void;
  /** Ends the socket without a word: nothing was heard for too long. */
  cut(): void;
  ping(): void;
  /** Bytes received so far: any more of them are a sign of life. */
  readonly bytesRead: number;
  /** Whether the peer has begun a message and not ended it. */
  readonly midMessage: boolean;
  /** Whether its socket is not read now: we are not done with what it said. */
  readonly isPaused: boolean;
  readonly messagesRead: number;
  readonly vital: Vital;
}

/** What the heartbeat remembers of a connection: whole milliseconds (a fraction would cost an object each), on a clock that stands while the process does. */
export interface Vital {
  bytesRead: number;
  messages: number;
  heardAt: number;
  pingAt: number;
  /** Since when the same message has been incomplete; -1 when none is. */
  halfSince: number;
}
