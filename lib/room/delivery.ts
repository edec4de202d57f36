/**
 * One message on its way to the members (`Delivery`), and what members get at once (`RoomBatch`). A batch
 * knows whether some of it is not for all members: so for most batches no member's messages are checked one
 * by one.
 */
import type { Membership } from '../connection/connection.js';
import type { Batch } from '../connection/outbox.js';
import { framesOf } from '../protocol/frame.js';
import type { LogPosition, Position } from '../protocol/position.js';

export interface Delivery {
  readonly frame: Buffer;
  /** The room's position in the log after it. */
  readonly top: LogPosition;
  /** Its own offset; undefined for a message outside the log. */
  readonly offset: number | undefined;
  /**
   * The id of a message outside the log: of the fallback, or foreign. Its receivers are remembered, as the
   * log may have it later.
   */
  readonly localId?: string | undefined;
  /** Only for members with a greater `joinSeq`: the others have the message. */
  readonly onlyJoinedAfter?: number | undefined;
  /**
   * A `gap` for what is missing up to `top`. A member at `top` or later does not get it: that member has read
   * these messages in the log, or was sent a gap of its own.
   */
  readonly isGapMarker?: boolean | undefined;
  /** Ids of connections that do not get it. */
  readonly except: readonly string[] | undefined;
  /** The time in the message's id, Unix ms; undefined for a control message and for an echo. */
  readonly at: number | undefined;
}

/** What members are sent in one write. */
export interface RoomBatch extends Batch {
  readonly top: LogPosition;
  readonly items: readonly Delivery[];
  /** The first delivery with an offset: a member at this offset or beyond has read it in the log. */
  readonly first: Delivery | undefined;
  /** Ids of connections that do not get all of it. */
  readonly excluded: ReadonlySet<string> | undefined;
  /**
   * Whether some of it may be for some members only: `onlyJoinedAfter`, `isGapMarker`, or the batch goes from
   * one epoch of the log to another. Then each delivery is checked for each member.
   */
  readonly partial: boolean;
}

/** `position`: that of the members. */
export const roomBatch = (items: readonly Delivery[], position: LogPosition): RoomBatch => {
  let top = items[0]?.top ?? position;
  let first: Delivery | undefined;
  let partial = false;
  for (const item of items) {
    if (item.offset !== undefined) first ??= item;
    partial ||=
      item.onlyJoinedAfter !== undefined || item.isGapMarker === true || item.top.tag !== top.tag;
    top = item.top;
  }
  const excluded = excludedBy(items);
  return { count: items.length, bytes: framesIn(items), top, items, excluded, first, partial };
};

/** The part of a batch that a member is sent: all, some, or nothing (undefined). */
export const batchFor = (membership: Membership, batch: RoomBatch): Batch | undefined => {
  const { position } = membership;
  const { excluded, first, partial } = batch;
  const isWhole = !partial && (first === undefined || !has(position, first));
  // the connection is loaded only when it must be: it may not be in the processor's cache
  if (isWhole && excluded === undefined) return batch;
  const { id } = membership.connection;
  if (isWhole && excluded?.has(id) !== true) return batch;
  const { joinSeq } = membership;
  const own = batch.items.filter(
    (item) =>
      item.except?.includes(id) !== true &&
      !has(position, item) &&
      (item.onlyJoinedAfter === undefined || joinSeq > item.onlyJoinedAfter),
  );
  return own.length === 0 ? undefined : { count: own.length, bytes: framesIn(own) };
};

/** Whether a member at this position has the delivery, or does not need it. */
const has = ({ tag, offset }: Position, item: Delivery): boolean => {
  const upTo = item.isGapMarker === true ? item.top.offset : item.offset;
  return item.top.tag === tag && upTo !== undefined && upTo <= offset;
};

const framesIn = (items: readonly Delivery[]): Buffer => {
  const [only] = items;
  return items.length === 1 && only !== undefined
    ? only.frame
    : framesOf(items.map(({ frame }) => frame));
};

const excludedBy = (items: readonly Delivery[]): ReadonlySet<string> | undefined => {
  let ids: Set<string> | undefined;
  for (const { except } of items) {
    if (except === undefined) continue;
    ids ??= new Set();
    for (const id of except) ids.add(id);
  }
  return ids;
};
