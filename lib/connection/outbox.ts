/**
 * Merges all messages to one connection, those of its rooms and control messages, in order, bounds them and
 * writes them. One write is in flight. Messages that the kernel has not taken count as waiting. One message
 * too many closes the connection with 1013 (docs/protocol.md, sections 7 and 8).
 */
import type { Socket } from 'node:net';
import { Observable, type Subscriber } from 'rxjs';
import type { OutboxBudget, Holder } from './outbox-budget.js';
import { BoundedBuffer, type Weighed } from '../rx/bounded-buffer.js';
import type { Bound } from '../rx/coalesce.js';

/** Frames that belong together, in one buffer that all receivers share. */
export interface Batch extends Weighed {
  readonly count: number;
  readonly bytes: Buffer;
}

/** What all outboxes of a pod have in common. */
export interface OutboxDeps {
  readonly bound: Bound;
  readonly now: () => number;
  readonly backlog: OutboxBudget;
}

/** A class, as a pod has 10,000 outboxes: with closures, each takes 1.5 kB more. */
export class Outbox extends BoundedBuffer<Batch> implements Holder {
  /** Frames that were passed to the socket. */
  written = 0;
  private waiters: Set<Subscriber<void>> | undefined = undefined;
  /** Its bytes, as counted in the pod's budget. */
  private counted = 0;
  private readonly wasTaken = (): void => {
    this.taken();
    if (this.bytes !== this.counted) this.count();
    if (this.waiters !== undefined && this.messages === 0) this.notifyDrained();
  };

  constructor(
    private readonly deps: OutboxDeps,
    private readonly socket: Socket,
    /** The reader is too slow: closes the connection with 1013, which drops its unsent frames. */
    private readonly tooSlow: () => void,
  ) {
    super();
  }

  /** Frames for this connection. After `end` or an overflow they are dropped. */
  send(batch: Batch): void {
    this.next(batch);
    if (this.bytes !== this.counted) this.count();
  }

  /** Drops the unsent frames; nothing is written any more. */
  override end(): void {
    super.end();
    if (this.counted > 0) this.count();
  }

  private count(): void {
    const { backlog } = this.deps;
    const more = this.bytes - this.counted;
    this.counted = this.bytes;
    if (this.messages > backlog.peak) backlog.peak = this.messages;
    backlog.changed(this, more);
  }

  /**
   * Emits once and completes when the kernel has taken everything. To be subscribed only while messages wait.
   * Unsubscribe at `end`: it may emit after that.
   */
  get taken$(): Observable<void> {
    return new Observable((waiter) => {
      this.waiters ??= new Set();
      this.waiters.add(waiter);
      return () => this.waiters?.delete(waiter);
    });
  }

  private notifyDrained(): void {
    const all = this.waiters;
    this.waiters = undefined;
    for (const one of all ?? []) {
      one.next();
      one.complete();
    }
  }

  /** Whether this much more fits. */
  hasSpace(messages: number, bytes: number): boolean {
    const { bound } = this;
    return this.messages + messages <= bound.messages && this.bytes + bytes <= bound.bytes;
  }

  /**
   * Whether the reader takes what it is sent: no write is in flight, or it has been for less than `STALL_MS`.
   */
  keepsUp(): boolean {
    return this.since === 0 || this.now() - this.since < STALL_MS;
  }

  get bound(): Bound {
    return this.deps.bound;
  }

  now(): number {
    return this.deps.now();
  }

  take({ count, bytes }: Batch): void {
    if (!this.socket.writable) return;
    this.written += count;
    this.socket.write(bytes, this.wasTaken);
  }

  overflow(): void {
    this.tooSlow();
  }

  /**
   * Whether the kernel has taken everything, as the socket shows. The callback of the write (`wasTaken`) only
   * causes the next look: it runs after the turn. A buffer that waited for the callback would close the
   * connection of a client that keeps up, in a burst.
   */
  idle(): boolean {
    return this.socket.writableLength === 0;
  }
}

/**
 * A write that the kernel has not taken for longer than this shows a reader that has stopped, not a busy one.
 */
const STALL_MS = 250;
