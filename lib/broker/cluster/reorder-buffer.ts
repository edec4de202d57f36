/**
 * The messages that wait for an answer of the log, in the order in which they were received. Bounded. A
 * message that did not fit is read from the log. When no log has it (presence, a foreign message), it
 * is lost: a program that floods a channel must not fill the pod's memory.
 */
import type { Publication } from '../../protocol/publication.js';

export interface ReorderBuffer {
  size(): number;
  all(): readonly Publication[];
  add(publication: Publication): void;
  /** The log is asked now: its answer decides about the messages that are in the buffer now. */
  markAsked(): void;
  /** How many messages were in the buffer then. */
  countAsked(): number;
  /** Replaces the messages. The first `countAsked` of them were in the buffer when the log was asked. */
  replace(queue: Publication[], countAsked: number): void;
  /** Some messages did not fit. */
  isFull(): boolean;
  /** The messages that did not fit are dealt with. */
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
      // after a message that did not fit, no later one is buffered. Else a forged message could have the
      // offset of the one that did not fit, and would be the only one with it
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
