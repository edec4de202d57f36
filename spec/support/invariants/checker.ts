/** The input and output of the checker of the invariants. */
import { type Room } from '../../../lib/protocol/position.js';
import { type Frame } from './frame.js';
import { type Fault, type Ground } from './ground.js';
import { type LogContent } from './order.js';
import { type DeliveryCounts } from './stay.js';
import { type Violation } from './violation.js';
import { type ReceivedMessage } from './message.js';

export interface CheckerOptions {
  /**
   * The checker gets all faults, epochs and trims: then a `gap` that is not due is a violation too, and so is
   * a lost epoch.
   */
  readonly knowsGround?: boolean;
  /** The bounds of the log: an acknowledged message within them must be in the log. */
  readonly retention?: { readonly messages: number; readonly ms: number };
  /** How long a pod's status may be wrong. */
  readonly lateMs?: { readonly degraded: number; readonly ready: number };
  /** Clients that stop reading: the pod's messages reach them much later. */
  readonly isSlow?: (client: string) => boolean;
  /**
   * Sockets of one process may be read in another order than they were written to, this far apart; the default is 0.
   */
  readonly disorderMs?: number;
}

/** A client connects. `lastId` as in the query: an id, or two as `ROOM,GLOBAL`. */
export interface Opening {
  /** The name of the client, over all its connections. */
  readonly client: string;
  readonly user: string | null;
  readonly pod: string;
  readonly at: number;
  readonly room?: Room | undefined;
  readonly lastId?: string | undefined;
}

/** One connection of a client, and everything that it gets. */
export interface Ears {
  /**
   * The client got a frame with this text. Returns what it was: a message of a room, or a message of the
   * server to this connection.
   */
  readonly received: (text: string, at: number) => ReceivedMessage | Frame;
  /**
   * The client sends a message. No other message has the same `data`; when it sends the message again, `data`
   * and `ref` are the same.
   */
  readonly sent: (
    what: {
      readonly room: Room;
      readonly ref?: string | undefined;
      readonly data: unknown;
      /** Whether `ref` is an idempotency key: any `ref` of a user is one, else only a UUID. */
      readonly keyed?: boolean;
    },
    at: number,
  ) => void;
  readonly joins: (room: Room, lastId: string | undefined, at: number) => void;
  /** `cause`: what closed the connection; undefined: the server. */
  readonly closed: (code: number | undefined, cause: string | undefined, at: number) => void;
}

/**
 * What an application on the client library gets in one use of a room. `shown`: its position, after the
 * messages of the same turn.
 */
export interface ApplicationStay {
  readonly received: (text: string, at: number) => void;
  readonly gap: (idText: string, reason: string, at: number) => void;
  readonly joined: (idText: string, at: number) => void;
  readonly shown: (idText: string, at: number) => void;
  /** Its subscriptions have ended. */
  readonly ended: () => void;
}

/** How a publish ended: with the server's ack, or with a code. */
export type Settled =
  | {
      readonly id?: string | undefined;
      readonly duplicate: boolean;
      readonly scope?: 'pod' | undefined;
    }
  | { readonly code: string };

/** One application over all its connections. Each connection is judged as well, as that of any client. */
export interface ApplicationEars {
  /** `after`: the position at which the room goes on. */
  readonly uses: (room: Room, after: string | undefined, at: number) => ApplicationStay;
  readonly published: (
    room: Room,
    data: unknown,
    at: number,
  ) => (settled: Settled, at: number) => void;
  /** A gap came on one of its connections. */
  readonly gapCame: (idText: string) => void;
  readonly judge: (at: number) => void;
  readonly found: (tag: Violation['tag'], text: string, at: number) => void;
}

export interface Counts extends DeliveryCounts {
  readonly sent: number;
  readonly resent: number;
  readonly acked: number;
  readonly ackedOnPod: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly connections: number;
  readonly gaps: Readonly<Record<string, number>>;
  readonly closes: Readonly<Record<string, number>>;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly found: number;
  readonly counts: Counts;
}

export interface Checker extends Pick<Ground, 'epoch' | 'trimmed' | 'probes' | 'status'> {
  readonly connected: (opening: Opening) => Ears;
  readonly application: (client: string) => ApplicationEars;
  /** Another program published this id, so a message with it is no violation. */
  readonly foreignId: (idText: string) => void;
  /** A fault begins; the returned function ends it. */
  readonly fault: (fault: Fault, at: number) => (at: number) => void;
  /** The last fault is over: the final state is judged some time after it. */
  readonly healed: (at: number) => void;
  /** Messages that had an offset at some time, whoever got them, as texts of the room's channel. */
  readonly placed: (texts: readonly string[]) => void;
  /** What the log of a room has at the end. */
  readonly log: (content: LogContent) => void;
  /** Something with a bound had this number. */
  readonly holds: (what: string, count: number, bound: number, at: number) => void;
  /** Something is left that should be gone. */
  readonly left: (what: string, count: number, at: number) => void;
  /** A process ended, or an exception was not caught. */
  readonly ended: (what: string, at: number) => void;
  /** Judges all facts so far. Messages sent after `settled` need no answer. */
  readonly verdict: (when: { readonly at: number; readonly settled: number }) => Verdict;
  /**
   * The violations that were found as facts came, without those of a verdict: the first few, and the number
   * of all.
   */
  readonly violations: () => readonly Violation[];
  readonly found: () => number;
}
