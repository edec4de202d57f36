/**
 * What the broker of many pods needs of Redis, and no more: a port, so that the same broker runs on one Redis, behind
 * Sentinel, on a Cluster, and on a model of Redis in virtual time. The port has no policy: it neither waits nor retries
 * nor falls back; `broker/cluster/` does.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Draft } from '../../protocol/publication.js';
import type { Page } from '../../history/page.js';
import type { Room, LogPosition } from '../../protocol/position.js';

/** What a bus pushes. It never completes before `close` and never errors. */
export type RedisEvent =
  /** Commands and subscriptions can be sent. */
  | { readonly _tag: 'Ready' }
  /** They cannot; every subscription is gone. Told once until the next `Ready`. */
  | { readonly _tag: 'Lost'; readonly detail: string }
  /** Why the connection cannot be had now, in Redis's words or about what it is: told when it is another reason than before. */
  | { readonly _tag: 'Refused'; readonly detail: string }
  /** These subscriptions are gone though the bus is ready: a Cluster's slot moved or one of its nodes went. */
  | { readonly _tag: 'Dropped'; readonly channels: readonly string[] }
  | { readonly _tag: 'Message'; readonly channel: string; readonly payload: Buffer };

/**
 * Why Redis did not do it. `Late`: the script came after its deadline and did nothing. `Unreachable`: no connection, or
 * it broke, or no answer came in time. `Untold`: a call that was asked about again, and the log does not reach back to it.
 * `Refused`: Redis, or a Cluster, takes no such command now. `Other`: words that nobody here knows. The rest are Redis's
 * own words.
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
  /** Said by a command inside a script, whose earlier commands were done. */
  readonly inside?: true;
}

/**
 * Whether it may have been done all the same. Not after what Redis says of a script before the first line: READONLY, OOM,
 * MISCONF, NOREPLICAS and NOPERM of EVALSHA or of the keys (the `#!lua` line makes Redis judge the whole script), LOADING,
 * BUSY and NOAUTH (no command runs), MOVED and its kind (another node has the keys), and a wrong type, as reading comes
 * before writing.
 */
export const mayHaveRun = ({ _tag, inside }: RedisError): boolean =>
  (inside === true && _tag !== 'WrongType') ||
  _tag === 'Unreachable' ||
  _tag === 'Untold' ||
  _tag === 'Other';

/** What became of one draft of a publish. */
export type Outcome =
  | { readonly _tag: 'Placed'; readonly id: string }
  | { readonly _tag: 'Duplicate'; readonly id: string }
  | { readonly _tag: 'KeyReused' };

/** One publish, however often it is asked for. */
export interface CallOf {
  /** No other call of any pod has it. At most 64 visible characters. */
  readonly id: string;
  /**
   * Asked again, as an earlier try may have run. What ran is answered as it was then, and not done again; an earlier try
   * that comes to Redis later does nothing.
   */
  readonly again?: Again;
}

/** Where Redis was when the first try was sent. */
export interface Again {
  /** Its clock (Unix ms) was not before this. */
  readonly sinceMs: number;
  /** The log had come to this offset, if its epoch had this tag. */
  readonly tag: number;
  readonly offset: number;
}

/** An answer: emits once and completes; never errors. */
export type RedisReply<A> = Observable<Either<RedisError, A>>;

export interface RedisPort {
  readonly event$: Observable<RedisEvent>;
  /** Confirmed by Redis when the answer comes. */
  subscribe(channels: readonly string[]): RedisReply<void>;
  unsubscribe(channels: readonly string[]): RedisReply<void>;
  /**
   * One script a call, all of one room, in order: checks each idempotency key, assigns the offset, appends, publishes.
   * A draft with `logged: false` takes no offset: its id shows the one reached, with the bit "outside the log".
   * `nonces` are the 20 bits of each draft's id; `tag` becomes the epoch's if the log has none. Does nothing at all and
   * answers `Late` after `deadline` (Unix ms of Redis's clock). Without `call` it cannot be asked again.
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
   * Where a room's log stands, undefined where there is none: the cheapest look there is. Makes no epoch, writes nothing,
   * and is answered wherever Redis answers, by a replica too.
   */
  position(room: Room): RedisReply<LogPosition | undefined>;
  /** The top of a room's log, whose epoch is made with `tag` if there is none. */
  top(room: Room, tag: number): RedisReply<LogPosition>;
  /**
   * Some of a room's log (`lib/history/index.ts`), whose epoch is made with `tag` if there is none. `known` is the epoch
   * that the pod has had: should the log's be another, Redis keeps when that was found (`renewedMs`).
   */
  page(room: Room, from: number, most: number, tag: number, known?: number): RedisReply<Page>;
  /** The same without making an epoch: `NO_LOG` where there is none. Writes nothing. */
  peek(room: Room, from: number, most: number): RedisReply<Page>;
  /** Starts a new epoch with `tag` at offset 0 if the log's is still `old`; answers the top afterwards. */
  renew(room: Room, old: number, tag: number): RedisReply<LogPosition>;
  /**
   * Writes this pod's count of a room's members (0 removes it, undefined leaves it as it is); answers the sum of the other
   * living pods'.
   */
  members(room: Room, own: number | undefined): RedisReply<number>;
  /** Sends `text` to this pod's own channel the way messages go, writing too; answers Redis's clock in Unix ms. */
  probe(text: string): RedisReply<number>;
  /** Renews this pod's lease, by which the others count its members; answers the ids of the living pods. */
  lease(): RedisReply<readonly string[]>;
  /** Publishes to `realtime:control`, which all pods receive. What is `kept` can be recalled by a pod that did not receive it. */
  control(text: string, kept?: Kept): RedisReply<void>;
  /** What was kept there within so many ms, 4,096 at most, in no order. */
  recall(ms: number): RedisReply<readonly Recalled[]>;
  /** Drops the connections and makes new ones, re-resolving where the master is: what looks connected does not answer. */
  reconnect(): void;
  /** Gives the lease back and closes. Completes when done, at most 500 ms later. */
  close(): Observable<void>;
}

/** How Redis keeps a text of `realtime:control`: the last one of a name. */
export interface Kept {
  readonly name: string;
  readonly ms: number;
  /** Nothing is kept under the name from now on. */
  readonly isOver: boolean;
}

/** A text that was kept, and for how long. */
export interface Recalled {
  /** Empty: there was no room to keep some other text. */
  readonly text: string;
  readonly ageMs: number;
}

/** The lease of a pod: so long after the last renewal its members are counted by others. */
export const LEASE_MS = 10_000;

export const GLOBAL_CHANNEL = 'realtime:global';
export const CONTROL_CHANNEL = 'realtime:control';
const ROOM_PREFIX = 'realtime:room:';

/** Contract section 5. */
export const channelOf = (room: Room): string =>
  room === '' ? GLOBAL_CHANNEL : ROOM_PREFIX + room;
export const podChannel = (serverId: string): string => `realtime:pod:${serverId}`;
