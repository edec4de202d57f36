/**
 * The position of a channel in its room's order. It decides what each message is: the next one, a repeat,
 * older than the channel, outside the log, or in doubt until the log answers. Time matters only for messages
 * that come late.
 */
import { isSome } from 'fp-ts/lib/Option.js';
import { BoundedMap } from '../../bounded-map.js';
import type { Clock } from '../../clock.js';
import type { Page } from '../../history/page.js';
import type { Publication } from '../../protocol/publication.js';
import {
  GLOBAL,
  LastMessage,
  type LogPosition,
  parseId,
  type Room,
} from '../../protocol/position.js';
import type { Delivered } from './channel-events.js';
import { confirmedOf, isOfLog, type Missing, missing } from './confirmation.js';
import { confirmedIds } from './confirmed-ids.js';
import { recentIds } from './recent-ids.js';
import { outsideLog, type OutsideLogDeps } from './outside-log.js';

export interface SequenceDeps extends OutsideLogDeps {
  readonly room: Room;
  /** The channel's position before the log is known. */
  readonly start: LogPosition;
  readonly clock: Clock;
  /** Answers overtake pushes: for this long, messages that an answer covered may still be on their way. */
  readonly lateMs: number;
  /**
   * Decodes all of a message, of which perhaps only the head was decoded before. Undefined: not valid, and
   * `dropped` was called.
   */
  readonly decodeFully: (publication: Publication) => Publication | undefined;
}

export interface Sequence {
  /** The channel's position. */
  position(): LogPosition;
  /** The last position of the log that is known: the channel's, or one after it (`confirmed-ids.ts`). */
  furthest(): LogPosition;
  /** The page of this epoch has another message at the offset of a known id (`confirmed-ids.ts`). */
  readonly contradicts: (page: Page) => boolean;
  /** Confirms that the log has this id at this offset. Returns false when the epoch is not the channel's. */
  confirm(tag: number, offset: number, id: string | null): boolean;
  /** The log should have this id at this offset, but has not answered with it. */
  expect(tag: number, offset: number, id: string): void;
  isConfirmed(publication: Publication): boolean;
  /** What members get of a message that is confirmed and the next one: the fast path. Else undefined. */
  next(publication: Publication): Delivered | undefined;
  /** `next` for a message that the port has placed: it needs no confirmation. */
  nextPlaced(publication: Publication): Delivered | undefined;
  /** Handles a message that needs no answer of the log. Returns false when the message is in doubt. */
  acceptInOrder(publication: Publication): boolean;
  /** The messages that are confirmed, in order. `isComplete`: everything that was pushed was received. */
  confirmed(queue: readonly Publication[], isComplete: boolean): readonly Publication[];
  missing(queue: readonly Publication[], position: LogPosition): Missing;
  /**
   * Whether the log, whose position is `top`, does not have this message. The message was received before the
   * log was asked.
   */
  isForeign(publication: Publication, top: LogPosition): boolean;
  /** Whether later messages wait until it is known whether the log has this one. */
  isBlocking(publication: Publication): boolean;
  /** Another message of this epoch was received with the same offset. */
  isContradicted(publication: Publication): boolean;
  /** Goes on from a position of the log. */
  beginAt(position: LogPosition): void;
  /** The channel's last position in another epoch, or the start of that epoch: Redis may come back to it. */
  positionIn(position: LogPosition): LogPosition;
  /** Delivers a message that is the next one in the order. */
  readonly advance: (publication: Publication) => void;
  /** Delivers a message that reaches the members on this pod only, once. */
  passUnlogged(publication: Publication): void;
  /** Delivers a message that the log does not have, under an id outside the log. Drops a repeat. */
  passThrough(publication: Publication): void;
}

/** How many epochs are remembered that Redis may come back to. */
const MAX_PREVIOUS_EPOCHS = 8;

export const sequence = (deps: SequenceDeps): Sequence => {
  const { room, clock, lateMs, echoOf, deliver, decodeFully } = deps;
  const isGlobal = room === GLOBAL;
  const seen = recentIds();
  const outside = outsideLog({ ...deps, isGlobal, position: () => known });
  const previousEpochs = new BoundedMap<number, LogPosition>(MAX_PREVIOUS_EPOCHS);
  const ids = confirmedIds();
  let known = deps.start;
  let lateUntil = 0;

  /** Moves the position to the message. */
  const advanced = (publication: Publication): Delivered => {
    const { offset } = publication.id;
    seen.add(publication.id);
    ids.delete(offset);
    known = new LastMessage(publication.id);
    const as = echoOf(publication) ?? outside.recall(publication);
    return as === undefined
      ? { _tag: 'Published', publication, offset, top: known }
      : { _tag: 'Echoed', publication, offset, top: known, as };
  };

  const advance = (publication: Publication): void => deliver(advanced(publication));

  const next = (publication: Publication): Delivered | undefined =>
    publication.id.offset === known.offset + 1 && isSure(publication)
      ? advanced(publication)
      : undefined;

  /** Whether the message is older than the channel: in one history the ms go up with the offsets. */
  const isBefore = (publication: Publication): boolean =>
    publication.id.offset <= known.offset &&
    publication.id.ms <= known.ms &&
    !seen.contradicts(publication);

  const isHere = ({ id }: Publication): boolean => isOfLog(id, known.tag, isGlobal);

  const isSure = (publication: Publication): boolean =>
    isHere(publication) && ids.byOffset.get(publication.id.offset) === publication.idText;

  return {
    position: () => known,
    furthest: () => ids.furthest(known),
    contradicts: ids.contradicts,
    confirm: (tag, offset, id) => {
      if (tag !== known.tag) return false;
      if (id === null || offset <= known.offset) return true;
      ids.put(offset, id);
      return true;
    },
    expect: (tag, offset, id) => {
      if (tag === known.tag && offset > known.offset) ids.expect(offset, id);
    },
    isConfirmed: isSure,
    next,
    nextPlaced: (publication) =>
      publication.id.offset === known.offset + 1 && isHere(publication)
        ? advanced(publication)
        : undefined,
    acceptInOrder: (publication) => {
      const { id } = publication;
      if (outside.isOurs(publication)) {
        if (id.offset > known.offset) return false;
        outside.passOurs(publication);
        return true;
      }
      if (!isHere(publication)) return false;
      const event = next(publication);
      if (event !== undefined) {
        deliver(event);
        return true;
      }
      const isOver =
        seen.has(publication) || (isBefore(publication) && clock.scheduler.now() < lateUntil);
      // a repeat is not delivered; it is decoded only so that an invalid one is counted as dropped
      if (isOver) decodeFully(publication);
      return isOver;
    },
    confirmed: (queue, isComplete) =>
      confirmedOf({ queue, known, sure: ids.byOffset, isGlobal, isComplete }),
    missing: (queue, top) => missing({ queue, known, sure: ids.byOffset, isGlobal }, top),
    isForeign: (publication, top) => {
      const { id, idText } = publication;
      if (outside.isOurs(publication) || id.offset > top.offset) return id.offset > top.offset;
      if (!isHere(publication) || id.offset <= known.offset) return true;
      const confirmedId = ids.byOffset.get(id.offset);
      return confirmedId !== undefined && confirmedId !== idText;
    },
    isBlocking: (publication) => !outside.isOurs(publication),
    isContradicted: (publication) =>
      isHere(publication) && publication.id.offset <= known.offset && seen.contradicts(publication),
    beginAt: (top) => {
      if (known.tag !== top.tag) {
        previousEpochs.delete(known.tag);
        previousEpochs.put(known.tag, known);
        ids.clear();
      }
      const last = parseId(top.id ?? '');
      if (isSome(last)) seen.add(last.value);
      lateUntil = clock.scheduler.now() + lateMs;
      known = top;
    },
    positionIn: ({ tag, ms }) =>
      previousEpochs.get(tag) ?? { tag, offset: 0, ms: Math.min(known.ms, ms), id: null },
    advance,
    passUnlogged: outside.passLocal,
    passThrough: (pushed) => {
      // no log confirms this message, so all of it is decoded: a field of its head may come again later in its
      // JSON, and the last one counts
      const publication = decodeFully(pushed);
      if (publication === undefined) return;
      // a pod's presence message: it gets the position of this channel
      if (outside.isOurs(publication)) outside.passOurs(publication);
      // an older message of this epoch is not delivered again, unless another message was received with its
      // offset
      else if (!isHere(publication) || !isBefore(publication)) outside.passForeign(publication);
    },
  };
};

/** The position just before a message. */
export const positionBefore = ({ id: { tag, offset, ms } }: Publication): LogPosition => ({
  tag,
  offset: offset - 1,
  ms,
  id: null,
});
