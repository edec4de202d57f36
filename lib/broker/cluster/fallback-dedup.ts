/**
 * Messages that members of this pod already have, though their publish failed: the publish may have run in
 * Redis all the same. When Redis then delivers such a message (an echo), it is not delivered twice. The nonce
 * of the id has 19 bits, so it alone would be equal by chance once in half a million messages: a digest of
 * the bytes after the id must be equal too. A message is remembered for as long as a log may still return it.
 * The number is bounded: the oldest messages go to a Bloom filter (`bloom.ts`), and a message that the filter
 * finds becomes a gap, so that it is not delivered twice.
 */
import { BoundedMap } from '../../bounded-map.js';
import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { type Publication, bodyOf } from '../../protocol/publication.js';
import type { Room } from '../../protocol/position.js';
import { bloomFilter } from './bloom.js';

export interface FallbackDedup {
  /** `as`: the id under which the message was delivered. */
  remember(room: Room, nonce: number, rest: string, as: string): void;
  /**
   * The id under which members have this echo; `FORGOTTEN` for a message that may be a forgotten one.
   * Without an outage nothing is remembered, and this costs nothing.
   */
  find(room: Room, publication: Publication): string | undefined;
  size(): number;
}

export interface FallbackDedupDeps {
  readonly clock: Clock;
  /** How long a log keeps its messages: after a long outage an echo is read from there. */
  readonly logTtlMs?: number;
}

/** Stands for the id of an echo that may have been forgotten. */
export const FORGOTTEN = '';

interface Echo {
  readonly digest: string;
  readonly as: string;
  readonly until: number;
}

const LEAST_MS = 600_000;
/**
 * A message is remembered for this much longer than the log keeps it: clocks differ, and a page is delivered
 * some time after it was read.
 */
const MARGIN_MS = 60_000;
/** 17 MB. */
const MAX_ECHOES = 65_536;

export const fallbackDedup = ({ clock, logTtlMs = LEAST_MS }: FallbackDedupDeps): FallbackDedup => {
  const keepMs = Math.max(LEAST_MS, logTtlMs) + MARGIN_MS;
  /** In the order of `until`. */
  const kept = new BoundedMap<string, Echo>(MAX_ECHOES);
  const gone = bloomFilter(clock, keepMs);

  const forgetOld = (): void => {
    const now = clock.scheduler.now();
    for (const [key, { until }] of kept) {
      if (until > now) return;
      kept.delete(key);
    }
  };

  return {
    remember: (room, nonce, rest, as) => {
      const key = keyOf(room, nonce);
      kept.delete(key);
      forgetOld();
      const until = clock.scheduler.now() + keepMs;
      const letGo = kept.put(key, { digest: digestOf(rest), as, until });
      if (letGo !== undefined) gone.add(letGo[0] + letGo[1].digest);
    },
    find: (room, publication) => {
      if (publication.id.outside || (kept.size === 0 && gone.isEmpty())) return undefined;
      forgetOld();
      const key = keyOf(room, publication.id.nonce);
      const echo = kept.get(key);
      if (echo === undefined && gone.isEmpty()) return undefined;
      const digest = digestOf(bodyOf(publication.payload));
      if (echo?.digest === digest) return echo.as;
      return gone.mayHave(key + digest) ? FORGOTTEN : undefined;
    },
    size: () => kept.size,
  };
};

const keyOf = (room: Room, nonce: number): string => `${nonce} ${room} `;

/** 66 bits. */
const digestOf = (rest: string): string =>
  createHash('sha256').update(rest).digest('base64url').slice(0, 11);
