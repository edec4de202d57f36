/**
 * What the cluster broker needs of Redis, and no more. It is a port, so the same broker runs on one Redis,
 * behind Sentinel, on a Cluster, and on a model of Redis in virtual time. The port has no policy: it neither
 * waits nor retries nor falls back. `broker/cluster/` does that.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Draft, Publication } from '../../protocol/publication.js';
import type { Page } from '../../history/page.js';
import { GLOBAL, type Room, type LogPosition } from '../../protocol/position.js';

/** The events of Redis. The stream does not complete before `close` and never errors. */
export type RedisEvent =
  /** Commands and subscriptions can be sent. */
  | { readonly _tag: 'Ready' }
  /**
   * No commands and subscriptions can be sent, and every subscription is lost. Emitted once until the next
   * `Ready`.
   */
  | { readonly _tag: 'Lost'; readonly detail: string }
  /**
   * After `Lost`: why there is still no connection, in the words of Redis or of a Sentinel. Emitted when the
   * reason differs from the one before.
   */
  | { readonly _tag: 'Refused'; readonly detail: string }
  /** These subscriptions are lost though Redis is connected: a slot of a Cluster moved, or a node failed. */
  | { readonly _tag: 'Dropped'; readonly channels: readonly string[] }
  | { readonly _tag: 'Message'; readonly channel: string; readonly payload: Buffer }
  /**
   * A message of a room, as the port's own publish gave it its place: the log has it under this id, unless
   * the id is outside the log. Only a port on whose channels no other program can publish emits it.
   */
  | {
      readonly _tag: 'Published';
      readonly channel: string;
      readonly publication: Publication;
    };

/**
 * Why a command has no result. `Late`: the script did nothing, as its deadline was over, or as a later try of
 * the call came first. `Unreachable`: there was no connection, or it broke, or no answer came in time.
 * `Untold`: a call was sent again, and the log does not reach back to the first try. `Refused`: Redis or a
 * Cluster takes no such command right now. `Other`: an unknown error of Redis. The other tags are Redis's own
 * error codes.
 */
export interface RedisError {
  readonly _tag:
    | 'Late'
    | 'Unreachable'
    | 'Untold'
    | 'Refused'
    | 'ReadOnly'
    | 'OutOfMemory'
    | 'Misconfigured'
    | 'Loading'
    | 'WrongType'
    | 'NoPermission'
    | 'Busy'
    | 'Other';
  readonly detail: string;
  /** The error of a command inside a script; the commands before it were done. */
  readonly inside?: true;
}

/**
 * Whether the command may have been executed all the same. It was not executed after the following errors.
 * READONLY, OOM, MISCONF, NOREPLICAS, and NOPERM of EVALSHA or of the keys: with `#!lua`, Redis refuses the
 * script before its first line. LOADING, BUSY, NOAUTH: no command runs. MOVED and similar errors: another
 * node has the keys. WRONGTYPE: a script reads before it writes.
 */
export const mayHaveRun = ({ _tag, inside }: RedisError): boolean =>
  (inside === true && _tag !== 'WrongType') ||
  _tag === 'Unreachable' ||
  _tag === 'Untold' ||
  _tag === 'Other';

/** The result of one draft of a publish. */
export type Outcome =
  | { readonly _tag: 'Placed'; readonly id: string }
  | { readonly _tag: 'Duplicate'; readonly id: string }
  | { readonly _tag: 'KeyReused' };

/** Identifies one publish over all its tries. */
export interface CallOf {
  /** Unique among the calls of all pods. At most 64 visible characters. */
  readonly id: string;
  /**
   * Set when an earlier try may have run. When an earlier try ran, Redis does nothing and gives the answer of
   * that try. An earlier try that reaches Redis after this one does nothing.
   */
  readonly again?: Again;
}

/** The state of Redis when the first try was sent. */
export interface Again {
  /** Redis's clock (Unix ms) was not before this time. */
  readonly sinceMs: number;
  /** The log had reached this offset, if its epoch had this tag. */
  readonly tag: number;
  readonly offset: number;
}

/** An answer: emits once and completes; never errors. */
export type RedisReply<A> = Observable<Either<RedisError, A>>;

export interface RedisPort {
  readonly event$: Observable<RedisEvent>;
  /** The command that subscribes to a channel: a user of Redis needs the right to it. */
  readonly subscribeCommand: 'subscribe' | 'ssubscribe';
  /** Redis has confirmed the subscriptions when the answer comes. */
  subscribe(channels: readonly string[]): RedisReply<void>;
  unsubscribe(channels: readonly string[]): RedisReply<void>;
  /**
   * One script for each call, for drafts of one room, in order: it checks each idempotency key, gives the
   * offset, appends and publishes. A draft with `logged: false` takes no offset: its id has the offset that
   * the log has reached, and the bit "outside the log". `nonces` are the 20 bits of each draft's id. `tag`
   * becomes the tag of the epoch when the log has none. After `deadline` (Unix ms of Redis's clock) the
   * script does nothing and answers `Late`. Without `call` the publish cannot be sent again.
   */
  publish(
    room: Room,
    drafts: readonly Draft[],
    nonces: readonly number[],
    tag: number,
    deadline: number,
    call?: CallOf,
  ): RedisReply<readonly Outcome[]>;
  /**
   * The position of a room's log; undefined when there is none. This is the cheapest read. It makes no epoch,
   * writes nothing, and works wherever Redis answers, on a replica too.
   */
  position(room: Room): RedisReply<LogPosition | undefined>;
  /** The position of a room's log. When the log has no epoch, one is made with `tag`. */
  top(room: Room, tag: number): RedisReply<LogPosition>;
  /**
   * A part of a room's log (`lib/history/index.ts`). When the log has no epoch, one is made with `tag`.
   * `known` is the last epoch that the pod knew: when the log has another epoch, Redis keeps the time at
   * which a pod found that (`renewedMs`).
   */
  page(room: Room, from: number, most: number, tag: number, known?: number): RedisReply<Page>;
  /** `page`, but makes no epoch: `NO_LOG` when there is none. Writes nothing. */
  peek(room: Room, from: number, most: number): RedisReply<Page>;
  /**
   * Starts a new epoch with `tag` at offset 0, if the log's epoch is still `old`. Answers the position
   * afterwards.
   */
  renew(room: Room, old: number, tag: number): RedisReply<LogPosition>;
  /**
   * Writes how many members the room has on this pod (0 removes the count, undefined leaves it as it is).
   * Answers the sum of the counts of the other living pods.
   */
  members(room: Room, own: number | undefined): RedisReply<number>;
  /**
   * Publishes `text` on this pod's own channel, on the way that messages take, and writes a key, which a
   * replica refuses. Answers Redis's clock in Unix ms.
   */
  probe(text: string): RedisReply<number>;
  /** Renews this pod's lease, by which other pods count its members. Answers the ids of the living pods. */
  lease(): RedisReply<readonly string[]>;
  /**
   * Publishes to `realtime:control`, which all pods receive. A text with `kept` is stored, and a pod that did
   * not receive it can `recall` it.
   */
  control(text: string, kept?: Kept): RedisReply<void>;
  /** The stored texts that are younger than this, 4,096 at most, in no order. */
  recall(ms: number): RedisReply<readonly Recalled[]>;
  /**
   * For connections that do not answer: drops them, looks up the master again, and opens new ones. `why` is
   * the `detail` of the `Lost` that follows.
   */
  reconnect(why: string): void;
  /** Gives the lease back and closes. Completes when that is done, at most 500 ms later. */
  close(): Observable<void>;
}

/** How Redis stores a text of `realtime:control`: for each name, the last text. */
export interface Kept {
  readonly name: string;
  readonly ms: number;
  /** The stored text of this name is removed, and this one is not stored. */
  readonly isOver: boolean;
}

/** A text that was kept, and for how long. */
export interface Recalled {
  /** Empty: a text could not be stored, as there were too many. */
  readonly text: string;
  readonly ageMs: number;
}

/** The lease of a pod: other pods count its members for this long after the last renewal. */
export const LEASE_MS = 10_000;

export const GLOBAL_CHANNEL = 'realtime:global';
export const CONTROL_CHANNEL = 'realtime:control';
const ROOM_PREFIX = 'realtime:room:';

/** docs/operations.md, keys and channels. */
export const channelOf = (room: Room): string =>
  room === '' ? GLOBAL_CHANNEL : ROOM_PREFIX + room;
/** The room of a channel; undefined for the channel of a pod, and for the channel of control commands. */
export const roomIn = (channel: string): Room | undefined => {
  if (channel === GLOBAL_CHANNEL) return GLOBAL;
  return channel.startsWith(ROOM_PREFIX) ? channel.slice(ROOM_PREFIX.length) : undefined;
};

export const podChannel = (serverId: string): string => `realtime:pod:${serverId}`;
