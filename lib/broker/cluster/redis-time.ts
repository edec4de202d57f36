/** The time by the clock of Redis, which dates messages: estimated from the answers to probes. */
import type { Clock } from '../../clock.js';
import type { HealthProbe } from './health-probe.js';

export interface RedisTime {
  /** Unix ms by the clock of Redis; undefined while no probe was answered on the present connection. */
  readonly known: () => number | undefined;
  /** Unix ms by the clock of Redis as last known; by the pod's own clock before the first answer. */
  readonly now: () => number;
  /** A position with this time was received. */
  readonly seen: (ms: number) => void;
  /** `now`, but never before the time of a position: the clock of the next Redis may be behind. */
  readonly nowOrLatest: () => number;
}

export const redisTime = (
  { scheduler, wall }: Clock,
  { ahead, lastAhead }: Pick<HealthProbe, 'ahead' | 'lastAhead'>,
): RedisTime => {
  let latestMs = 0;
  const after = (lead: number | undefined): number | undefined =>
    lead === undefined ? undefined : scheduler.now() + lead;
  const now = (): number => after(lastAhead()) ?? wall();
  return {
    known: () => after(ahead()),
    now,
    seen: (ms) => {
      if (ms > latestMs) latestMs = ms;
    },
    nowOrLatest: () => Math.max(latestMs, now()),
  };
};
