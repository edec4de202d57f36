/**
 * The violations that were found, as data. The invariants:
 *
 *   I1  no silent gap: in an epoch of a room a client gets one offset after the other, or a `gap`
 *   I2  no message twice, by the whole id
 *   I3  one order for all
 *   I4  an acknowledged message is in the log while the log reaches back to it, unless Redis forgot it
 *   I5  each message was sent by the user in `from`; its id is one of the server
 *   I6  no message crosses rooms
 *   I7  the same key has the same id
 *   I8  every bound is kept
 *   I9  after all faults every client has the position of the log, and its answers; no cut without a cause
 *   I10 when all clients have left, nothing is left
 *   I11 no input ends a process
 *   I12 the status that a pod reports is true
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
  /** A `gap` came though no message can be missing. */
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
  /** Forgets the violations that were found since then. */
  readonly rewind: (to: Mark) => void;
  readonly now: () => Mark;
}

interface Mark {
  readonly length: number;
  readonly count: number;
}

/** The first ones are kept, all are counted: one fault may be found a hundred thousand times. */
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
