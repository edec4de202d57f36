/** The time by the clock of Redis, which dates messages: estimated from the answers to probes. */
import type { Clock } from '../../clock.js';

export interface RedisTime {
  /** Unix ms by the clock of Redis; undefined when an outage made it unknown. */
  readonly known: () => number | undefined;
  /** Unix ms by the clock of Redis, as last known; by our own before it is known. */
  readonly now: () => number;
  /** A position with this time was seen. */
  readonly seen: (ms: number) => void;
  /** The same as `now`, and not before any position: the clock of the next Redis may be behind. */
  readonly nowOrLatest: () => number;
}

/** `ahead`: how far the clock of Redis is ahead of our monotonic one; undefined when an outage made it unknown. */
export const redisTime = (
  { scheduler, wall }: Clock,
  ahead: () => number | undefined,
): RedisTime => {
  let lastAhead: number | undefined;
  let latestMs = 0;
  const now = (): number => {
    lastAhead = ahead() ?? lastAhead;
    return lastAhead === undefined ? wall() : scheduler.now() + lastAhead;
  };
  return {
    known: () => {
      const lead = ahead();
      return lead === undefined ? undefined : scheduler.now() + lead;
    },
    now,
    seen: (ms) => {
      if (ms > latestMs) latestMs = ms;
    },
    nowOrLatest: () => Math.max(latestMs, now()),
  };
};
