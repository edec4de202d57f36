/**
 * From a room to its members: the deliveries of a turn are gathered in one buffer, which is passed to the
 * outbox of each member.
 *
 *   Delivery ─► coalesce (a turn's worth, one buffer) ─► multicastSet (the members) ─► outboxes
 */
import {
  EMPTY,
  finalize,
  type Observable,
  type OperatorFunction,
  type Subscription,
  pipe,
} from 'rxjs';
import type { Clock } from '../clock.js';
import type { Connection, Membership } from '../connection/connection.js';
import { type Bound, type Coalesce, coalesce } from '../rx/coalesce.js';
import { consume } from '../rx/consume.js';
import { type MulticastSet, multicastSet, type Sink } from '../rx/multicast-set.js';
import type { Outbox } from '../connection/outbox.js';
import type { LogPosition } from '../protocol/position.js';
import { batchFor, type Delivery, type RoomBatch, roomBatch } from './delivery.js';
import { type LastReceiver, LocalReceivers } from './local-receivers.js';

export interface FanOut {
  /** Delivers to the members, at the room's pace. */
  readonly toMembers: OperatorFunction<Delivery, never>;
  /**
   * Adds a member; the returned subscription removes it. The member has everything up to `at`, which may be
   * later than the position of the other members.
   */
  enter(membership: Membership, at: LogPosition): Subscription;
  leave(membership: Membership): void;
  size(): number;
  /** A message outside the log is on its way: those who are members when it is delivered get it. */
  expectLocal(id: string): void;
  lastReceiver(id: string): LastReceiver;
  /** The position of the members. */
  position(): LogPosition;
  /** The channel begins at this position. While the room has no members, `position` becomes this one too. */
  beginAt(top: LogPosition): void;
}

export interface FanOutDeps {
  readonly clock: Clock;
  /** The bound of a connection's send buffer: no batch of several messages takes more than half of it. */
  readonly bound: Bound;
  readonly delivered: (batch: RoomBatch, members: number) => void;
  /**
   * What members are sent in place of the messages in the room's queue when these were dropped, as there were
   * too many.
   */
  readonly overflow: () => Delivery;
}

/** How many members get a batch within one turn: 512 writes of 5 µs block the event loop for 2.5 ms. */
const SLICE = 512;
/**
 * The largest batch that a member is sent in a turn: a larger one may not fit in the kernel's buffer, even
 * when the reader keeps up.
 */
const BATCH = { messages: 128, bytes: 65_536 };
/** With fewer members than this, the wait after a batch is too short for a timer. */
const FEW = 64;
/** How many deliveries may wait in a room, and their bytes. */
const QUEUE_BOUND = { messages: 65_536, bytes: 64 * 1024 * 1024 };

export const fanOut = (deps: FanOutDeps): FanOut => new RoomFanOut(deps);

/** A class, as each room has one. It is also the options of its `coalesce`. */
class RoomFanOut implements FanOut, Coalesce<Delivery, RoomBatch> {
  readonly clock: Clock;
  readonly batch: Bound;
  readonly limit = QUEUE_BOUND;
  readonly toMembers: OperatorFunction<Delivery, never> = pipe(
    coalesce<Delivery, RoomBatch>(this),
    consume(nothing),
  );
  private readonly members: MulticastSet<RoomBatch>;
  /** Members who had unsent frames when they got the last batch. */
  private readonly late = new Set<Connection>();
  /** Members whose epoch the others have not reached yet. */
  private readonly ahead = new Set<Membership>();
  private readonly receivers = new LocalReceivers();
  /** `joinSeq` of the last member. */
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

  expectLocal(id: string): void {
    this.receivers.expect(id, this.entered);
  }

  lastReceiver(id: string): LastReceiver {
    return this.receivers.of(id);
  }

  position(): LogPosition {
    return this.at;
  }

  beginAt(top: LogPosition): void {
    if (this.members.size() === 0 && !this.members.busy()) this.at = top;
  }

  deliverTo(membership: Membership, outbox: Outbox, batch: RoomBatch): void {
    const { position } = membership;
    const { top } = batch;
    const own = batchFor(membership, batch);
    if (own !== undefined) outbox.send(own);
    // a member that read the next epoch in the log keeps its position until the others are there
    if (top.tag === position.tag ? top.offset >= position.offset : !this.ahead.has(membership))
      membership.position = top;
    if (this.ahead.size > 0 && top.tag === membership.position.tag) this.ahead.delete(membership);
    if (outbox.messages > 0) this.late.add(membership.connection);
  }

  // the functions of `coalesce`

  weigh({ frame }: Delivery): number {
    return frame.length;
  }

  join(items: readonly Delivery[]): RoomBatch {
    return roomBatch(items, this.at);
  }

  deliver(batch: RoomBatch): Observable<never> {
    const size = this.members.size();
    const delivering$ = this.members.deliver(batch);
    if (delivering$ !== EMPTY) return delivering$.pipe(finalize(() => this.delivered(batch, size)));
    this.delivered(batch, size);
    return EMPTY;
  }

  /**
   * Whether the batch must wait: now it would close the connection of a member who keeps up, but has not had
   * the time to take the last batch.
   */
  hold(messages: number, bytes: number): boolean {
    const { late } = this;
    if (late.size === 0) return false;
    for (const connection of late) {
      const { outbox } = connection;
      if (outbox.messages === 0) late.delete(connection);
      else if (!outbox.hasSpace(messages, bytes) && outbox.keepsUp()) return true;
    }
    return false;
  }

  /** The time of few writes is not measured, as each read of the clock costs 0.1 µs. */
  brief(): boolean {
    return this.members.size() < FEW;
  }

  overflow(): Delivery {
    this.receivers.dropped(this.entered);
    return this.deps.overflow();
  }

  private delivered(batch: RoomBatch, size: number): void {
    this.at = batch.top;
    for (const { localId } of batch.items)
      if (localId !== undefined) this.receivers.delivered(localId, this.entered);
    this.deps.delivered(batch, size);
  }
}

/** `ignoreElements` would be two objects more to load for each batch. */
const nothing = (): void => undefined;

/** The subscriber of one member. */
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
