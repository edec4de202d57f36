/** Time and chance for specs of an application: nothing waits for real, and each run is the same. */
import { VirtualAction, VirtualTimeScheduler } from 'rxjs';
import type { ClientClock } from '../client/options.js';

export interface VirtualClock extends ClientClock {
  /** Lets this many ms pass. */
  advance(ms: number): void;
  /** The page sleeps: the wall clock goes on by this many ms, and no timer runs. */
  sleep(ms: number): void;
}

/** 2023-11-14T22:13:20Z */
const BEGIN_MS = 1_700_000_000_000;

/** `seed`: another one gives other numbers. */
export const virtualClock = (seed = 1): VirtualClock => {
  const scheduler = new VirtualTimeScheduler(VirtualAction, 0);
  let slept = 0;
  let state = seed >>> 0;
  return {
    scheduler,
    wall: () => BEGIN_MS + slept + scheduler.frame,
    random: () => {
      // mulberry32
      state = (state + 0x6d2b79f5) >>> 0;
      let bits = Math.imul(state ^ (state >>> 15), state | 1);
      bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
      return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
    },
    advance: (ms) => {
      const end = scheduler.frame + ms;
      scheduler.maxFrames = end;
      scheduler.flush();
      scheduler.frame = end;
    },
    sleep: (ms) => {
      slept += ms;
    },
  };
};
