/**
 * Where a channel is in its room's order, and what a message is, seen from there: the next one, a repeat,
 * from before we began, outside the log, or in doubt until the log was asked. Knows no time but the one in
 * which late messages come.
 */
import { BoundedMap } from '../../bounded-map.js';
import { isLeft, type Either } from 'fp-ts/lib/Either.js';
import type { Clock } from '../../clock.js';
import type { Publication } from '../../protocol/publication.js';
import {
  GLOBAL,
  type MessageId,
  NONCES,
  type Room,
  type LogPosition,
} from '../../protocol/position.js';
import type { ChannelEvent } from '../index.js';
import { confirmedOf, isOfLog, type Missing, missing } from './confirmation.js';
import { recentIds } from './recent-ids.js';
import { unlogged } from './unlogged.js';

export type Delivered = Extract<ChannelEvent, { readonly _tag: 'Published' | 'Echoed' }>;

export interface SequenceDeps {
  readonly room: Room;
  /** Our place until the log told one. */
  readonly start: LogPosition;
  readonly clock: Clock;
  /**
   * Answers overtake what is heard: for so long, what the log counted before it answered is still on its
   * way.
   */
  readonly lateMs: number;
  /**
   * The id under which this pod's members have a message already, as its publish seemed to have failed. A
   * query.
   */
  readonly echoOf: (publication: Publication) => string | undefined;
  /** What members get, in order. */
  readonly deliver: (event: Delivered) => void;
  /** A message in our words, under this id. */
  readonly reissue: (
    publication: Publication,
    id: MessageId,
    isForeign: boolean,
  ) => Either<string, Publication>;
  /**
   * All of a message, of which the head alone may have been read; undefined: it is none, and `dropped` was
   * told.
   */
  readonly decodeFully: (publication: Publication) => Publication | undefined;
  readonly dropped: (detail: string) => void;
}

export interface Sequence {
  /** Our place. */
  position(): LogPosition;
  /** The log has this id at this offset. Of another epoch than ours: false. */
  confirm(tag: number, offset: number, id: string | null): boolean;
  isConfirmed(publication: Publication): boolean;
  /** Deals with a message that needs no word of the log. False: in doubt. */
  acceptInOrder(publication: Publication): boolean;
  /** Those that are believed by what is sure, in order. `isComplete`: all that was pushed was heard. */
  confirmed(queue: readonly Publication[], isComplete: boolean): readonly Publication[];
  missing(queue: readonly Publication[], position: LogPosition): Missing;
  /**
   * The log stands at `top`, and this message was received before that was asked: it is not in the log.
   */
  isForeign(publication: Publication, top: LogPosition): boolean;
  /** Messages behind it wait until it is known whether the log has it. */
  isBlocking(publication: Publication): boolean;
  /** Another message of our epoch was heard at this place. */
  isContradicted(publication: Publication): boolean;
  /** Goes on from a place that the log told. */
  beginAt(position: LogPosition): void;
  /** Where we stood in an epoch that we left, or its start: Redis may come back to it. */
  positionIn(position: LogPosition): LogPosition;
  /** Says a message that has its place. */
  advance(publication: Publication): void;
  /** Says what a pod said outside the log, once, wherever we are. */
  passUnlogged(publication: Publication): void;
  /** Deals with a message that the log does not hold. */
  passThrough(publication: Publication): void;
}

/** What has no offset is known again for so many others: 2 kB a room. */
const MAX_OUTSIDE = 32;
/** Epochs that Redis may come back to. */
const MAX_PREVIOUS_EPOCHS = 8;
/** Of what our own script placed and we have not heard yet; the log can be asked for more. */
const MAX_CONFIRMED = 1_024;

export const sequence = (deps: SequenceDeps): Sequence => {
  const { room, clock, lateMs, echoOf, deliver, reissue, decodeFully, dropped } = deps;
  const isGlobal = room === GLOBAL;
  const seen = recentIds();
  const outside = new BoundedMap<string, true>(MAX_OUTSIDE);
  const foreign = unlogged();
  const previousEpochs = new BoundedMap<number, LogPosition>(MAX_PREVIOUS_EPOCHS);
  const confirmedIds = new Map<number, string>();
  let known = deps.start;
  let lateUntil = 0;

  const deliverOutside = (publication: Publication): void =>
    deliver({ _tag: 'Published', publication, offset: undefined, top: known });

  const advance = (publication: Publication): void => {
    const { tag, offset, ms } = publication.id;
    seen.add(offset, publication.idText);
    confirmedIds.delete(offset);
    known = { tag, offset, ms, id: publication.idText };
    const as = echoOf(publication) ?? foreign.recall(publication);
    if (as === undefined) deliver({ _tag: 'Published', publication, offset, top: known });
    else deliver({ _tag: 'Echoed', publication, offset, top: known, as });
  };

  /**
   * What the script says outside the log shows the place that it found; one that we have not come to we do
   * not show.
   */
  const isOurs = ({ id, type }: Publication): boolean =>
    id.outside && type === 'presence' && id.global === isGlobal && id.tag === known.tag;

  /** Whether it comes for the first time. */
  const isNew = ({ idText }: Publication): boolean => {
    if (outside.has(idText)) return false;
    outside.put(idText, true);
    return true;
  };

  const passOutside = (publication: Publication): void => {
    if (isNew(publication)) deliverOutside(publication);
  };

  const retellOurs = (publication: Publication): void => {
    if (!isNew(publication)) return;
    const { tag, offset, ms } = known;
    const { global } = publication.id;
    // our place and its own time: none of `BEHIND`
    const nonce = publication.id.nonce % NONCES;
    const reissued = reissue(publication, { tag, offset, ms, global, outside: true, nonce }, false);
    if (isLeft(reissued)) dropped(reissued.left);
    else deliverOutside(reissued.right);
  };

  const passForeign = (publication: Publication): void => {
    const id = foreign.name(publication, known, isGlobal);
    // members have what was said here when its publish failed
    if (id === undefined || echoOf(publication) !== undefined) return;
    const reissued = reissue(publication, id, true);
    if (isLeft(reissued)) return dropped(reissued.left);
    foreign.passed(publication, reissued.right.idText);
    deliverOutside(reissued.right);
  };

  /** In one history the ms go up with the offsets. */
  const isBefore = (publication: Publication): boolean =>
    publication.id.offset <= known.offset &&
    publication.id.ms <= known.ms &&
    !seen.contradicts(publication);

  const isHere = ({ id }: Publication): boolean => isOfLog(id, known.tag, isGlobal);

  const isSure = (publication: Publication): boolean =>
    isHere(publication) && confirmedIds.get(publication.id.offset) === publication.idText;

  return {
    position: () => known,
    confirm: (tag, offset, id) => {
      if (tag !== known.tag) return false;
      if (id === null || offset <= known.offset) return true;
      if (confirmedIds.size >= MAX_CONFIRMED) confirmedIds.clear();
      confirmedIds.set(offset, id);
      return true;
    },
    isConfirmed: isSure,
    acceptInOrder: (publication) => {
      const { id } = publication;
      if (isOurs(publication)) {
        if (id.offset > known.offset) return false;
        retellOurs(publication);
        return true;
      }
      if (!isHere(publication)) return false;
      if (id.offset === known.offset + 1 && isSure(publication)) {
        advance(publication);
        return true;
      }
      const isOver =
        seen.has(publication) || (isBefore(publication) && clock.scheduler.now() < lateUntil);
      // what is no message is counted, though nobody would be told it
      if (isOver) decodeFully(publication);
      return isOver;
    },
    confirmed: (queue, isComplete) =>
      confirmedOf({ queue, known, sure: confirmedIds, isGlobal, isComplete }),
    missing: (queue, top) => missing({ queue, known, sure: confirmedIds, isGlobal }, top),
    isForeign: (publication, top) => {
      const { id, idText } = publication;
      if (isOurs(publication) || id.offset > top.offset) return id.offset > top.offset;
      if (!isHere(publication) || id.offset <= known.offset) return true;
      const confirmedId = confirmedIds.get(id.offset);
      return confirmedId !== undefined && confirmedId !== idText;
    },
    isBlocking: (publication) => !isOurs(publication),
    isContradicted: (publication) =>
      isHere(publication) && publication.id.offset <= known.offset && seen.contradicts(publication),
    beginAt: (top) => {
      if (known.tag !== top.tag) {
        previousEpochs.delete(known.tag);
        previousEpochs.put(known.tag, known);
        confirmedIds.clear();
      }
      if (top.id !== null) seen.add(top.offset, top.id);
      lateUntil = clock.scheduler.now() + lateMs;
      known = top;
    },
    positionIn: ({ tag, ms }) =>
      previousEpochs.get(tag) ?? { tag, offset: 0, ms: Math.min(known.ms, ms), id: null },
    advance,
    passUnlogged: passOutside,
    passThrough: (pushed) => {
      // nobody vouches for it, so what it is all of it says: of a key given twice the last holds
      const publication = decodeFully(pushed);
      if (publication === undefined) return;
      // said by a pod: what it shows is not believed, but it says nothing of itself that would be
      if (isOurs(publication)) retellOurs(publication);
      // older than what we remember, and no other was heard there
      else if (!isHere(publication) || !isBefore(publication)) passForeign(publication);
    },
  };
};

/** The place that a message comes right after. */
export const positionBefore = ({ id: { tag, offset, ms } }: Publication): LogPosition => ({
  tag,
  offset: offset - 1,
  ms,
  id: null,
});
