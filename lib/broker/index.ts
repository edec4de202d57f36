/**
 * A broker carries a room's messages between pods, gives each its place in the room's one order, and hands
 * them back: a message is delivered when the broker returns it, on the sender's pod too. Every implementation
 * runs the contract suite in `spec/broker/contract.ts`. Streams and answers are never errors: what goes wrong
 * is a value.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Draft, Publication } from '../protocol/publication.js';
import type { GapReason } from '../protocol/system-event.js';
import type { Log } from '../history/index.js';
import type { Room, LogPosition } from '../protocol/position.js';
import type { Resume } from '../protocol/resume.js';
import type { Missed } from './fallback-log.js';
import type { CatchUpsLost, ControlCommand } from './control-command.js';

/**
 * What a room's channel says, in order. `Opened` comes first: from here every later message arrives, and
 * `top` is where the log stands; with `scope: 'pod'` only this pod's members are reached for now. `Gap` says
 * that messages may have been missed; the channel goes on from its `top`. `Counted` says how many connections
 * the other pods have in the room now, when that has changed. `Failed` is the last: the room cannot be had.
 */
export type ChannelEvent =
  | { readonly _tag: 'Opened'; readonly top: LogPosition; readonly scope: Scope }
  /**
   * A message. `offset` is its own in the log; undefined: it is outside the log. `top` is the channel's
   * position after the message: a message outside the log does not move it.
   */
  | {
      readonly _tag: 'Published';
      readonly publication: Publication;
      readonly offset: number | undefined;
      readonly top: LogPosition;
    }
  /**
   * The same, but the members of an earlier time have it already, under the id `as`, which is outside the
   * log.
   */
  | {
      readonly _tag: 'Echoed';
      readonly publication: Publication;
      readonly offset: number | undefined;
      readonly top: LogPosition;
      readonly as: string;
    }
  | { readonly _tag: 'Gap'; readonly reason: GapReason; readonly top: LogPosition }
  | { readonly _tag: 'Counted'; readonly others: number }
  | { readonly _tag: 'Failed'; readonly error: PublishError };

/** Who is reached: the members on every pod, or on this one alone (told to clients as `"scope":"pod"`). */
export type Scope = 'cluster' | 'pod';

/**
 * A message has its place: `id` is what members see; `duplicate` when its key was seen before, then `id` is
 * the first one's.
 */
export interface Receipt {
  readonly id: string;
  readonly duplicate: boolean;
  readonly scope: Scope;
}

/**
 * Why a message has no place. `KeyReused`: the idempotency key came before with other data. `Unavailable`:
 * nothing took it, also not this pod.
 */
export type PublishError =
  | { readonly _tag: 'KeyReused' }
  | { readonly _tag: 'Unavailable'; readonly detail: string };

/**
 * Whether messages reach all pods. `since` is Unix ms. `Starting` until the first probe came round, or for 3
 * s.
 */
export type BrokerStatus =
  | { readonly _tag: 'Starting' }
  | { readonly _tag: 'Up'; readonly since: number }
  | { readonly _tag: 'Degraded'; readonly since: number };

/** What a broker tells the metrics. */
export type BrokerEvent =
  | { readonly _tag: 'ConnectionLost'; readonly detail: string }
  /**
   * Redis answers, and refuses what a pod needs. `right`: the rule of an ACL that would let it, one of a
   * closed list.
   */
  | { readonly _tag: 'Refused'; readonly detail: string; readonly right?: string }
  /** Another pod has the same `SERVER_ID`. */
  | { readonly _tag: 'NamesakeFound' }
  | { readonly _tag: 'PublishFailed'; readonly detail: string; readonly messages: number }
  | { readonly _tag: 'PayloadDropped'; readonly detail: string }
  | { readonly _tag: 'ProbeReturned'; readonly seconds: number };

/**
 * What carries messages between pods. An implementation of one's own is expected to pass the suite in
 * `spec/broker/contract.ts` of the source.
 */
export interface Broker {
  /** `local` or `redis`: what `stats` calls it. */
  readonly name: string;
  /** The last status to whoever subscribes, then each change. */
  readonly status$: Observable<BrokerStatus>;
  readonly event$: Observable<BrokerEvent>;
  /** The rooms' last messages: what has a place here stands there. */
  readonly log: Log;
  /**
   * How much is remembered of what was said here alone, by what it is: each has a bound
   * (docs/architecture.md).
   */
  readonly remembered?: () => Readonly<Record<string, number>>;
  /**
   * The clock that dates messages now, Unix ms; undefined while the broker does not know it. No message is
   * younger.
   */
  readonly clockMs: () => number | undefined;
  /** Bytes that the logs take in this process; absent where they are elsewhere. */
  readonly logBytes?: () => number;
  /** Publishes that have no answer yet; absent where each has one at once. */
  readonly waiting?: () => number;
  /**
   * A room's channel, for as long as it is subscribed: subscribing SUBSCRIBEs, unsubscribing UNSUBSCRIBEs.
   * A room has one subscriber at a time, but a new one may come before the old one has gone.
   */
  channel(room: Room): Observable<ChannelEvent>;
  /**
   * Gives a message its place and sends it to all members. Emits once and completes. Publishes of a room
   * resolve in the order of the calls, and their messages arrive in that order.
   */
  publish(draft: Draft): Observable<Either<PublishError, Receipt>>;
  /**
   * The same where the place is known at once, without the 5 µs of an Observable's life; undefined where it
   * is not, and then nothing was done.
   */
  readonly publishNow?: (draft: Draft) => Either<PublishError, Receipt> | undefined;
  /**
   * What no log tells whoever goes on from there: it was said on this pod alone, or in an epoch that is over.
   * Undefined: nothing. Absent where there is no such thing.
   */
  readonly missedHere?: (room: Room, resume: Resume) => Missed | undefined;
  /**
   * Tells the others how many connections this pod has in a room and learns how many the others have in all.
   * Emits once and completes: the last known number when nobody answers.
   */
  members(room: Room, own: number): Observable<number>;
  /**
   * How many connections the others have in a room, for whoever only asks. Emits once and completes:
   * undefined when nobody answers and it is not known either.
   */
  membersElsewhere(room: Room): Observable<number | undefined>;
  /** What operators say to all pods, on whichever it was said, this one's own words included. */
  readonly control$: Observable<ControlCommand | CatchUpsLost>;
  /**
   * Says an operator's word to every pod; here it is heard at once, whatever else happens. Emits once and
   * completes: `Left` says why the others could not be told.
   */
  sendControl(command: ControlCommand): Observable<Either<string, void>>;
  /** Ends everything the broker holds. Completes when the neighbours were told that this pod has gone. */
  close(): Observable<void>;
}
