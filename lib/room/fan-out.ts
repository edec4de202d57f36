/**
 * A room's way down: what the channel says is gathered for a turn, framed once, and handed to every member's outbox.
 *
 *   Item ─► coalesce (a turn's worth, one buffer) ─► multicast (the Set of members) ─► outboxes
 */
import {
  EMPTY,
  finalize,
  ignoreElements,
  type Observable,
  type OperatorFunction,
  type Subscription,
  pipe,
} from 'rxjs';
import type { Clock } from '../clock.js';
import { framesOf } from '../protocol/frame.js';
import type { Connection, Membership } from '../connection/connection.js';
import { type Bound, type Coalesce, coalesce } from '../rx/coalesce.js';
import { type MulticastSet, multicastSet, type Sink } from '../rx/multicast-set.js';
import type { Batch, Outbox } from '../connection/outbox.js';
import type { Position, LogPosition } from '../protocol/position.js';

/** One message on its way to the members; `top` is where the room stands after it. */
export interface Delivery {
  readonly frame: Buffer;
  readonly top: LogPosition;
  /** Its own offset; undefined for what is outside the log. */
  readonly offset: number | undefined;
  /** The id of what reaches this pod alone: who got it is remembered, should it come again with a place. */
  readonly localId?: string | undefined;
  /** Only members who came in later than this one have not heard it. */
  readonly onlyJoinedAfter?: number | undefined;
  /** A gap for what cannot be had up to `top`: whoever is further has it. */
  readonly isGapMarker?: boolean | undefined;
  /** Connections that must not hear it. */
  readonly except: readonly string[] | undefined;
  /** Unix ms of its acceptance; undefined for what the server says itself. */
  readonly at: number | undefined;
}

/** What members get at once. */
export interface RoomBatch extends Batch {
  readonly top: LogPosition;
  readonly items: readonly Delivery[];
  /** Connections for which some of it is not. */
  readonly excluded: ReadonlySet<string> | undefined;
  /** The first of it that has an offset: whoever is further has read that in the log. */
  readonly first: Delivery | undefined;
  /** It goes over from one epoch to another. */
  readonly changesEpoch: boolean;
  /** Some of it is not for all: for late comers only, or for who is not further. */
  readonly partial: boolean;
}

export interface FanOut {
  /** Members are handed what comes from now on, at the room's pace. */
  readonly toMembers: OperatorFunction<Delivery, never>;
  /** Takes a member in until it is unsubscribed. It has everything up to `at`, which may be further than the others are. */
  enter(membership: Membership, at: LogPosition): Subscription;
  leave(membership: Membership): void;
  size(): number;
  /** What reached this pod alone is on its way: who is in when it is handed on gets it. */
  expectLocal(alone: string): void;
  lastMemberWith(alone: string): LastWith;
  /** Where the members have come to. */
  position(): LogPosition;
  /** The channel begins here: so do members who come before anything was said. */
  beginAt(top: LogPosition): void;
}

/** Who has what reached this pod alone: members who came in no later than `nth`. Of the others nobody has, or it is not `known`. */
export interface LastWith {
  readonly joinSeq: number;
  readonly known: boolean;
}

export interface FanOutDeps {
  readonly clock: Clock;
  /** A connection's send buffer: no batch may take more than half of it. */
  readonly bound: Bound;
  readonly delivered: (batch: RoomBatch, members: number) => void;
  /** So much that nobody could take it has been dropped: what members are told in its place. */
  readonly overflow: () => Delivery;
}

/** Members that get a batch within one turn: 512 writes of 5 µs keep the loop for 2.5 ms. */
const SLICE = 512;
/** A turn's worth for one member: more would outrun the kernel of a reader that keeps up. */
const BATCH = { messages: 128, bytes: 65_536 };
/** Members who are handed a batch in less than a timer can measure. */
const FEW = 64;
/** What may wait in a room for its turn. */
const QUEUE_BOUND = { messages: 65_536, bytes: 64 * 1024 * 1024 };

/** What reached this pod alone and may come again with a place. */
const MAX_LOCAL = 4_096;

export const fanOut = (deps: FanOutDeps): FanOut => new RoomFanOut(deps);

/** A class, as `coalesce` is one, whose options it is: each room has one. */
class RoomFanOut implements FanOut, Coalesce<Delivery, RoomBatch> {
  readonly clock: Clock;
  readonly batch: Bound;
  readonly limit = QUEUE_BOUND;
  readonly toMembers: OperatorFunction<Delivery, never> = pipe(
    coalesce<Delivery, RoomBatch>(this),
    ignoreElements(),
  );
  private readonly members: MulticastSet<RoomBatch>;
  /** Members who had not taken everything when they were last handed something. */
  private readonly late = new Set<Connection>();
  /** Members of an epoch that the others have not come to. */
  private readonly ahead = new Set<Membership>();
  /** The last who came in before each was handed on. */
  private readonly localOnly = new Map<string, number>();
  /** The same of the first one that was let go: those who came in no later have them all. */
  private letGo: number | undefined;
  private entered = 0;
  private at: LogPosition = { tag: 1, offset: 0, ms: 0, id: null };

  constructor(private readonly deps: FanOutDeps) {
    const { clock, bound } = deps;
    this.clock = clock;
    this.members = multicastSet({ slice: SLICE, turn: clock.turn });
    this.batch = {
      messages: Math.min(BATCH.messages, Math.ceil(bound.messages / 2)),
      bytes: Math.min(BATCH.bytes, Math.ceil(bound.bytes / 2)),
    };
  }

  // members

  enter(membership: Membership, at: LogPosition): Subscription {
    membership.joinSeq = ++this.entered;
    if (at.tag !== this.at.tag) this.ahead.add(membership);
    membership.position = at;
    return this.members.subscribe(new MemberSink(this, membership, membership.connection.outbox));
  }

  leave(membership: Membership): void {
    this.late.delete(membership.connection);
    this.ahead.delete(membership);
  }

  size(): number {
    return this.members.size();
  }

  expectLocal(alone: string): void {
    this.remember(alone, Number.POSITIVE_INFINITY);
  }

  lastMemberWith(alone: string): LastWith {
    const nth = this.localOnly.get(alone);
    if (nth !== undefined) return { joinSeq: nth, known: true };
    // nobody was here when it was said
    if (this.letGo === undefined && alone !== '') return { joinSeq: 0, known: true };
    const [first = 0] = this.localOnly.values();
    return { joinSeq: Math.min(this.letGo ?? first, first), known: false };
  }

  position(): LogPosition {
    return this.at;
  }

  beginAt(top: LogPosition): void {
    if (this.members.size() === 0 && !this.members.busy()) this.at = top;
  }

  /** Hands a member what of a batch it has not. */
  deliverTo(membership: Membership, outbox: Outbox, batch: RoomBatch): void {
    const { position } = membership;
    const { top } = batch;
    const { excluded } = batch;
    if (
      batch.partial ||
      isAhead(position, batch) ||
      (excluded !== undefined && excluded.has(membership.connection.id))
    ) {
      const { id } = membership.connection;
      const own = batch.items.filter(
        (item) =>
          item.except?.includes(id) !== true &&
          !has(position, item) &&
          (item.onlyJoinedAfter === undefined || membership.joinSeq > item.onlyJoinedAfter),
      );
      if (own.length > 0) outbox.send(batchOf(own));
    } else outbox.send(batch);
    // who comes from a pod that had heard more stays where it is until the others are there
    if (top.tag === position.tag ? top.offset >= position.offset : !this.ahead.has(membership))
      membership.position = top;
    if (this.ahead.size > 0 && top.tag === membership.position.tag) this.ahead.delete(membership);
    if (outbox.messages > 0) this.late.add(membership.connection);
  }

  // what coalesce asks

  weigh({ frame }: Delivery): number {
    return frame.length;
  }

  join(items: readonly Delivery[]): RoomBatch {
    return roomBatch(items, this.at);
  }

  deliver(batch: RoomBatch): Observable<never> {
    const size = this.members.size();
    const delivery$ = this.members.deliver(batch);
    if (delivery$ !== EMPTY) return delivery$.pipe(finalize(() => this.delivered(batch, size)));
    this.delivered(batch, size);
    return EMPTY;
  }

  /** Somebody who keeps up would be cut by this batch, and has not had the time to take the last one. */
  hold(messages: number, bytes: number): boolean {
    const { late } = this;
    if (late.size === 0) return false;
    for (const connection of late) {
      const { outbox } = connection;
      if (outbox.messages === 0) late.delete(connection);
      else if (!outbox.hasRoom(messages, bytes) && outbox.keepsUp()) return true;
    }
    return false;
  }

  /** A few writes are no time worth measuring: each look at the clock is 0.1 µs. */
  brief(): boolean {
    return this.members.size() < FEW;
  }

  overflow(): Delivery {
    for (const [alone, nth] of this.localOnly)
      if (nth > this.entered) this.localOnly.set(alone, this.entered);
    return this.deps.overflow();
  }

  private delivered(batch: RoomBatch, size: number): void {
    this.at = batch.top;
    for (const { localId } of batch.items)
      if (localId !== undefined) this.remember(localId, this.entered);
    this.deps.delivered(batch, size);
  }

  private remember(alone: string, nth: number): void {
    this.localOnly.set(alone, nth);
    if (this.localOnly.size <= MAX_LOCAL) return;
    for (const [oldest, last] of this.localOnly) {
      this.localOnly.delete(oldest);
      this.letGo ??= Math.min(last, this.entered);
      return;
    }
  }
}

/** A member's end of the fan-out. */
class MemberSink implements Sink<RoomBatch> {
  constructor(
    private readonly fanOut: RoomFanOut,
    private readonly membership: Membership,
    private readonly outbox: Outbox,
  ) {}

  take(batch: RoomBatch): void {
    this.fanOut.deliverTo(this.membership, this.outbox, batch);
  }
}

/** Some of the batch may be what it has read in the log already. */
const isAhead = (position: Position, { first, changesEpoch }: RoomBatch): boolean =>
  changesEpoch || (first !== undefined && has(position, first));

const has = ({ tag, offset }: Position, item: Delivery): boolean =>
  item.top.tag === tag &&
  (item.offset !== undefined
    ? item.offset <= offset
    : item.isGapMarker === true && item.top.offset < offset);

const batchOf = (items: readonly Delivery[]): Batch => ({
  count: items.length,
  bytes: framesIn(items),
});

const framesIn = (items: readonly Delivery[]): Buffer => {
  const [only] = items;
  return items.length === 1 && only !== undefined
    ? only.frame
    : framesOf(items.map(({ frame }) => frame));
};

/** One pass: in a small room there is a batch a message. */
const roomBatch = (items: readonly Delivery[], reached: LogPosition): RoomBatch => {
  let top = items[0]?.top ?? reached;
  let first: Delivery | undefined;
  let turning = false;
  let partial = false;
  for (const item of items) {
    if (item.offset !== undefined) first ??= item;
    turning ||= item.top.tag !== top.tag;
    partial ||= item.onlyJoinedAfter !== undefined || item.isGapMarker === true;
    top = item.top;
  }
  return {
    count: items.length,
    bytes: framesIn(items),
    top,
    items,
    excluded: exceptedBy(items),
    first,
    changesEpoch: turning,
    partial,
  };
};

const exceptedBy = (items: readonly Delivery[]): ReadonlySet<string> | undefined => {
  let ids: Set<string> | undefined;
  for (const { except } of items) {
    if (except === undefined) continue;
    ids ??= new Set();
    for (const id of except) ids.add(id);
  }
  return ids;
};
