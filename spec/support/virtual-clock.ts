/**
 * Time and chance of a whole cluster inside one process: nothing waits in real time, and the same seed gives
 * the same run. Timers are in a heap, as the virtual scheduler of rxjs sorts all of them for each timer.
 * `turn` runs at the end of the instant, after everything that is due then.
 */
import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';
import type { Clock } from '../../lib/clock.js';

export interface VirtualClock extends Clock {
  /** Lets so many ms pass. */
  advance(ms: number): void;
  /** The number of timers and turns that wait. */
  pending(): number;
  /** Steps the wall clock, as an operator or NTP does; the monotonic clock goes on. */
  jump(ms: number): void;
  /** The process stands still for this long: timers that become due meanwhile run late, once. */
  stall(ms: number): void;
  /** The clock of a process of its own in the same world. */
  process(): ProcessClock;
}

/** The time of one process: that of the world, but it can stand still, be wrong, and end. */
export interface ProcessClock extends Clock {
  jump(ms: number): void;
  /** SIGSTOP: nothing of it runs until `thaw`; timers that became due meanwhile then run, in order. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL: nothing of it runs ever again. */
  kill(): void;
  /** The number of its timers and turns that wait. */
  pending(): number;
}

/** 2023-11-14T22:13:20Z */
const EPOCH = 1_700_000_000_000;

/** The most steps in one instant: more of them are an endless loop. */
const MAX_STEPS = 1_000_000;

/** Whether the work of a process runs. */
interface Life {
  state: 'running' | 'frozen' | 'dead';
  /** The work that became due while the process was frozen. */
  readonly late: (() => void)[];
  pending: number;
  skew: number;
}

/** Work that is due at a time; without `work` it is cancelled. */
interface Due {
  readonly at: number;
  /** Work that is due at the same time runs in the order in which it was scheduled. */
  readonly nth: number;
  readonly life: Life;
  work: (() => void) | undefined;
}

const isSooner = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.nth < b.nth);

/** A binary heap, the soonest first. */
class Heap {
  private readonly items: Due[] = [];

  get first(): Due | undefined {
    return this.items[0];
  }

  push(item: Due): void {
    const { items } = this;
    let at = items.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = items[up] as Due;
      if (!isSooner(item, above)) break;
      items[at] = above;
      at = up;
    }
    items[at] = item;
  }

  pop(): Due | undefined {
    const { items } = this;
    const [first] = items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && isSooner(items[down + 1] as Due, items[down] as Due)) down++;
      const below = items[down] as Due;
      if (!isSooner(below, last)) break;
      items[at] = below;
      at = down;
    }
    items[at] = last;
    return first;
  }
}

/** A piece of work of the scheduler, in the form of rxjs: it may schedule itself again. */
class Action<T> extends Subscription implements SchedulerAction<T> {
  private due: Due | undefined = undefined;
  private state: T | undefined = undefined;

  constructor(
    private readonly put: (work: () => void, delay: number) => Due,
    private readonly drop: (due: Due) => void,
    private readonly work: (this: SchedulerAction<T>, state?: T) => void,
  ) {
    super();
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this;
    this.cancel();
    this.state = state;
    this.due = this.put(this.run, delay);
    return this;
  }

  override unsubscribe(): void {
    this.cancel();
    super.unsubscribe();
  }

  private readonly run = (): void => {
    this.due = undefined;
    this.work.call(this, this.state);
  };

  private cancel(): void {
    const { due } = this;
    this.due = undefined;
    if (due !== undefined) this.drop(due);
  }
}

export const virtualClock = (seed = 1): VirtualClock => {
  const heap = new Heap();
  const random = mulberry(seed);
  let turns: Due[] = [];
  let now = 0;
  let count = 0;

  const due = (life: Life, at: number, work: () => void): Due => {
    if (life.state !== 'dead') life.pending++;
    return { at, nth: count++, life, work };
  };

  const drop = (what: Due): void => {
    if (what.work === undefined) return;
    what.work = undefined;
    if (what.life.state !== 'dead') what.life.pending--;
  };

  const run = (what: Due): void => {
    const { life, work } = what;
    if (work === undefined || life.state === 'dead') return;
    if (life.state === 'frozen') {
      life.late.push(() => run(what));
      return;
    }
    drop(what);
    work();
  };

  const runTurns = (): void => {
    const some = turns;
    turns = [];
    for (const each of some) run(each);
  };

  const clockOf = (life: Life): Clock => {
    const put = (work: () => void, delay: number): Due => {
      const what = due(life, now + Math.max(0, delay), work);
      if (life.state !== 'dead') heap.push(what);
      return what;
    };
    const scheduler: SchedulerLike = {
      now: () => now,
      schedule: <T>(
        work: (this: SchedulerAction<T>, state?: T) => void,
        delay = 0,
        state?: T,
      ): Subscription => new Action<T>(put, drop, work).schedule(state, delay),
    };
    return {
      scheduler,
      turn: (work) => {
        const what = due(life, now, work);
        turns.push(what);
        return new Subscription(() => drop(what));
      },
      wall: () => EPOCH + now + life.skew,
      random,
    };
  };

  const born = (): Life => ({ state: 'running', late: [], pending: 0, skew: 0 });

  const world = born();
  const lives = [world];

  return {
    ...clockOf(world),
    advance: (ms) => {
      const until = now + ms;
      for (let steps = 0; ; steps++) {
        if (steps > MAX_STEPS) throw new Error(`time stands still at ${now} ms: a loop`);
        const next = heap.first;
        if (next !== undefined && next.at <= now) {
          heap.pop();
          run(next);
        } else if (turns.length > 0) runTurns();
        else if (next !== undefined && next.at <= until) {
          now = next.at;
          steps = 0;
        } else break;
      }
      now = until;
    },
    pending: () => lives.reduce((sum, { pending }) => sum + pending, 0),
    jump: (ms) => {
      world.skew += ms;
    },
    stall: (ms) => {
      now += ms;
    },
    process: () => {
      const life = born();
      lives.push(life);
      return {
        ...clockOf(life),
        jump: (ms) => {
          life.skew += ms;
        },
        freeze: () => {
          if (life.state === 'running') life.state = 'frozen';
        },
        thaw: () => {
          if (life.state !== 'frozen') return;
          life.state = 'running';
          for (const late of life.late.splice(0)) late();
        },
        kill: () => {
          life.state = 'dead';
          life.pending = 0;
          life.late.length = 0;
        },
        pending: () => life.pending,
      };
    },
  };
};

/** mulberry32: 32 bits of state, good enough to draw faults from. */
export const mulberry = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
};
