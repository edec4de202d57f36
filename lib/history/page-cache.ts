/**
 * Pages of one room's log, read once for all who go on in it: aligned, so that readers at different places ask for the same
 * ones, and kept while somebody reads and a little longer, so that a herd costs Redis a few reads a room, not a client.
 */
import { BoundedMap } from '../bounded-map.js';
import { type Either, isLeft, map as mapRight, right } from 'fp-ts/lib/Either.js';
import { map, type Observable, of, ReplaySubject, share, switchMap, tap } from 'rxjs';
import type { Clock } from '../clock.js';
import { framesOf } from '../protocol/frame.js';
import type { Publication } from '../protocol/publication.js';
import type { Room, LogPosition } from '../protocol/position.js';
import type { Log, LogError, Page } from './index.js';

/** Messages of a page. */
const PAGE = 128;
/** Pages that are kept: 8 MiB at most. */
const KEPT = 32;

/** What is handed to one reader at once. */
export interface Slice {
  readonly count: number;
  readonly bytes: Buffer;
  /** Where the log stands after it. */
  readonly last: LogPosition;
}

/** A page, encoded once for all its readers. */
export class SharedPage {
  readonly top: LogPosition;
  readonly first: number;
  readonly beforeMs: number | undefined;
  readonly entries: readonly Publication[];
  private frames: Buffer | undefined = undefined;
  private readonly starts: number[] = [];

  constructor(
    /** The offset it was asked for. */
    readonly from: number,
    { top, first, beforeMs, entries }: Page,
    /** When it was asked for, on the clock's scheduler. */
    readonly askedAt: number,
  ) {
    this.top = top;
    this.first = first;
    this.beforeMs = beforeMs;
    this.entries = entries;
  }

  at(offset: number): Publication | undefined {
    const [head] = this.entries;
    return head === undefined ? undefined : this.entries[offset - head.id.offset];
  }

  /** What comes at `offset` and after it in this page, as much as a reader is handed at once. */
  slice(offset: number, messages: number, bytes: number): Slice | undefined {
    const [head] = this.entries;
    if (head === undefined || this.at(offset) === undefined) return undefined;
    const frames = this.encoded();
    const begin = offset - head.id.offset;
    const start = this.starts[begin] ?? 0;
    let end = begin + 1;
    while (end < this.entries.length && end - begin < messages) {
      if ((this.starts[end + 1] ?? frames.length) - start > bytes) break;
      end++;
    }
    const last = this.entries[end - 1];
    if (last === undefined) return undefined;
    return {
      count: end - begin,
      bytes: frames.subarray(start, this.starts[end]),
      last: positionAfter(last),
    };
  }

  private encoded(): Buffer {
    if (this.frames === undefined) {
      let start = 0;
      for (const { frame } of this.entries) {
        this.starts.push(start);
        start += frame.length;
      }
      this.frames = framesOf(this.entries.map(({ frame }) => frame));
    }
    return this.frames;
  }
}

/** Where a log stands after an entry. */
export const positionAfter = ({ id: { tag, offset, ms }, idText }: Publication): LogPosition => ({
  tag,
  offset,
  ms,
  id: idText,
});

export interface PageCache {
  /**
   * The page that holds this offset, or the log's end where it has none there. Emits once and completes; never errors.
   */
  readonly at: (offset: number) => Observable<Either<LogError, SharedPage>>;
  /** Reads it anew when it is asked for again, unless it has been since. */
  readonly drop: (page: SharedPage) => void;
  readonly clear: () => void;
}

interface Reading {
  readonly askedAt: number;
  readonly page$: Observable<Either<LogError, SharedPage>>;
}

export const pageCache = (log: Log, room: Room, clock: Pick<Clock, 'scheduler'>): PageCache => {
  const kept = new BoundedMap<number, Reading>(KEPT);

  const read = (from: number): Observable<Either<LogError, SharedPage>> => {
    const known = kept.get(from);
    if (known !== undefined) return known.page$;
    const askedAt = clock.scheduler.now();
    const page$ = log.page(room, from, PAGE).pipe(
      map(mapRight((page) => new SharedPage(from, page, askedAt))),
      tap((answer) => {
        if (isLeft(answer) && kept.get(from)?.page$ === page$) kept.delete(from);
      }),
      share({
        connector: () => new ReplaySubject(1),
        resetOnComplete: false,
        resetOnError: false,
        resetOnRefCountZero: false,
      }),
    );
    kept.put(from, { askedAt, page$ });
    return page$;
  };

  /** Large messages end a page before its 128 are full: what holds the offset is then further on. */
  const find = (from: number, offset: number): Observable<Either<LogError, SharedPage>> =>
    read(from).pipe(
      switchMap((answer) => {
        if (isLeft(answer)) return of(answer);
        const last = answer.right.entries.at(-1);
        return last === undefined ||
          last.id.offset >= offset ||
          last.id.offset >= answer.right.top.offset
          ? of(right(answer.right))
          : find(last.id.offset + 1, offset);
      }),
    );

  return {
    at: (offset) => find(Math.floor((Math.max(offset, 1) - 1) / PAGE) * PAGE + 1, offset),
    drop: ({ from, askedAt }) => {
      if (kept.get(from)?.askedAt === askedAt) kept.delete(from);
    },
    clear: () => kept.clear(),
  };
};
