/**
 * A room's last messages, to go on from where a reader stopped (contract section 6). Only reads: a message enters the
 * log where it gets its place, in the broker's publish. Every implementation runs the contract suite in
 * `spec/history/contract.ts`. Answers are never errors: what goes wrong is a value.
 */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Observable } from 'rxjs';
import type { Room } from '../protocol/position.js';
import type { Page } from './page.js';

export { NO_LOG, type Page, PAGE_BYTES } from './page.js';

/** `Unreachable`: try again, it may pass by itself. `Unreadable`: an operator has to mend the log (its type, a right). */
export interface LogError {
  readonly _tag: 'Unreachable' | 'Unreadable';
  readonly detail: string;
}

/** Reads the last messages of rooms. */
export interface Log {
  /**
   * Entries from offset `from` (inclusive) upward: at most `most` of them, and at most 256 KiB unless the first alone is
   * more. With `most` 0 only where the log stands. `NO_LOG` where there is none. Emits once and completes.
   */
  page(room: Room, from: number, most: number): Observable<Either<LogError, Page>>;
}
