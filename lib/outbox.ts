/**
 * What one connection is sent: control and rooms merged, in order, bounded, written. One write in flight a socket; what
 * the kernel has not taken counts, and the message that would be one too many closes the connection (contract section 4).
 */
import { Observable, type Subscriber } from 'rxjs';
import type { Socket } from 'node:net';
import type { Clock } from './clock.js';
import { type Depth, type Weighed, boundedBuffer } from './operators/bounded-buffer.js';
import type { Bound } from './operators/coalesce.js';

/** Frames that belong together, in one buffer that all receivers share. */
export interface Batch extends Weighed {
  readonly count: number;
  readonly bytes: Buffer;
}

/** A gauge over all outboxes of a pod. */
export interface Waiting {
  /** The most that one connection's outbox has held since the gauge was read last. */
  peak: number;
}

export interface Outbox {
  /** Frames for this connection. After `end` or an overflow they are dropped. */
  readonly send: (batch: Batch) => void;
  readonly depth: Readonly<Depth>;
  /** Drops what waits and lets the socket go. */
  readonly end: () => void;
}

export interface OutboxDeps {
  readonly socket: Socket;
  readonly bound: Bound;
  readonly clock: Clock;
  readonly waiting: Waiting;
  /** The reader is too slow: it is to be closed with 1013. What waited has been dropped. */
  readonly overflow: () => void;
}

export const outbox = ({ socket, bound, clock, waiting, overflow }: OutboxDeps): Outbox => {
  const depth: Depth = { messages: 0, bytes: 0, since: 0 };
  let inlet: Subscriber<Batch> | undefined;
  let taken: () => void = () => undefined;

  const written = new Observable<Batch>((subscriber) => {
    inlet = subscriber;
  })
    .pipe(
      boundedBuffer({
        bound,
        depth,
        now: () => clock.scheduler.now(),
        // not the write's callback: it runs after the turn, and would cut a healthy burst
        idle: () => socket.writableLength === 0,
        taken$: new Observable<void>((subscriber) => {
          taken = () => subscriber.next();
        }),
        overflow,
      }),
    )
    .subscribe((batch) => {
      if (socket.writable) socket.write(batch.bytes, taken);
    });

  return {
    send: (batch) => {
      inlet?.next(batch);
      if (depth.messages > waiting.peak) waiting.peak = depth.messages;
    },
    depth,
    end: () => written.unsubscribe(),
  };
};

/** Whether a connection takes what it is sent: its write in flight, if there is one, is young. */
export const keepsUp = ({ since }: Readonly<Depth>, now: number): boolean => since === 0 || now - since < STALL_MS;

/** A write that the kernel has not taken for longer than this means a reader that has stopped, not one that is busy. */
const STALL_MS = 100;
