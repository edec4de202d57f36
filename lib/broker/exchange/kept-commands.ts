/**
 * The control commands that a worker reads after its start (`RedisPort.recall`): the last one of each name. A
 * new name beyond the bound is not kept; then `recall` has an empty text, as `port.ts` says.
 */
import type { Kept, Recalled } from '../redis/port.js';

export interface KeptCommands {
  readonly keep: (text: string, kept: Kept) => void;
  /** The commands that are younger than this. */
  readonly recall: (ms: number) => Recalled[];
}

/** As many as with Redis: about 200 bytes each. */
const MAX_KEPT = 4_096;

interface Entry {
  readonly text: string;
  readonly at: number;
  readonly ms: number;
}

/** `wall`: Unix ms. */
export const keptCommands = (wall: () => number): KeptCommands => {
  const entries = new Map<string, Entry>();
  let refusedAt: number | undefined;

  const dropOld = (now: number): void => {
    for (const [name, { at, ms }] of entries) if (now - at > ms) entries.delete(name);
  };

  return {
    keep: (text, { name, ms, isOver }) => {
      const now = wall();
      if (isOver) {
        entries.delete(name);
        return;
      }
      if (!entries.has(name) && entries.size >= MAX_KEPT) dropOld(now);
      if (entries.has(name) || entries.size < MAX_KEPT) entries.set(name, { text, at: now, ms });
      else refusedAt = now;
    },
    recall: (ms) => {
      const now = wall();
      const all = [
        ...entries.values(),
        ...(refusedAt === undefined ? [] : [{ text: '', at: refusedAt }]),
      ];
      return all
        .filter(({ at }) => now - at < ms)
        .map(({ text, at }) => ({ text, ageMs: now - at }));
    },
  };
};
