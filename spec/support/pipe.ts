/** One direction of a connection in virtual time: in order, each packet after its own delay; what is blocked waits. */
import type { Clock } from '../../lib/clock.js';

export interface Pipe {
  send(arrive: () => void): void;
  /** Packets on their way do not arrive. */
  close(): void;
  /** Packets on their way arrive this much later. */
  delay(ms: number): void;
}

export interface PipeOptions {
  /** The clock of the receiver: a process that stands still takes nothing. */
  readonly clock: Clock;
  readonly delayMs: () => number;
  /** Whether nothing passes now; then `deliver` must be called when the pipe is open again. */
  readonly blocked?: (deliver: () => void) => boolean;
}

export const pipe = ({ clock, delayMs, blocked = () => false }: PipeOptions): Pipe => {
  let open = true;
  let last = 0;
  let later = 0;
  const queue: (() => void)[] = [];
  const deliver = (): void => {
    if (!open) return;
    if (later > 0) {
      const ms = later - clock.scheduler.now();
      if (ms > 0) return void clock.scheduler.schedule(deliver, ms);
    }
    if (!blocked(deliver)) queue.shift()?.();
  };
  return {
    send: (arrive) => {
      const now = clock.scheduler.now();
      last = Math.max(last, now + clock.random() * delayMs());
      queue.push(arrive);
      clock.scheduler.schedule(deliver, last - now);
    },
    close: () => {
      open = false;
    },
    delay: (ms) => {
      later = clock.scheduler.now() + ms;
    },
  };
};
