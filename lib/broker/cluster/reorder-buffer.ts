/**
 * What waits for the log's word, in the order in which it was heard. Bounded: what did not fit and has a
 * place is read from the log; what has none is lost, as a neighbour that floods a channel must not take the
 * pod's memory.
 */
import type { Publication } from '../../protocol/publication.js';

export interface ReorderBuffer {
  size(): number;
  all(): readonly Publication[];
  add(publication: Publication): void;
  /** The log is asked: what it says is final for what is here now. */
  markAsked(): void;
  /** How many of those that wait were there then. */
  countAsked(): number;
  /** Puts others in their place, of which the first so many were there when the log was asked. */
  replace(queue: Publication[], countAsked: number): void;
  /** Some did not fit. */
  isFull(): boolean;
  /** What did not fit has been dealt with. */
  clearFull(): void;
}

const MAX_MESSAGES = 1_024;
const MAX_BYTES = 4_194_304;

export const reorderBuffer = (): ReorderBuffer => {
  let queue: Publication[] = [];
  let bytes = 0;
  let before = 0;
  let full = false;
  return {
    size: () => queue.length,
    all: () => queue,
    add: (publication) => {
      const { length } = publication.frame;
      // nor what comes behind it: a forged message in the place of one that did not fit would be the only one
      // heard there
      if (full || queue.length >= MAX_MESSAGES || bytes + length > MAX_BYTES) {
        full = true;
        return;
      }
      queue.push(publication);
      bytes += length;
    },
    markAsked: () => {
      before = queue.length;
    },
    countAsked: () => before,
    replace: (rest, count) => {
      queue = rest;
      before = count;
      bytes = 0;
      for (const { frame } of rest) bytes += frame.length;
    },
    isFull: () => full,
    clearFull: () => {
      full = false;
    },
  };
};
