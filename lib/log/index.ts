/**
 * A room's last messages, to go on from where a reader stopped (contract section 6). Only reads: a message enters the
 * log where it gets its place, in the broker's publish. Every implementation runs the contract suite in
 * `spec/log/contract.ts`. Answers are never errors: what goes wrong is a value.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { BusError } from '../broker/bus.js';
import type { Publication } from '../codec.js';
import type { Room, Top } from '../position.js';

/** Some of a log, read in one go: what it says is of one moment. */
export interface Page {
  /** Where the log stands; a log that was not there has begun by being read, at offset 0 of a new epoch. */
  readonly top: Top;
  /** The oldest offset that can be read: `top.offset + 1` where none can. */
  readonly first: number;
  /** By offset, without holes, from the offset asked for or `first`, whichever is higher. */
  readonly entries: readonly Publication[];
}

/** Why Redis did not read: its own words (`Loading`, `WrongType`, …), or `Unreachable`. */
export type LogError = BusError;

export interface Log {
  /**
   * Entries from offset `from` (inclusive) upward: at most `most` of them, and at most 256 KiB unless the first alone is
   * more. With `most` 0 only where the log stands. Emits once and completes.
   */
  page(room: Room, from: number, most: number): Observable<Either<LogError, Page>>;
}

/** Payload bytes of a page. */
export const PAGE_BYTES = 262_144;
