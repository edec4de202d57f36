/**
 * Reads the last messages of rooms, for readers that go on from an id (docs/protocol.md, section 13). The
 * broker appends a message when it publishes it. Every implementation passes the contract suite in
 * `spec/history/contract.ts`. Answers never error: a failure is a value.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Room } from '../protocol/position.js';
import type { Page } from './page.js';

export { NO_LOG, type Page, PAGE_BYTES } from './page.js';

/**
 * `Unreachable`: try again, the failure may pass by itself. `Unreadable`: an operator must act, as when the
 * key of the log in Redis has another type, or the user of Redis lacks a right.
 */
export interface LogError {
  readonly _tag: 'Unreachable' | 'Unreadable';
  readonly detail: string;
}

/** Reads the last messages of rooms. */
export interface Log {
  /**
   * Entries from offset `from` (inclusive) upward: at most `most` of them, and at most 256 KiB unless the
   * first one alone is larger. With `most` 0 there are no entries. `NO_LOG` when there is no log. Emits once
   * and completes.
   */
  page(room: Room, from: number, most: number): Observable<Either<LogError, Page>>;
}
