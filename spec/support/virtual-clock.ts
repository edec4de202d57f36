/**
 * Time and chance of a whole cluster inside one process: nothing waits for real, and the same seed gives the same run.
 * `turn` runs at the end of the instant, after everything that is due then.
 */
import { Subscription, VirtualAction, VirtualTimeScheduler } from 'rxjs';
import type { Clock } from '../../lib/clock.js';

export interface VirtualClock extends Clock {
  /** Lets so many ms pass. */
  advance(ms: number): void;
  /** What is still going to happen. */
  pending(): number;
  /** Steps the wall clock, as an operator or NTP does; the monotonic one goes on. */
  jump(ms: number): void;
}

/** 2023-11-14T22:13:20Z */
const EPOCH = 1_700_000_000_000;

export const virtualClock = (seed = 1): VirtualClock => {
  const scheduler = new VirtualTimeScheduler(VirtualAction);
  let turns: { work: (() => void) | undefined }[] = [];
  let skew = 0;

  const runTurns = (): void => {
    const due = turns;
    turns = [];
    for (const { work } of due) work?.();
  };

  const dueBefore = (until: number): boolean => {
    const [next] = scheduler.actions;
    return next !== undefined && next.delay <= until;
  };

  return {
    scheduler,
    turn: (work) => {
      const slot: { work: (() => void) | undefined } = { work };
      turns.push(slot);
      return new Subscription(() => {
        slot.work = undefined;
      });
    },
    wall: () => EPOCH + scheduler.frame + skew,
    random: mulberry(seed),
    advance: (ms) => {
      const until = scheduler.frame + ms;
      for (;;) {
        if (dueBefore(scheduler.frame)) {
          scheduler.maxFrames = scheduler.frame;
          scheduler.flush();
        } else if (turns.length > 0) runTurns();
        else if (dueBefore(until)) scheduler.frame = scheduler.actions[0]?.delay ?? until;
        else break;
      }
      scheduler.frame = until;
    },
    pending: () =>
      scheduler.actions.filter(({ closed }) => !closed).length +
      turns.filter(({ work }) => work !== undefined).length,
    jump: (ms) => {
      skew += ms;
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
