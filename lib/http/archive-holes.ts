/**
 * Holes in the archive, in the epoch of the log. Each pod stores by itself, so a message may be missing for a
 * moment while a later one is there. `log.page` knows how long to wait for such a message. So from the hole
 * on, `log.page` is asked in place of the archive. The messages are those of a walk (`archive-reader.ts`).
 */
import { YOUNG_MS } from '../history/archive/archived-log.js';
import type { Publication } from '../protocol/publication.js';
import type { Walk } from './archive-reader.js';
import { isOfEpoch, type LogRange } from './log-range.js';

/** Whether a message is so young that one before it may still come. `archived-log.ts` waits as long. */
const isYoung = ({ top }: LogRange, { id }: Publication): boolean => top.ms - id.ms < YOUNG_MS;

/**
 * How many messages of an upward walk come before the first hole that may still be filled. `known`: the
 * offset before these messages.
 */
export const wholeUpward = (
  range: LogRange,
  entries: readonly Publication[],
  known: number,
): number => {
  let offset = known;
  for (const [i, entry] of entries.entries()) {
    if (!isOfEpoch(range, entry.id)) continue;
    if (entry.id.offset > offset + 1 && isYoung(range, entry)) return i;
    offset = Math.max(offset, entry.id.offset);
  }
  return entries.length;
};

/**
 * The messages of a downward walk, without the messages of the log's epoch that are above the lowest hole
 * that may still be filled. `known`: the offset of the newest message of this epoch among the rest; 0 when
 * there is none.
 */
export const wholeDownward = (
  range: LogRange,
  { entries, more }: Pick<Walk, 'entries' | 'more'>,
): { readonly entries: readonly Publication[]; readonly known: number } => {
  const inEpoch = entries.filter(({ id }) => isOfEpoch(range, id));
  // after the last one comes another epoch, or nothing, or it is not known
  const end = more && inEpoch.at(-1) === entries.at(-1) ? Number.POSITIVE_INFINITY : 0;
  const hole = inEpoch.findLastIndex((entry, i) => {
    const below = inEpoch[i + 1]?.id.offset ?? end;
    return entry.id.offset > below + 1 && isYoung(range, entry);
  });
  const known = inEpoch[hole + 1]?.id.offset ?? 0;
  const above = new Set(inEpoch.slice(0, hole + 1));
  return { entries: entries.filter((entry) => !above.has(entry)), known };
};
