/**
 * Where a channel is in its room's order, and what a message is, seen from there: the next one, a repeat,
 * from before we began, outside the log, or in doubt until the log was asked. Knows no time but the one in
 * which late messages come.
 */
import { isLeft, type Either } from 'fp-ts/lib/Either.js';
import type { Clock } from '../clock.js';
import type { Publication } from '../codec.js';
import { GLOBAL, type Id, NONCES, type Room, type Top } from '../position.js';
import { believed, isOfLog, type Missing, missing } from './chain.js';
import { recent } from './recent.js';
import { strangers } from './strangers.js';

export interface OrderDeps {
  readonly room: Room;
  /** Our place until the log told one. */
  readonly start: Top;
  readonly clock: Clock;
  /**
   * Answers overtake what is heard: for so long, what the log counted before it answered is still on its
   * way.
   */
  readonly lateMs: number;
  readonly echoOf: (publication: Publication) => string | undefined;
  readonly moved: (top: Top) => void;
  /** `top` is our place after it. */
  readonly say: (publication: Publication, top: Top) => void;
  /** It was said before, under the id `as`. */
  readonly echoed: (publication: Publication, top: Top, as: string) => void;
  /** A message in our words, under this id. */
  readonly retell: (
    publication: Publication,
    id: Id,
    isForeign: boolean,
  ) => Either<string, Publication>;
  /** All of a message, of which the head alone may have been read; undefined: it is none, and `dropped` was told. */
  readonly whole: (publication: Publication) => Publication | undefined;
  readonly dropped: (detail: string) => void;
}

export interface Order {
  /** Our place. */
  top(): Top;
  /** The log has this id at this offset. Of another epoch than ours: false. */
  sure(tag: number, offset: number, id: string | null): boolean;
  isSure(publication: Publication): boolean;
  /** Deals with a message that needs no word of the log. False: in doubt. */
  settles(publication: Publication): boolean;
  /** Those that are believed by what is sure, in order. `isWhole`: all that was pushed was heard. */
  believed(queue: readonly Publication[], isWhole: boolean): readonly Publication[];
  missing(queue: readonly Publication[], top: Top): Missing;
  /** Another message of our epoch was heard at this place. */
  isContradicted(publication: Publication): boolean;
  /** Goes on from a place that the log told. */
  beginAt(top: Top): void;
  /** Where we stood in an epoch that we left, or its start: Redis may come back to it. */
  placeIn(top: Top): Top;
  /** Says a message that has its place. */
  advance(publication: Publication): void;
  /** Says what a pod said outside the log, once, wherever we are. */
  passOutside(publication: Publication): void;
  /** Deals with a message that the log does not hold. */
  passBy(publication: Publication): void;
}

/** What has no offset is known again for so many others: 2 kB a room. */
const MAX_OUTSIDE = 32;
/** Epochs that Redis may come back to. */
const MAX_LEFT = 8;
/** Of what our own script placed and we have not heard yet; the log can be asked for more. */
const MAX_SURE = 1_024;

export const order = (deps: OrderDeps): Order => {
  const { room, clock, lateMs, echoOf, moved, say, echoed, retell, whole, dropped } = deps;
  const isGlobal = room === GLOBAL;
  const seen = recent();
  const outside = new Set<string>();
  const foreign = strangers();
  const lefts = new Map<number, Top>();
  const certain = new Map<number, string>();
  let known = deps.start;
  let lateUntil = 0;

  const moveTo = (top: Top): void => {
    known = top;
    moved(top);
  };

  const advance = (publication: Publication): void => {
    const { tag, offset, ms } = publication.id;
    seen.add(offset, publication.idText);
    certain.delete(offset);
    moveTo({ tag, offset, ms, id: publication.idText });
    const as = echoOf(publication) ?? foreign.recall(publication);
    if (as === undefined) say(publication, known);
    else echoed(publication, known, as);
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
    outside.add(idText);
    if (outside.size > MAX_OUTSIDE) forgetOldest(outside);
    return true;
  };

  const passOutside = (publication: Publication): void => {
    if (isNew(publication)) say(publication, known);
  };

  const retellOurs = (publication: Publication): void => {
    if (!isNew(publication)) return;
    const { tag, offset, ms } = known;
    const { global } = publication.id;
    // our place and its own time: none of `BEHIND`
    const nonce = publication.id.nonce % NONCES;
    const told = retell(publication, { tag, offset, ms, global, outside: true, nonce }, false);
    if (isLeft(told)) dropped(told.left);
    else say(told.right, known);
  };

  const passForeign = (publication: Publication): void => {
    const id = foreign.name(publication, known, isGlobal);
    // members have what was said here when its publish failed
    if (id === undefined || echoOf(publication) !== undefined) return;
    const told = retell(publication, id, true);
    if (isLeft(told)) return dropped(told.left);
    foreign.passed(publication, told.right.idText);
    say(told.right, known);
  };

  /** In one history the ms go up with the offsets. */
  const isBefore = (publication: Publication): boolean =>
    publication.id.offset <= known.offset &&
    publication.id.ms <= known.ms &&
    !seen.contradicts(publication);

  const isHere = ({ id }: Publication): boolean => isOfLog(id, known.tag, isGlobal);

  const isSure = (publication: Publication): boolean =>
    isHere(publication) && certain.get(publication.id.offset) === publication.idText;

  return {
    top: () => known,
    sure: (tag, offset, id) => {
      if (tag !== known.tag) return false;
      if (id === null || offset <= known.offset) return true;
      if (certain.size >= MAX_SURE) certain.clear();
      certain.set(offset, id);
      return true;
    },
    isSure,
    settles: (publication) => {
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
      if (isOver) whole(publication);
      return isOver;
    },
    believed: (queue, isWhole) => believed({ queue, known, sure: certain, isGlobal, isWhole }),
    missing: (queue, top) => missing({ queue, known, sure: certain, isGlobal }, top),
    isContradicted: (publication) =>
      isHere(publication) && publication.id.offset <= known.offset && seen.contradicts(publication),
    beginAt: (top) => {
      if (known.tag !== top.tag) {
        lefts.delete(known.tag);
        lefts.set(known.tag, known);
        if (lefts.size > MAX_LEFT) forgetOldest(lefts);
        certain.clear();
      }
      if (top.id !== null) seen.add(top.offset, top.id);
      lateUntil = clock.scheduler.now() + lateMs;
      moveTo(top);
    },
    placeIn: ({ tag, ms }) =>
      lefts.get(tag) ?? { tag, offset: 0, ms: Math.min(known.ms, ms), id: null },
    advance,
    passOutside,
    passBy: (pushed) => {
      // nobody vouches for it, so what it is all of it says: of a key given twice the last holds
      const publication = whole(pushed);
      if (publication === undefined) return;
      // said by a pod: what it shows is not believed, but it says nothing of itself that would be
      if (isOurs(publication)) retellOurs(publication);
      // older than what we remember, and no other was heard there
      else if (!isHere(publication) || !isBefore(publication)) passForeign(publication);
    },
  };
};

/** The first key of a map or set: what was put there longest ago. */
const forgetOldest = <A>(all: Set<A> | Map<A, unknown>): void => {
  for (const one of all.keys()) {
    all.delete(one);
    return;
  }
};

/** The place that a message comes right after. */
export const placeBefore = ({ id: { tag, offset, ms } }: Publication): Top => ({
  tag,
  offset: offset - 1,
  ms,
  id: null,
});
