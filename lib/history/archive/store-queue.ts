/**
 * The messages that wait to be stored, in the order of the calls. It is bounded: a call beyond the bound is
 * not taken. A batch is made of whole calls.
 */
import type { ArchiveError, Outcome } from './port.js';
import type { ArchiveRow } from './row.js';
import type { Either } from 'fp-ts/lib/Either.js';

/** A message of a call: its row, or why it has none. */
export interface Item {
  readonly id: string;
  readonly room: string;
  readonly payload: Buffer;
  readonly row: Either<string, ArchiveRow>;
}

/** The messages of one call of `store`. */
export interface Job {
  readonly items: readonly Item[];
  readonly bytes: number;
  readonly answer: (answer: Either<ArchiveError, readonly Outcome[]>) => void;
}

export interface Size {
  readonly messages: number;
  readonly bytes: number;
}

export class StoreQueue {
  private jobs: Job[] = [];
  private messages = 0;
  private bytes = 0;
  /** The batch that is being stored still counts. */
  private taken: Size = { messages: 0, bytes: 0 };

  constructor(
    private readonly bound: Size,
    private readonly batch: Size,
  ) {}

  /** What waits, and what is being stored. */
  get size(): Size {
    return {
      messages: this.messages + this.taken.messages,
      bytes: this.bytes + this.taken.bytes,
    };
  }

  /** False: the queue is full. A call of any size is taken when nothing waits. */
  push(job: Job): boolean {
    const { messages, bytes } = this.size;
    const isFull =
      messages + job.items.length > this.bound.messages || bytes + job.bytes > this.bound.bytes;
    if (isFull && messages > 0) return false;
    this.jobs.push(job);
    this.messages += job.items.length;
    this.bytes += job.bytes;
    return true;
  }

  /** The next batch: at least one call, if any waits. */
  take(): readonly Job[] {
    let count = 0;
    let messages = 0;
    let bytes = 0;
    for (const { items, bytes: own } of this.jobs) {
      const isOver =
        messages + items.length > this.batch.messages || bytes + own > this.batch.bytes;
      if (count > 0 && isOver) break;
      count += 1;
      messages += items.length;
      bytes += own;
    }
    this.messages -= messages;
    this.bytes -= bytes;
    this.taken = { messages, bytes };
    return this.jobs.splice(0, count);
  }

  /** The batch that was taken has its answers. */
  done(): void {
    this.taken = { messages: 0, bytes: 0 };
  }

  /** All calls that wait. */
  clear(): readonly Job[] {
    const jobs = this.jobs;
    this.jobs = [];
    this.messages = 0;
    this.bytes = 0;
    return jobs;
  }
}
