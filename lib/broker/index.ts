/**
 * A broker carries the messages of a room between pods, and gives each message its position in the room's one
 * order. A message is delivered when the broker returns it, on the sender's pod too. Every implementation
 * passes the contract suite in `spec/broker/contract.ts`. Streams and answers never error: a failure is a
 * value.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Draft, Publication } from '../protocol/publication.js';
import type { GapReason } from '../protocol/system-event.js';
import type { Archive } from '../history/archive/port.js';
import type { Log } from '../history/index.js';
import type { Room, LogPosition } from '../protocol/position.js';
import type { Resume } from '../protocol/resume.js';
import type { Missed } from './fallback-log.js';
import type { CatchUpsLost, ControlCommand } from './control-command.js';

/**
 * The events of a room's channel, in order. `Opened` comes first: from then on every message arrives. Its
 * `top` is the log's position. With `scope: 'pod'` it is a position of the pod's own, and only members of
 * this pod are reached for now. `Gap`: messages may have been missed, and the channel goes on from `top`.
 * `Counted`: how many connections the other pods have in the room, when that has changed. `Failed` is the
 * last event: the room cannot be opened, or its channel is refused from now on.
 */
export type ChannelEvent =
  | { readonly _tag: 'Opened'; readonly top: LogPosition; readonly scope: Scope }
  /**
   * A message. `offset` is its offset in the log; undefined: the message is outside the log. `top` is the
   * channel's position after the message. A message outside the log changes at most the `ms` of `top`.
   */
  | {
      readonly _tag: 'Published';
      readonly publication: Publication;
      readonly offset: number | undefined;
      readonly top: LogPosition;
    }
  /**
   * A message, as in `Published`, that was delivered before under the id `as`, which is outside the log.
   * Those who were members then have it; members who joined later lack it. When `as` is empty, that id is not
   * known any more, and some members may lack the message.
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

/**
 * Who gets a message: the members on every pod, or the members on this pod only (clients see
 * `"scope":"pod"`).
 */
export type Scope = 'cluster' | 'pod';

/**
 * A message was accepted. `id`: the id that members see. `duplicate`: its key was used before, and `id` is
 * the id of the first message.
 */
export interface Receipt {
  readonly id: string;
  readonly duplicate: boolean;
  readonly scope: Scope;
}

/**
 * Why a message was not accepted. `KeyReused`: its idempotency key was used for other data. `Unavailable`:
 * neither the broker nor this pod could take it, or the archive did not store it. In the latter case members
 * may have it. So they may when a draft is `clusterOnly`, and the answer of the broker was late.
 */
export type PublishError =
  | { readonly _tag: 'KeyReused' }
  | { readonly _tag: 'Unavailable'; readonly detail: string };

/**
 * Whether messages reach all pods. `since` is Unix ms. `Starting` lasts until the first probe came back, and
 * until the archive, if there is one, has answered. It lasts at most 3 s.
 */
export type BrokerStatus =
  | { readonly _tag: 'Starting' }
  | { readonly _tag: 'Up'; readonly since: number }
  | { readonly _tag: 'Degraded'; readonly since: number };

/** What a broker reports to metrics and logs. */
export type BrokerEvent =
  | { readonly _tag: 'ConnectionLost'; readonly detail: string }
  /**
   * Redis answers, and refuses what a pod needs. `right`: the missing ACL rule, such as
   * `+subscribe &realtime:room:*`. It is set only when a channel was refused. The channel in it is without
   * `REDIS_PREFIX`. A pod has few such rules, so their number is bounded.
   */
  | { readonly _tag: 'Refused'; readonly detail: string; readonly right?: string }
  /** Another pod has the same `SERVER_ID`. */
  | { readonly _tag: 'NamesakeFound' }
  | { readonly _tag: 'PublishFailed'; readonly detail: string; readonly messages: number }
  | { readonly _tag: 'PayloadDropped'; readonly detail: string }
  | { readonly _tag: 'ProbeReturned'; readonly seconds: number };

/**
 * Carries messages between pods. An implementation of your own should pass the suite in
 * `spec/broker/contract.ts` of the source.
 */
export interface Broker {
  /** Its name in `stats`: `local`, `redis`, `workers`, or that of an implementation of your own. */
  readonly name: string;
  /** Emits the present status on subscription, then each change. */
  readonly status$: Observable<BrokerStatus>;
  readonly event$: Observable<BrokerEvent>;
  /**
   * The log of each room: its last messages. With an archive: all messages of the epoch that the archive
   * still has.
   */
  readonly log: Log;
  /** What keeps messages for longer than the log does; absent when nothing does. The broker closes it. */
  readonly archive?: Archive;
  /**
   * How much this process keeps of messages that reached the members on this pod only, by kind. Each kind has
   * a bound (docs/architecture.md).
   */
  readonly remembered?: () => Readonly<Record<string, number>>;
  /**
   * The clock that gives messages their time, in Unix ms, or a little less; undefined while the broker does
   * not know it.
   */
  readonly clockMs: () => number | undefined;
  /** The bytes of the logs in this process; absent when the logs are elsewhere. */
  readonly logBytes?: () => number;
  /** The number of publishes that have no answer yet; absent when each is answered at once. */
  readonly waiting?: () => number;
  /** The number of messages that members have and the archive has not yet; absent without an archive. */
  readonly unstored?: () => number;
  /** Bytes that wait to be written to the exchange of workers; absent without one. */
  readonly unsentBytes?: () => number;
  /**
   * The channel of a room, while it is subscribed; with Redis this is a SUBSCRIBE. A room has one subscriber;
   * the next one may come a moment before that one has gone.
   */
  channel(room: Room): Observable<ChannelEvent>;
  /**
   * Gives a message its position and sends it to all members. Emits once and completes. Publishes of a room
   * are answered in the order of the calls, and their messages arrive in that order. A publish that is
   * refused, as too many wait or the broker is closed, is answered at once. With an archive, it is answered
   * after the earlier publishes of its room.
   */
  publish(draft: Draft): Observable<Either<PublishError, Receipt>>;
  /**
   * `publish` for a broker that can answer at once: it saves the 5 µs of an Observable. Undefined when it
   * cannot answer at once; then nothing was done.
   */
  readonly publishNow?: (draft: Draft) => Either<PublishError, Receipt> | undefined;
  /**
   * What a client with this resume has missed and no log has: messages that reached the members on this pod
   * only, or messages of an earlier epoch. Undefined: nothing. Absent when the broker has no such messages.
   */
  readonly missedHere?: (room: Room, resume: Resume) => Missed | undefined;
  /**
   * Writes how many connections this pod has in a room, and reads how many the other pods have. Emits once
   * and completes; the last known number when Redis does not answer.
   */
  members(room: Room, own: number): Observable<number>;
  /**
   * How many connections the other pods have in a room. Writes no count of this pod. Emits once and
   * completes. Undefined when Redis does not answer and the number is not known.
   */
  membersElsewhere(room: Room): Observable<number | undefined>;
  /** The commands to all pods, from any pod. This pod's own commands are among them. */
  readonly control$: Observable<ControlCommand | CatchUpsLost>;
  /**
   * Sends a command to every pod. This pod gets it at once in any case. Emits once and completes; `Left` says
   * why the command could not be sent to the other pods.
   */
  sendControl(command: ControlCommand): Observable<Either<string, void>>;
  /**
   * Ends the broker. Completes when the other pods no longer count this pod, at the latest after 0.5 s. With
   * an archive, it then waits until the waiting messages are stored, or the archive does not answer.
   */
  close(): Observable<void>;
}
