/**
 * Pages of one room's log, read once for all clients that resume in it. Pages are aligned, so that readers at
 * different offsets ask for the same ones. They are kept while a client reads, and a little longer. So when
 * many clients resume at once, Redis is read a few times for each room, not for each client.
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
/** How many pages are kept: 16 MiB at most, as a page that is read has its messages twice. */
const KEPT = 32;

/** The messages that one reader is sent at once. */
export interface Slice {
  readonly count: number;
  readonly bytes: Buffer;
  /** The log's position after the slice. */
  readonly last: LogPosition;
}

/** A page, encoded once for all its readers. */
export class SharedPage {
  readonly top: LogPosition;
  readonly first: number;
  readonly beforeMs: number | undefined;
  readonly renewedMs: number | undefined;
  readonly begunMs: number | undefined;
  readonly entries: readonly Publication[];
  private frames: Buffer | undefined = undefined;
  private readonly starts: number[] = [];

  constructor(
    /** The offset that was asked for. */
    readonly from: number,
    { top, first, beforeMs, renewedMs, begunMs, entries }: Page,
    /** When the page was asked for, by the clock's scheduler. */
    readonly askedAt: number,
  ) {
    this.top = top;
    this.first = first;
    this.beforeMs = beforeMs;
    this.renewedMs = renewedMs;
    this.begunMs = begunMs;
    this.entries = entries;
  }

  at(offset: number): Publication | undefined {
    const [head] = this.entries;
    return head === undefined ? undefined : this.entries[offset - head.id.offset];
  }

  /** The messages of this page from `offset` on, as many as a reader is sent at once. */
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

/** The position of a log after an entry. */
export const positionAfter = ({ id: { tag, offset, ms }, idText }: Publication): LogPosition => ({
  tag,
  offset,
  ms,
  id: idText,
});

export interface PageCache {
  /**
   * The page that has this offset. When no page has it: the page that begins with the first message after the
   * offset; after the log's last message, the last page or an empty one. Emits once and completes; never
   * errors.
   */
  readonly at: (offset: number) => Observable<Either<LogError, SharedPage>>;
  /** Forgets this page, so that the next reader reads it again. A later page in its place stays. */
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

  /** Large messages end a page before it has 128: then the offset is in a later page. */
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
