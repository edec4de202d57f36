/** Time and chance of the platform. */
import { asyncScheduler } from './rx.js';
import type { ClientClock } from './options.js';

export const platformClock: ClientClock = {
  scheduler: asyncScheduler,
  wall: Date.now,
  random: Math.random,
};
