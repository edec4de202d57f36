/**
 * The events of the broker's channel of a room, as deliveries to the members.
 *
 *   Published ─► the message                       Echoed ─► the message, to members who do not have it
 *   Gap       ─► a `gap` for all members
 *   Opened    ─► position and scope; the fan-out begins there
 *   Counted, Failed ─► the room (room.ts)
 *
 * The state is the channel's position, its scope and the nonce of the last id outside the log.
 */
import type { OperatorFunction } from 'rxjs';
import type { ChannelEvent, PublishError, Scope } from '../broker/index.js';
import type { Clock } from '../clock.js';
import { isAtTop } from '../history/resume-point.js';
import { systemFrame } from '../protocol/payload.js';
import {
  drawNonce,
  GLOBAL,
  type LogPosition,
  nextNonce,
  type Position,
  type Room,
} from '../protocol/position.js';
import type { GapReason, SystemEvent } from '../protocol/system-event.js';
import type { Resume } from '../protocol/resume.js';
import { mapSome } from '../rx/map-some.js';
import type { Delivery } from './delivery.js';
import type { FanOut } from './fan-out.js';

type Of<T extends ChannelEvent['_tag']> = Extract<ChannelEvent, { readonly _tag: T }>;
/** Not for the members: for the room. */
export type RoomEvent = Of<'Opened'> | Of<'Counted'> | Of<'Failed'>;

/**
 * The broker cannot open this room, or refuses its channel from now on. That is no bug: the members get
 * `left` with the reason `failed`, and the next join tries again.
 */
export class ChannelRefused extends Error {
  constructor(readonly reason: PublishError) {
    super('the broker refused the channel of the room');
  }
}

export interface RoomChannel {
  /** The channel's position in the log. */
  readonly position: () => LogPosition;
  /** Undefined before the channel has opened. */
  readonly scope: () => Scope | undefined;
  /** Takes over position and scope. Returns whether the channel has opened for the first time. */
  readonly open: (event: Of<'Opened'>) => boolean;
  /** What the members get. All other events are handed to `onRoomEvent`. */
  readonly deliveries: (
    onRoomEvent: (event: RoomEvent) => void,
  ) => OperatorFunction<ChannelEvent, Delivery>;
  /** A message of the server to all members but `except` (ids of connections). */
  readonly system: (event: SystemEvent, except?: readonly string[]) => Delivery;
  /** A `gap` for all members; `expired` only for those that are behind the position. */
  readonly gap: (reason: GapReason) => Delivery;
  /** Whether nothing is missing after `resume`, while the log cannot be read. */
  readonly isAtTop: (resume: Resume, position: LogPosition) => boolean;
}

export interface RoomChannelDeps {
  readonly room: Room;
  readonly clock: Clock;
  readonly members: Pick<FanOut, 'expectLocal' | 'lastReceiver' | 'beginAt'>;
  readonly globalPosition: () => Position;
  /** Called for each `gap` of this channel. */
  readonly gapSent: (reason: GapReason) => void;
  /** The log has begun a new epoch. */
  readonly epochChanged: () => void;
}

export const roomChannel = (deps: RoomChannelDeps): RoomChannel => new Channel(deps);

/** A class, as each room has one, and it is mostly not in the processor's cache when a message comes. */
class Channel implements RoomChannel {
  private at: LogPosition;
  private known: Scope | undefined = undefined;
  private nonce: number;

  constructor(private readonly deps: RoomChannelDeps) {
    this.at = { ...deps.globalPosition(), id: null };
    this.nonce = drawNonce(deps.clock.random);
  }

  position(): LogPosition {
    return this.at;
  }

  scope(): Scope | undefined {
    return this.known;
  }

  open({ scope, top }: Of<'Opened'>): boolean {
    const isFirst = this.known === undefined;
    this.known = scope;
    this.at = top;
    this.deps.members.beginAt(top);
    return isFirst;
  }

  deliveries(onRoomEvent: (event: RoomEvent) => void): OperatorFunction<ChannelEvent, Delivery> {
    return mapSome((event) => {
      switch (event._tag) {
        case 'Published':
          return this.published(event);
        case 'Echoed':
          return this.echoed(event);
        case 'Gap':
          return this.missed(event);
        case 'Opened':
        case 'Counted':
        case 'Failed':
          onRoomEvent(event);
          return undefined;
      }
    });
  }

  system(event: SystemEvent, except?: readonly string[]): Delivery {
    const { clock, room, globalPosition } = this.deps;
    const { tag, offset, ms: ownMs } = this.at;
    // the time of the later of a member's two logs, as in the ids of a connection
    const ms = Math.max(ownMs, globalPosition().ms);
    this.nonce = nextNonce(this.nonce);
    const id = { tag, offset, ms, global: room === GLOBAL, outside: true, nonce: this.nonce };
    const frame = systemFrame(id, clock.wall(), event);
    return { frame, top: this.at, offset: undefined, except, at: undefined };
  }

  gap(reason: GapReason): Delivery {
    const { room, gapSent } = this.deps;
    gapSent(reason);
    const named = room === GLOBAL ? undefined : room;
    const delivery = this.system({ event: 'gap', room: named, reason });
    return reason === 'expired' ? { ...delivery, isGapMarker: true } : delivery;
  }

  /** With the scope `pod`, the room has a position of the pod's own, which cannot be compared with a time. */
  isAtTop(resume: Resume, at: LogPosition): boolean {
    return (
      (resume._tag === 'After' || this.known === 'cluster') &&
      isAtTop(resume, at, this.deps.room === GLOBAL)
    );
  }

  private published({ publication, offset, top }: Of<'Published'>): Delivery {
    const { id, type, frame, except } = publication;
    this.at = top;
    // only for messages outside the log: to make the text of an id costs 0.3 µs
    const localId = offset === undefined && type !== 'presence' ? publication.idText : undefined;
    if (localId !== undefined) this.deps.members.expectLocal(localId);
    const excluded = except === undefined ? undefined : [except];
    return { frame, top, offset, localId, except: excluded, at: id.ms };
  }

  /**
   * Members up to the last receiver have the message already. When it is not known which of the later members
   * have it, all later members are sent a gap.
   */
  private echoed({ publication, offset, top, as }: Of<'Echoed'>): Delivery {
    const { joinSeq: onlyJoinedAfter, known } = this.deps.members.lastReceiver(as);
    this.at = top;
    if (!known) return { ...this.gap('broker_outage'), isGapMarker: true, onlyJoinedAfter };
    const { frame } = publication;
    return { frame, top, offset, onlyJoinedAfter, except: undefined, at: undefined };
  }

  private missed({ top, reason }: Of<'Gap'>): Delivery {
    // from now on the room follows the log, also when it was opened with the scope `pod`
    this.known = 'cluster';
    if (this.at.tag !== top.tag) this.deps.epochChanged();
    this.at = top;
    return this.gap(reason);
  }
}
