/**
 * A Bloom filter of two generations, for items that are too many to store. A generation takes items for
 * `keepMs`, and is then kept for as long again: so an item is found for at least `keepMs`. Of items that were
 * not added, the filter finds some by mistake: one in 24 when each generation has a million items, one in 250
 * when each has half a million. Nothing is allocated before the first item; then 1 MiB for each generation.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.js';

export interface BloomFilter {
  readonly add: (text: string) => void;
  readonly mayHave: (text: string) => boolean;
  readonly isEmpty: () => boolean;
}

const BITS = 2 ** 23;
const HASHES = 4;

export const bloomFilter = (
  { scheduler }: Pick<Clock, 'scheduler'>,
  keepMs: number,
): BloomFilter => {
  let now: Uint32Array | undefined;
  let before: Uint32Array | undefined;
  /** When the present generation ends. */
  let until = 0;

  const rotate = (): void => {
    const at = scheduler.now();
    if (now === undefined && before === undefined) return;
    if (at < until) return;
    before = at < until + keepMs ? now : undefined;
    now = undefined;
    until = at + keepMs;
  };

  return {
    add: (text) => {
      rotate();
      if (now === undefined && before === undefined) until = scheduler.now() + keepMs;
      now ??= new Uint32Array(BITS / 32);
      for (const bit of bitsOf(text)) now[bit >>> 5] = (now[bit >>> 5] ?? 0) | (1 << (bit & 31));
    },
    mayHave: (text) => {
      rotate();
      if (now === undefined && before === undefined) return false;
      const bits = bitsOf(text);
      return [now, before].some(
        (some) => some !== undefined && bits.every((bit) => isSet(some, bit)),
      );
    },
    isEmpty: () => now === undefined && before === undefined,
  };
};

const isSet = (some: Uint32Array, bit: number): boolean =>
  (((some[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;

const bitsOf = (text: string): readonly number[] => {
  const digest = createHash('sha256').update(text).digest();
  return Array.from({ length: HASHES }, (_, i) => digest.readUInt32BE(4 * i) % BITS);
};
