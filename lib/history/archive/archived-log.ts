/**
 * One log of the log and the archive: it reaches back to the oldest message of the epoch that the archive
 * has. The log is asked first, and the archive only for what the log does not have any more.
 *
 *   page ─▶ log ─┬─ has what is asked for ─────────────────────────────────────────────▶ its page
 *                └─ begins later: the seam ─▶ archive, up to the seam ─┬─ from `from` on ▶ both, joined
 *                                                     a hole at `from` ├─ young ─▶ Unreachable
 *                                                                      └─ old ───▶ `first` after it
 *
 * The log is read first, because it may trim messages between the two reads. So everything below the seam is
 * asked for, and a message that is trimmed later is in the log's page already. A page that begins after the
 * log's first message is the log's own, and so is its `first`.
 */
import {
  chain,
  type Either,
  isLeft,
  left,
  map as mapRight,
  mapLeft,
  right,
} from 'fp-ts/lib/Either.js';
import { map, type Observable, of, switchMap } from 'rxjs';
import { BoundedMap } from '../../bounded-map.js';
import type { Clock } from '../../clock.js';
import { type Room, timeOf } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import { type Log, type LogError, type Page, PAGE_BYTES } from '../index.js';
import type { Archive, ArchivePage } from './port.js';

export interface ArchivedLogDeps {
  readonly log: Log;
  readonly archive: Pick<Archive, 'page'>;
  /** The clock that gives messages their time, as far as this process knows it. */
  readonly clock: Pick<Clock, 'wall'>;
  /** For how long a hole may still be filled, after the message that comes after it was published. */
  readonly youngMs?: number;
}

/**
 * A publish stores for `BROKER_TIMEOUT_MS` (2 s), and at most 10 s later the pod stores again
 * (`broker/archived/unstored.ts`). What is missing then is probably gone. `LOG_TTL_MS` (10 minutes) in its
 * place would be too long: until a hole is old, HTTP answers 503 there, and a resume ends there with a `gap`.
 */
export const YOUNG_MS = 15_000;
/** Rooms whose marks are kept. */
const ROOMS = 4_096;
/** Rows that are read to find the oldest message: other epochs with the same tag may have its offset too. */
const OLDEST = 8;

const MISSING: LogError = {
  _tag: 'Unreachable',
  detail: 'the archive does not have all messages yet',
};

/** A message that the archive has. Those of the epoch with higher offsets are as late, or later. */
interface Mark {
  readonly offset: number;
  readonly ms: number;
}

/** What is known of an epoch: reads after a mark begin at its time, in a few partitions of the archive. */
interface Marks {
  readonly tag: number;
  readonly oldest: Mark;
  /** The last message of the page that was read last. */
  readonly last: Mark;
}

/** What is asked for, and what the log has of it. */
interface Asked {
  readonly room: Room;
  readonly from: number;
  readonly most: number;
  readonly page: Page;
  /** The first offset, from `from` on, that the log has. */
  readonly seam: number;
  /** When the message at the seam was published; when the log has none, the last message of the epoch. */
  readonly seamMs: number;
  /** When the message before the seam was published, or a later time. */
  readonly beforeMs: number;
}

export const archivedLog = ({ log, archive, clock, youngMs = YOUNG_MS }: ArchivedLogDeps): Log => {
  const known = new BoundedMap<Room, Marks>(ROOMS);

  const remember = (room: Room, marks: Marks): void => {
    known.delete(room);
    known.put(room, marks);
  };

  /** A time far in the future comes of a clock that was wrong: nobody waits for it. */
  const isYoung = (ms: number): boolean => Math.abs(clock.wall() - ms) < youngMs;

  const query = (
    { room, page }: Asked,
    offset: number,
    sinceMs: number,
    limit: number,
  ): Observable<Either<LogError, ArchivePage>> => {
    const bound = { _tag: 'Position', tag: page.top.tag, offset, sinceMs } as const;
    return archive
      .page({ room, direction: 'After', bound, limit })
      .pipe(map(mapLeft(({ detail }) => ({ _tag: 'Unreachable', detail: `archive: ${detail}` }))));
  };

  /** Undefined when the archive has no message of the epoch below the seam. */
  const marksOf = (asked: Asked): Observable<Either<LogError, Marks | undefined>> => {
    const { room, from, most, page } = asked;
    const { tag } = page.top;
    const marks = known.get(room);
    // retention moves the oldest message. A question with `most` 0 asks for the first and the last offset, so
    // the oldest message is looked up again
    if (marks?.tag === tag && marks.oldest.offset <= from && most > 0) return of(right(marks));
    return query(asked, 0, 0, OLDEST).pipe(
      map(
        mapRight((found) => {
          const [oldest] = ofEpoch(found, asked);
          if (oldest === undefined) return undefined;
          const made = { tag, oldest: markOf(oldest), last: markOf(oldest) };
          remember(room, made);
          return made;
        }),
      ),
    );
  };

  /** The messages below the seam that the archive has, from `from` on. */
  const rowsOf = (
    asked: Asked,
    marks: Marks | undefined,
  ): Observable<Either<LogError, readonly Publication[]>> => {
    if (marks === undefined) return of(right([]));
    const { from, most, seam } = asked;
    const { oldest, last } = marks;
    const { ms } = last.offset <= from ? last : oldest.offset <= from ? oldest : START;
    // one more than can be used: a page may end between two messages of one offset
    const limit = Math.min(most, seam - from) + 1;
    return query(asked, from - 1, ms, limit).pipe(map(mapRight((found) => ofEpoch(found, asked))));
  };

  const answerOf = (
    asked: Asked,
    marks: Marks | undefined,
    rows: readonly Publication[],
  ): Either<LogError, Page> => {
    const { room, from, page, seam, beforeMs } = asked;
    const [head] = rows;
    if (head?.id.offset !== from && isYoung(head?.id.ms ?? beforeMs)) return left(MISSING);
    if (head === undefined || marks === undefined) return right(page);
    const entries = joined(rows, asked);
    const last = entries.findLast(({ id }) => id.offset < seam) ?? head;
    const oldest = head.id.offset < marks.oldest.offset ? markOf(head) : marks.oldest;
    remember(room, { ...marks, oldest, last: markOf(last) });
    return right(pageWith(page, head.id.offset === from ? oldest.offset : head.id.offset, entries));
  };

  const reach = (asked: Asked): Observable<Either<LogError, Page>> =>
    marksOf(asked).pipe(
      switchMap((found) => {
        const { from, most, page } = asked;
        const hasAll = page.first === from || most === 0;
        if (isLeft(found))
          return of(page.first === from ? right(withFirst(page, from - 1)) : found);
        const marks = found.right;
        if (hasAll)
          return of(right(marks === undefined ? page : withFirst(page, marks.oldest.offset)));
        return rowsOf(asked, marks).pipe(map(chain((rows) => answerOf(asked, marks, rows))));
      }),
    );

  return {
    page: (room, from, most) =>
      log.page(room, from, most).pipe(
        switchMap((answer) => {
          const asked = isLeft(answer) ? undefined : beyond(answer.right, room, from, most);
          return asked === undefined ? of(answer) : reach(asked);
        }),
      ),
  };
};

const START: Mark = { offset: 0, ms: 0 };

const markOf = ({ id: { offset, ms } }: Publication): Mark => ({ offset, ms });

/**
 * What the archive is asked for; undefined when the log's page is the answer. A page that begins with the
 * log's first message has all, but not the oldest offset: a reader that goes downward would end there.
 */
const beyond = (page: Page, room: Room, asked: number, most: number): Asked | undefined => {
  const { top, first, entries } = page;
  const from = Math.max(asked, 1);
  const [head] = entries;
  const isThere = first < from || first === 1;
  if (from > top.offset || (isThere && (head !== undefined || most === 0))) return undefined;
  const seam = head?.id.offset ?? (first > from ? first : top.offset + 1);
  const seamMs = head?.id.ms ?? timeOf(top);
  const beforeMs = first > from ? (page.beforeMs ?? seamMs) : seamMs;
  return { room, from, most, page, seam, seamMs, beforeMs };
};

/**
 * The messages of the epoch, below the seam, in a page of the archive. Another epoch with the same tag was
 * earlier: its messages have lower ids, or times that go back where this epoch has a hole.
 */
const ofEpoch = (
  { entries, more }: ArchivePage,
  { page, seam, seamMs }: Asked,
): readonly Publication[] => {
  const chosen = new Map<number, Publication>();
  for (const entry of entries) {
    const { tag, offset, outside, ms } = entry.id;
    if (tag !== page.top.tag || outside || offset >= seam || ms > seamMs) continue;
    const other = chosen.get(offset);
    if (other === undefined || other.idText < entry.idText) chosen.set(offset, entry);
  }
  const cut = entries.at(-1)?.id.offset;
  const isMixed = chosen.size < entries.length;
  if (more && isMixed && cut !== undefined && chosen.size > 1) chosen.delete(cut);
  let latest = 0;
  return [...chosen.values()].filter(({ id: { ms } }) => {
    if (ms < latest) return false;
    latest = ms;
    return true;
  });
};

/** Messages without a hole: those of the archive, and when they reach the seam, those of the log. */
const joined = (rows: readonly Publication[], { page, most }: Asked): readonly Publication[] => {
  const entries: Publication[] = [];
  let bytes = 0;
  for (const entry of [...rows, ...page.entries]) {
    const before = entries.at(-1);
    bytes += entry.frame.length;
    const isNext = before === undefined || entry.id.offset === before.id.offset + 1;
    const fits = before === undefined || (bytes <= PAGE_BYTES && entries.length < most);
    if (!isNext || !fits) break;
    entries.push(entry);
  }
  return entries;
};

const pageWith = (
  { beforeMs: _, ...page }: Page,
  first: number,
  entries: readonly Publication[],
): Page => ({ ...page, first, entries });

const withFirst = (page: Page, first: number): Page => pageWith(page, first, page.entries);
