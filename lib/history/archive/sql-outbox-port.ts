/**
 * The messages of `chat_publish` that are not published yet: the SQL outbox. One pod at a time is its owner,
 * and publishes them (docs/architecture.md, section SQL publish).
 */
import type { Observable } from 'rxjs';
import type { Room } from '../../protocol/position.js';

/** A message of `chat_publish`, whose transaction was committed. */
export interface SqlRow {
  /** In a room, the numbers are in the order of the commits. */
  readonly nth: number;
  /** A UUID of this row alone: its idempotency key. */
  readonly key: string;
  readonly room: Room;
  readonly type: 'chat' | 'notification';
  readonly from: string;
  /** The data as JSON text. PostgreSQL has checked that it is JSON, and no more. */
  readonly json: string;
  /** When it was called, Unix ms. */
  readonly at: number;
}

/** Rows that leave the outbox. */
export interface Settled {
  /** The numbers of rows that are published. */
  readonly published: readonly number[];
  /** Rows that can never be published: they are moved to the table `rejected`. */
  readonly rejected: readonly { readonly nth: number; readonly reason: string }[];
}

/**
 * This pod is the owner. After a promise that rejects, the session is over: nobody knows who the owner is.
 * Statements are sent one at a time.
 */
export interface SqlSession {
  /** Rows up to this number may have been published by an earlier owner. */
  readonly doubtfulTo: number;
  /** A transaction was committed while the session slept. */
  readonly notified$: Observable<void>;
  /** Whether no other pod can be the owner now: PostgreSQL ends a session that sends nothing for 10 s. */
  readonly isOwner: () => boolean;
  /** The first rows of all rooms except these, at most `limit` and about 4 MiB. */
  readonly read: (except: readonly Room[], limit: number) => Promise<readonly SqlRow[]>;
  readonly remove: (settled: Settled) => Promise<void>;
  /**
   * From now on commits notify. False: a transaction is committing that will not notify; read, and try again
   * a moment later. When it is true, read once more: what was committed before did not notify.
   */
  readonly sleep: () => Promise<boolean>;
  /** From now on commits do not notify. */
  readonly wake: () => Promise<void>;
  /** Keeps the session. */
  readonly ping: () => Promise<void>;
}

export interface SqlOutbox {
  /**
   * Waits until this pod is the owner, and emits the session. Errors with a `Failure` when the connection is
   * lost or refused. Who unsubscribes gives the outbox to another pod.
   */
  readonly session$: Observable<SqlSession>;
  readonly close: () => Promise<void>;
}
