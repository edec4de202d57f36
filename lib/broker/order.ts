/**
 * Where a channel is in its room's order, and what a message is, seen from there: the next one, a repeat, from before we
 * began, outside the log, or in doubt until the log was asked. Knows no time but the one in which late messages come.
 */
import type { Clock } from '../clock.js';
import type { Publication } from '../codec.js';
import { GLOBAL, type Id, type Room, type Top } from '../position.js';
import { recent } from './recent.js';

export interface OrderDeps {
  readonly room: Room;
  /** Our place until the log told one. */
  readonly start: Top;
  readonly clock: Clock;
  /** Answers overtake what is heard: for so long, what the log counted before it answered is still on its way. */
  readonly lateMs: number;
  readonly echoOf: (publication: Publication) => string | undefined;
  readonly moved: (top: Top) => void;
  /** `top` is our place after it. */
  readonly say: (publication: Publication, top: Top) => void;
  /** It was said before, under the id `as`. */
  readonly echoed: (publication: Publication, top: Top, as: string) => void;
}

/**
 * What the log's top says of a message in doubt. `Before`: older than our place. `Contradicted`: at or below our place, and
 * not what we heard there: the log has another history. `Ahead`: behind a hole. `Unknown`: not in the log, as far as it goes.
 */
export type Verdict = 'Before' | 'Contradicted' | 'Ahead' | 'Unknown';

export interface Order {
  /** Our place. */
  top(): Top;
  /** Of the epoch before. It was said as that ended, or Redis has gone back to it. */
  isStray(publication: Publication): boolean;
  /** Deals with a message that needs no log. False: in doubt. */
  settles(publication: Publication): boolean;
  verdict(publication: Publication, top: Top): Verdict;
  /** Whether the log holds this message, or another at its place. */
  confirms(top: Top, publication: Publication): boolean;
  /** The log does not hold what we saw in it; `entries` are some of it, from our place on. */
  wentBack(top: Top, entries: readonly Publication[]): boolean;
  isBehind(top: Top): boolean;
  /** Goes on from a place that the log told. */
  beginAt(top: Top): void;
  /** Says a message that has its place. */
  advance(publication: Publication): void;
  /** Says another program's message, or one whose place is not known yet, as it is. */
  passBy(publication: Publication): void;
}

/** Messages said before their place was known: they are not said again when the log tells it. */
const MAX_PASSED = 4_096;

/** What has no offset is known again for so many others: 2 kB a room. */
const MAX_OUTSIDE = 32;

export const order = ({
  room,
  start,
  clock,
  lateMs,
  echoOf,
  moved,
  say,
  echoed,
}: OrderDeps): Order => {
  const isGlobal = room === GLOBAL;
  const seen = recent();
  const outside = new Set<string>();
  const passed = new Set<string>();
  /** The epoch before: what still comes of it is in no log, and passes before what the new one holds. */
  let left: number | undefined;
  let known = start;
  let lateUntil = 0;

  const moveTo = (top: Top): void => {
    known = top;
    moved(top);
  };

  const tell = (publication: Publication, isSaid: boolean): void => {
    const as = echoOf(publication) ?? (isSaid ? publication.idText : undefined);
    if (as === undefined) say(publication, known);
    else echoed(publication, known, as);
  };

  /** Outside the log a place is only shown: it is said once, wherever we are. */
  const passOutside = (publication: Publication): void => {
    if (outside.has(publication.idText)) return;
    outside.add(publication.idText);
    if (outside.size > MAX_OUTSIDE) outside.delete(oldestOf(outside));
    say(publication, known);
  };

  /** It shows a place that we have not come to: who hears it would take that for theirs, and go on behind the hole. */
  const showsMore = ({ tag, offset }: Id): boolean =>
    tag !== left && (tag !== known.tag || offset > known.offset);

  const advance = (publication: Publication): void => {
    const { tag, offset, ms } = publication.id;
    seen.add(offset, publication.idText);
    moveTo({ tag, offset, ms, id: publication.idText });
    const isSaid = passed.delete(publication.idText);
    tell(publication, isSaid);
  };

  const passBy = (publication: Publication): void => {
    if (publication.id.outside) return passOutside(publication);
    if (seen.has(publication)) return;
    const { tag, offset } = publication.id;
    // what we know of our own epoch is not forgotten for a stranger
    if (tag !== known.tag || offset > known.offset) {
      seen.add(offset, publication.idText);
      passed.add(publication.idText);
      if (passed.size > MAX_PASSED) passed.delete(oldestOf(passed));
    }
    tell(publication, false);
  };

  /** In one history the ms go up with the offsets. */
  const isBefore = (publication: Publication, { offset, ms }: Top): boolean =>
    publication.id.offset <= offset && publication.id.ms <= ms && !seen.contradicts(publication);

  const confirms = (top: Top, { id, idText }: Publication): boolean =>
    id.tag === top.tag &&
    !id.outside &&
    id.global === isGlobal &&
    (id.offset < top.offset || (id.offset === top.offset && idText === top.id));

  return {
    top: () => known,
    isStray: ({ id }) => id.tag === left,
    settles: (publication) => {
      const { id } = publication;
      if (id.outside) {
        if (showsMore(id)) return false;
        passOutside(publication);
        return true;
      }
      if (id.tag === left) {
        passBy(publication);
        return true;
      }
      if (id.tag !== known.tag || id.global !== isGlobal) return false;
      if (id.offset === known.offset + 1) {
        advance(publication);
        return true;
      }
      return (
        seen.has(publication) || (isBefore(publication, known) && clock.scheduler.now() < lateUntil)
      );
    },
    verdict: (publication, top) => {
      if (!confirms(top, publication)) return 'Unknown';
      if (publication.id.offset > known.offset) return 'Ahead';
      return isBefore(publication, known) ? 'Before' : 'Contradicted';
    },
    confirms,
    wentBack: (top, [head]) => {
      if (known.tag !== top.tag) return false;
      if (top.offset < known.offset) return true;
      if (known.id === null || known.offset === 0) return false;
      // grown past our place again, it shows there what it holds instead
      const there =
        top.offset === known.offset
          ? top.id
          : head?.id.offset === known.offset
            ? head.idText
            : known.id;
      return there !== known.id;
    },
    isBehind: (top) => known.tag === top.tag && known.offset < top.offset,
    beginAt: (top) => {
      if (known.tag !== top.tag) {
        left = known.tag;
        // behind its gap an epoch comes whole
        passed.clear();
      }
      if (top.id !== null) seen.add(top.offset, top.id);
      lateUntil = clock.scheduler.now() + lateMs;
      moveTo(top);
    },
    advance,
    passBy,
  };
};

const oldestOf = (ids: ReadonlySet<string>): string => {
  for (const id of ids) return id;
  return '';
};

/** The place that a message comes right after. */
export const placeBefore = ({ id: { tag, offset, ms } }: Publication): Top => ({
  tag,
  offset: offset - 1,
  ms,
  id: null,
});
