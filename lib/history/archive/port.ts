/**
 * Keeps the messages of rooms for longer than the log does (docs/architecture.md, section Archive). A message
 * is archived after the broker has given it its id. Every implementation passes the contract suite in
 * `spec/history/archive/contract.ts`. Streams and answers never error: a failure is a value.
 *
 * The key of a message is its room and its id: a message that is stored again changes nothing.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { MessageId, Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';

/**
 * Why the archive did not answer. `Unavailable`: nothing was written; try again, it may pass by itself.
 * `Unsure`: the messages may have been stored, or not; to store them again is safe. `Refused`: nothing was
 * written, and an operator must repair the archive (a right, a table, the disk).
 */
export interface ArchiveError {
  readonly _tag: 'Unavailable' | 'Unsure' | 'Refused';
  readonly detail: string;
}

/**
 * What became of one message of a batch. `Poison`: the archive cannot hold this message. It was set aside,
 * where an operator finds it, and no page has it. The other messages of the batch are stored.
 */
export type Outcome =
  | { readonly _tag: 'Stored' }
  | { readonly _tag: 'Poison'; readonly detail: string };

/** The edge of a page. The message at the edge is not in the page. */
export type Bound =
  /**
   * A place in one epoch: the page has messages of this epoch only. Offset 0 is before the first one. Two
   * epochs of a room may have one tag by chance (1 of 4,094 pairs), and then the page has messages of both:
   * with `sinceMs` (Unix ms), none that was published before.
   */
  | {
      readonly _tag: 'Position';
      readonly tag: number;
      readonly offset: number;
      readonly sinceMs?: number;
    }
  /** The id of a message; it need not be in the archive. The page has messages of all epochs. */
  | { readonly _tag: 'Id'; readonly id: MessageId }
  /** Unix ms: `After` has messages of this ms and later, `Before` earlier ones. Of all epochs. */
  | { readonly _tag: 'Time'; readonly ms: number };

/** What a page of the archive is asked for. */
export interface PageQuery {
  readonly room: Room;
  /** `After`: the first messages after the bound. `Before`: the last ones before it. */
  readonly direction: 'After' | 'Before';
  readonly bound: Bound;
  /** At most this many messages, and at most 256 KiB of data unless the first one alone is larger. */
  readonly limit: number;
}

/** Messages of one room, and whether there are more. */
export interface ArchivePage {
  /**
   * The oldest first: by offset in an epoch, by id in all epochs. Near the end of a room offsets may be
   * missing, as a message is stored a moment after it was published, and pods store in any order.
   */
  readonly entries: readonly Publication[];
  /** Whether there are more messages in this direction. */
  readonly more: boolean;
}

/** What an archive reports to metrics and logs. */
export type ArchiveEvent =
  /** From now on calls are answered at once with this error, until `Restored`. */
  | { readonly _tag: 'Interrupted'; readonly error: ArchiveError }
  | { readonly _tag: 'Restored' }
  | { readonly _tag: 'BatchStored'; readonly messages: number; readonly seconds: number }
  /** A message was set aside. */
  | { readonly _tag: 'PoisonFound'; readonly id: string; readonly detail: string }
  | { readonly _tag: 'Pruned'; readonly days: number }
  /** Partitions were not made or not dropped. It is tried again within an hour. */
  | { readonly _tag: 'UpkeepFailed'; readonly detail: string };

/** What waits in this process. Each number has a bound (docs/architecture.md). */
export interface ArchiveGauges {
  /** Messages that are not stored yet, and the bytes of their payloads. */
  readonly messages: number;
  readonly bytes: number;
  readonly pages: number;
}

/** Keeps the messages of rooms. It can be read, and messages are stored in it until it is closed. */
export interface Archive {
  readonly event$: Observable<ArchiveEvent>;
  /** The error that every call would get now; undefined while the archive answers. */
  refusal(): ArchiveError | undefined;
  /**
   * Stores messages of one room, and answers for each of them when it is on disk. Messages of a room that
   * this process stores are readable in the order of the calls. Emits once and completes. Who unsubscribes
   * gets no answer, and the messages are stored all the same.
   */
  store(
    room: Room,
    publications: readonly Publication[],
  ): Observable<Either<ArchiveError, readonly Outcome[]>>;
  /** Emits once and completes. */
  page(query: PageQuery): Observable<Either<ArchiveError, ArchivePage>>;
  /**
   * Removes all messages of the days (UTC) that ended before this time, in Unix ms. Answers the number of
   * days that were removed; 0 too while another pod removes them.
   */
  prune(beforeMs: number): Observable<Either<ArchiveError, number>>;
  gauges(): ArchiveGauges;
  /** Stores what waits, as long as the archive answers, and ends. Later calls are `Unavailable`. */
  close(): Observable<void>;
}
