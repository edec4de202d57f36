/**
 * Delivers from the reorder buffer: what is confirmed, what the log's page fills in, and what the log does
 * not have. It owns no state of its own: the order is in `sequence.ts`, the messages are in
 * `reorder-buffer.ts`.
 */
import type { Page } from '../../history/page.js';
import { GLOBAL, type LogPosition, type Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import { endingAt, type Missing } from './confirmation.js';
import type { ReorderBuffer } from './reorder-buffer.js';
import { positionBefore, type Sequence } from './sequence.js';

export interface Release {
  /**
   * Delivers what is confirmed, in the order in which it was received, up to a message in doubt: all pods
   * deliver another program's message at the same place. `isComplete`: all that was pushed was received. `top`:
   * where the log stood when it was asked last, undefined while the answer is not there. `overtakes`: the
   * question failed, so nothing waits behind a message in doubt. False: nothing was confirmed.
   */
  confirmed(isComplete: boolean, top: LogPosition | undefined, overtakes: boolean): boolean;
  /**
   * Delivers a page's messages up to its end. `awaits`: but for those that may be on their way, as their
   * pushes tell their order among messages outside the log. Answers where it stopped: `Lost` and `Coming` are
   * holes.
   */
  fill(page: Page, isComplete: boolean, awaits: boolean): 'Top' | 'More' | Missing;
  /** The log has told all about what waited when it was asked: what it does not have is another program's. */
  conclude(): void;
  /** Where to go on behind a hole: before what the log has, or before the received messages up to its top. */
  beginning(head: Publication | undefined, top: LogPosition, isComplete: boolean): LogPosition;
}

export const release = (room: Room, sequence: Sequence, buffer: ReorderBuffer): Release => {
  const confirmed = (
    isComplete: boolean,
    top: LogPosition | undefined,
    overtakes: boolean,
  ): boolean => {
    const queue = buffer.all();
    const asked = buffer.countAsked();
    const run = sequence.confirmed(queue, isComplete);
    if (run.length === 0 && (top === undefined || asked === 0)) return false;
    const due = new Set(run);
    const rest: Publication[] = [];
    let next = 0;
    let before = 0;
    let isBlocked = false;
    for (const [i, publication] of queue.entries()) {
      if (!isBlocked && due.has(publication)) {
        due.delete(publication);
        // received out of order: messages of a higher offset that came before it are delivered with it
        for (let one = run[next]; one !== undefined && !due.has(one); one = run[++next])
          sequence.advance(one);
        continue;
      }
      if (!isBlocked && publication.id.outside && sequence.acceptInOrder(publication)) continue;
      if (!isBlocked && top !== undefined && i < asked && sequence.isForeign(publication, top)) {
        sequence.passThrough(publication);
        continue;
      }
      rest.push(publication);
      if (i < asked) before++;
      isBlocked ||= !overtakes && sequence.isBlocking(publication);
    }
    buffer.replace(rest, before);
    return next > 0;
  };

  return {
    confirmed,
    fill: ({ top, entries }, isComplete, awaits) => {
      const [head] = entries;
      const from = head?.id.offset ?? 0;
      // of what may not be all, the log's own copy is delivered
      const received = new Set(isComplete ? buffer.all().map(({ idText }) => idText) : []);
      for (;;) {
        const { offset } = sequence.position();
        if (offset >= top.offset) return 'Top';
        const entry = entries[offset + 1 - from];
        const isInBuffer = entry === undefined || received.delete(entry.idText);
        if (isInBuffer && confirmed(isComplete, top, !awaits)) continue;
        const missing = awaits ? sequence.missing(buffer.all(), top) : 'Lost';
        if (missing !== 'Lost') return missing;
        if (entry !== undefined) sequence.advance(entry);
        else
          return head !== undefined && from <= offset
            ? 'More'
            : sequence.missing(buffer.all(), top);
      }
    },
    conclude: () => {
      const queue = buffer.all();
      const before = buffer.countAsked();
      const rest: Publication[] = [];
      buffer.replace([], 0);
      for (const [i, publication] of queue.entries()) {
        if (rest.length === 0 || i < before) {
          if (sequence.acceptInOrder(publication)) continue;
          if (i < before) {
            sequence.passThrough(publication);
            continue;
          }
        }
        rest.push(publication);
      }
      // in front of what came meanwhile
      buffer.replace([...rest, ...buffer.all()], 0);
    },
    beginning: (head, top, isComplete) => {
      const first = head ?? endingAt(buffer.all(), top, room === GLOBAL, isComplete)[0];
      return first === undefined ? top : positionBefore(first);
    },
  };
};
