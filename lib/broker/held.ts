/**
 * What waits for the log's word, in the order in which it was heard. Bounded: what did not fit is read from the log, or is
 * missed when no log may have it.
 */
import type { Publication } from '../codec.js';

export interface Held {
  size(): number;
  /** `inLog`: should it not fit, the log has it all the same. */
  add(publication: Publication, inLog: boolean): void;
  /** The log is asked: what it says is final for what is here now. */
  asked(): void;
  /** How many of those that wait were there then. */
  before(): number;
  /** Takes the first so many out, or all. */
  take(count?: number): readonly Publication[];
  /** Some did not fit; `isMissed`: and may be in no log. */
  isFull(): boolean;
  isMissed(): boolean;
  /** What did not fit has been dealt with. */
  forgive(): void;
}

const MAX_HELD = 1_024;
const MAX_BYTES = 4_194_304;

export const held = (): Held => {
  let queue: Publication[] = [];
  let bytes = 0;
  let before = 0;
  let full = false;
  let missed = false;
  return {
    size: () => queue.length,
    add: (publication, inLog) => {
      const { length } = publication.payload;
      if (queue.length >= MAX_HELD || bytes + length > MAX_BYTES) {
        full = true;
        missed ||= !inLog;
        return;
      }
      queue.push(publication);
      bytes += length;
    },
    asked: () => {
      before = queue.length;
    },
    before: () => before,
    take: (count = queue.length) => {
      const taken = queue.slice(0, count);
      queue = queue.slice(count);
      bytes -= taken.reduce((sum, { payload }) => sum + payload.length, 0);
      before = Math.max(0, before - taken.length);
      return taken;
    },
    isFull: () => full,
    isMissed: () => missed,
    forgive: () => {
      full = false;
      missed = false;
    },
  };
};
