/**
 * Time and chance as the streams see them: passed in, so that a whole cluster can run in virtual time inside one process.
 * Nothing under `hub` and `room` calls `Date.now`, `Math.random` or `setTimeout`.
 */
import type { SchedulerLike } from 'rxjs';
import { AsyncAction } from 'rxjs/internal/scheduler/AsyncAction';
import { AsyncScheduler } from 'rxjs/internal/scheduler/AsyncScheduler';
import { Subscription } from 'rxjs';

/** Time and chance, for an app in virtual time; `systemClock` is the process' own. */
export interface Clock {
  /** Waits. Its `now` is monotonic: a step of the wall clock cuts nobody off. */
  readonly scheduler: SchedulerLike;
  /** Runs a piece of work at the end of the event loop's turn, after the sockets that are ready were read. */
  readonly turn: (work: () => void) => Subscription;
  /** Unix time in milliseconds, for timestamps and ids; it may jump. */
  readonly wall: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** rxjs' own async scheduler measures by the wall clock; this one by the process' monotonic one. */
const monotonic = new AsyncScheduler(AsyncAction, () => performance.now());

/** A piece of work of this turn, until it has run or is unsubscribed. */
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
    // one that throws must not take the others' turn
    if (done < due.length) {
      works = [...due.slice(done), ...works];
      setImmediate(runWorks);
    }
  }
};

/**
 * `asapScheduler` is a microtask and runs before the turn's other sockets are read; `setImmediate` runs after them. One
 * for all that wait: an Immediate each costs 1 µs.
 */
const turn = (work: () => void): Subscription => {
  const slot = new Work(work);
  if (works.push(slot) === 1) setImmediate(runWorks);
  return slot;
};

/** The process' own time and chance. */
export const systemClock: Clock = {
  scheduler: monotonic,
  turn,
  wall: Date.now,
  random: Math.random,
};
