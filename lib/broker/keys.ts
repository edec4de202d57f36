/**
 * Idempotency keys that this pod has seen, for 5 minutes (contract section 1) and at most 100,000 of them (about
 * 20 MB): the oldest is forgotten first.
 */
import type { Clock } from '../clock.js';
import type { Room } from '../position.js';

/** The message that a key stands for: its id, and a digest of its data. */
export interface Keyed {
  readonly id: string;
  readonly digest: string;
}

export interface IdempotencyKeys {
  readonly get: (room: Room, key: string) => Keyed | undefined;
  readonly set: (room: Room, key: string, keyed: Keyed) => void;
}

export const KEY_TTL_MS = 300_000;
const MAX_KEYS = 100_000;

export const idempotencyKeys = ({ scheduler }: Clock): IdempotencyKeys => {
  // all live equally long, so the map's order of insertion is that of expiry
  const seen = new Map<string, Keyed & { readonly until: number }>();

  const expire = (now: number): void => {
    for (const [name, { until }] of seen) {
      if (until > now && seen.size <= MAX_KEYS) return;
      seen.delete(name);
    }
  };

  return {
    get: (room, key) => {
      const keyed = seen.get(`${room} ${key}`);
      return keyed !== undefined && keyed.until > scheduler.now() ? keyed : undefined;
    },
    set: (room, key, keyed) => {
      const now = scheduler.now();
      const name = `${room} ${key}`;
      seen.delete(name);
      seen.set(name, { ...keyed, until: now + KEY_TTL_MS });
      expire(now);
    },
  };
};
