/** What the checker of the invariants is told, and what it answers. */
import { type Room } from '../../../lib/protocol/position.js';
import { type Frame } from './frame.js';
import { type Fault, type Ground } from './ground.js';
import { type LogContent } from './order.js';
import { type DeliveryCounts } from './stay.js';
import { type Violation } from './violation.js';
import { type ReceivedMessage } from './message.js';

export interface CheckerOptions {
  /** All faults, epochs and trims are told: then a `gap` that is not due is a violation too, and so is a lost epoch. */
  readonly knowsGround?: boolean;
  /** What the log keeps: what is younger and acknowledged stands in it. */
  readonly retention?: { readonly messages: number; readonly ms: number };
  /** How long a pod's status may be wrong. */
  readonly lateMs?: { readonly degraded: number; readonly ready: number };
  /** Clients that stop reading: what a pod sent them arrives much later. */
  readonly isSlow?: (client: string) => boolean;
}

/** A client connects. `lastId` as in the query: an id, or two as `ROOM,GLOBAL`. */
export interface Opening {
  /** Who it is, over all its connections. */
  readonly client: string;
  readonly user: string | null;
  readonly pod: string;
  readonly at: number;
  readonly room?: Room | undefined;
  readonly lastId?: string | undefined;
}

/** One connection of a client, and all that it is told. */
export interface Ears {
  /** The text of a frame; answers what it was: a message of a room, or what the server says to this connection. */
  readonly received: (text: string, at: number) => ReceivedMessage | Frame;
  /** It says something: `data` is like no other's, and the same with the same `ref`. */
  readonly sent: (
    what: {
      readonly room: Room;
      readonly ref?: string | undefined;
      readonly data: unknown;
      /** Whether `ref` is an idempotency key: a user's always is, else a UUID. */
      readonly keyed?: boolean;
    },
    at: number,
  ) => void;
  readonly joins: (room: Room, lastId: string | undefined, at: number) => void;
  /** `cause`: what it was that closed it, if it was not the server. */
  readonly closed: (code: number | undefined, cause: string | undefined, at: number) => void;
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
  /** Another program published this id: whoever hears it hears no ghost. */
  readonly foreignId: (idText: string) => void;
  /** A fault begins; the answer ends it. */
  readonly fault: (fault: Fault, at: number) => (at: number) => void;
  /** The last fault is over: from so long after it everything must be well. */
  readonly healed: (at: number) => void;
  /** Messages that had a place at some time, whoever heard them, as they stand on the room's channel. */
  readonly placed: (texts: readonly string[]) => void;
  /** What a room's log holds in the end. */
  readonly log: (content: LogContent) => void;
  /** Something that has a bound was seen to hold so much. */
  readonly holds: (what: string, count: number, bound: number, at: number) => void;
  /** Something that should be gone is there. */
  readonly left: (what: string, count: number, at: number) => void;
  /** A process ended, or something was thrown that nobody caught. */
  readonly ended: (what: string, at: number) => void;
  /** Judges all that was told so far. What was said after `settled` need not be answered. */
  readonly verdict: (when: { readonly at: number; readonly settled: number }) => Verdict;
  /** What was found as it came, without a verdict's own: the first few, and how many. */
  readonly violations: () => readonly Violation[];
  readonly found: () => number;
}
