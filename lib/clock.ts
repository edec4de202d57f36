/**
 * Time and chance as a value that is passed in, so a whole cluster can run in virtual time inside one
 * process. No stream calls `Date.now`, `Math.random` or `setTimeout`.
 */
import type { SchedulerLike } from 'rxjs';
import { AsyncAction } from 'rxjs/internal/scheduler/AsyncAction';
import { AsyncScheduler } from 'rxjs/internal/scheduler/AsyncScheduler';
import { Subscription } from 'rxjs';

/** The time and chance of an app: `systemClock`, or a virtual clock in specs. */
export interface Clock {
  /** Waits. Its `now` is monotonic: a step of the wall clock disconnects no client. */
  readonly scheduler: SchedulerLike;
  /** Runs work at the end of the event loop's turn, after ready sockets were read. */
  readonly turn: (work: () => void) => Subscription;
  /** Unix time in milliseconds, for timestamps and ids; it may jump. */
  readonly wall: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** The async scheduler of rxjs uses the wall clock; this one uses the monotonic clock of the process. */
const monotonic = new AsyncScheduler(AsyncAction, () => performance.now());

/** A piece of work that waits for the end of this turn, until it has run or is unsubscribed. */
class Work extends Subscription {
  constructor(public run: (() => void) | undefined) {
    super();
  }

  override unsubscribe(): void {
    this.run = undefined;
    super.unsubscribe();
  }
}

let works: Work[] = [];

const runWorks = (): void => {
  const due = works;
  works = [];
  let done = 0;
  try {
    for (const { run } of due) {
      done++;
      run?.();
    }
  } finally {
    // work that throws must not keep the rest of the turn's work from running
    if (done < due.length) {
      works = [...due.slice(done), ...works];
      setImmediate(runWorks);
    }
  }
};

/**
 * `asapScheduler` uses a microtask, which runs before the other sockets of the turn are read; `setImmediate`
 * runs after them. One Immediate serves all work of a turn, as one each would cost 1 µs.
 */
const turn = (work: () => void): Subscription => {
  const slot = new Work(work);
  if (works.push(slot) === 1) setImmediate(runWorks);
  return slot;
};

/** Time and chance of the process. */
export const systemClock: Clock = {
  scheduler: monotonic,
  turn,
  wall: Date.now,
  random: Math.random,
};
