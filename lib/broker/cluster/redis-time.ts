/** The time by the clock of Redis, which dates messages: estimated from the answers to probes. */
import type { Clock } from '../../clock.js';

export interface RedisTime {
  /** Unix ms by the clock of Redis; undefined while `ahead` is. */
  readonly known: () => number | undefined;
  /** Unix ms by the clock of Redis as last known; by the pod's own clock before that. */
  readonly now: () => number;
  /** A position with this time was received. */
  readonly seen: (ms: number) => void;
  /** `now`, but never before the time of a position: the clock of the next Redis may be behind. */
  readonly nowOrLatest: () => number;
}

/**
 * `ahead`: how far the clock of Redis is ahead of this pod's monotonic one; undefined while no probe was
 * answered since the last connection was lost.
 */
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
