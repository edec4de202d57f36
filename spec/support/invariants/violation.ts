/**
 * What was found, as data. The invariants:
 *
 *   I1  no silent gap: of a room's epoch a client gets one offset after the other, or is told `gap`
 *   I2  nothing twice, by the whole id; said once, heard once
 *   I3  one order for all
 *   I4  what was acknowledged stands in the log for as long as the log reaches, unless Redis itself forgot
 *   I5  nothing is delivered that was not said by that user; the id is the server's
 *   I6  no message crosses rooms
 *   I7  the same key is the same id
 *   I8  what has a bound keeps it
 *   I9  after all has healed everybody is where the log is, and is answered; nobody is cut without a cause
 *   I10 when all have gone nothing is left
 *   I11 no input ends a process
 *   I12 what is said of a pod's health is true
 */
import type { Room } from '../../../lib/protocol/position.js';

export type Tag =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I11'
  | 'I12'
  /** Told `gap` where nothing had to be missed. */
  | 'gap';

export interface Violation {
  readonly tag: Tag;
  readonly client: string | undefined;
  readonly room: Room | undefined;
  readonly text: string;
  readonly at: number;
}

export interface Findings {
  readonly add: (violation: Violation) => void;
  readonly list: readonly Violation[];
  readonly count: () => number;
  /** Forgets what was found since; what stood there then is `now`. */
  readonly rewind: (to: Mark) => void;
  readonly now: () => Mark;
}

interface Mark {
  readonly length: number;
  readonly count: number;
}

/** The first are kept, all are counted: one fault may be found a hundred thousand times. */
const KEPT = 200;

export const findings = (): Findings => {
  const list: Violation[] = [];
  let count = 0;
  return {
    list,
    count: () => count,
    now: () => ({ length: list.length, count }),
    rewind: (to) => {
      list.length = to.length;
      count = to.count;
    },
    add: (violation) => {
      count++;
      if (list.length < KEPT) list.push(violation);
    },
  };
};
