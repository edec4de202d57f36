/**
 * What one connection is sent: control and rooms merged, in order, bounded, written. One write in flight a
 * socket; what the kernel has not taken counts, and the message that would be one too many closes the
 * connection (contract section 4).
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

/** A class, as there are 10,000 of them: the same as closures takes 1.5 kB more each. */
export class Outbox extends BoundedBuffer<Batch> implements Holder {
  private askers: Set<Subscriber<void>> | undefined = undefined;
  /** Bytes of it that the pod's backlog knows of. */
  private counted = 0;
  private readonly wasTaken = (): void => {
    this.taken();
    if (this.bytes !== this.counted) this.count();
    if (this.askers !== undefined && this.messages === 0) this.letGo();
  };

  constructor(
    private readonly deps: OutboxDeps,
    private readonly socket: Socket,
    /** The reader is too slow: it is to be closed with 1013. What waited has been dropped. */
    private readonly tooSlow: () => void,
  ) {
    super();
  }

  /** Frames for this connection. After `end` or an overflow they are dropped. */
  send(batch: Batch): void {
    this.next(batch);
    if (this.bytes !== this.counted) this.count();
  }

  /** Drops what waits and lets the socket go. */
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

  /** Emits once and completes when the kernel has taken everything. Never after `end`. */
  get taken$(): Observable<void> {
    return new Observable((asker) => {
      this.askers ??= new Set();
      this.askers.add(asker);
      return () => this.askers?.delete(asker);
    });
  }

  private letGo(): void {
    const all = this.askers;
    this.askers = undefined;
    for (const one of all ?? []) {
      one.next();
      one.complete();
    }
  }

  /** Whether so much more would overflow it. */
  hasRoom(messages: number, bytes: number): boolean {
    const { bound } = this;
    return this.messages + messages <= bound.messages && this.bytes + bytes <= bound.bytes;
  }

  /** Whether the reader takes what it is sent: the write in flight, if there is one, is young. */
  keepsUp(): boolean {
    return this.since === 0 || this.now() - this.since < STALL_MS;
  }

  get bound(): Bound {
    return this.deps.bound;
  }

  now(): number {
    return this.deps.now();
  }

  take({ bytes }: Batch): void {
    if (this.socket.writable) this.socket.write(bytes, this.wasTaken);
  }

  overflow(): void {
    this.tooSlow();
  }

  /** Not the write's callback: it runs after the turn, and would cut a healthy burst. */
  idle(): boolean {
    return this.socket.writableLength === 0;
  }
}

/**
 * A write that the kernel has not taken for longer than this means a reader that has stopped, not one that is
 * busy.
 */
const STALL_MS = 250;
