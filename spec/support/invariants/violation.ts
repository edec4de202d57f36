/** What was found, as data. The tags are those of the list of invariants (`docs/testing.md`). */
import type { Room } from '../../../lib/position.js';

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
}

/** The first are kept, all are counted: one fault may be found a hundred thousand times. */
const KEPT = 200;

export const findings = (): Findings => {
  const list: Violation[] = [];
  let count = 0;
  return {
    list,
    count: () => count,
    add: (violation) => {
      count++;
      if (list.length < KEPT) list.push(violation);
    },
  };
};
