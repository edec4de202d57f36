/**
 * Delivers from the reorder buffer: what is confirmed, what the log's page fills in, and what the log does not
 * have. It owns no state of its own: the order is in `sequence.ts`, the messages are in `reorder-buffer.ts`.
 */
import type { Page } from '../../history/page.js';
import { GLOBAL, type LogPosition, type Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import { endingAt, type Missing } from './confirmation.js';
import type { ReorderBuffer } from './reorder-buffer.js';
import { positionBefore, type Sequence } from './sequence.js';

export interface Release {
  /**
   * Delivers what is confirmed, and what is outside the log between it. `isWhole`: all that was pushed was
   * received. False: nothing was confirmed.
   */
  confirmed(isWhole: boolean): boolean;
  /** Delivers a page's messages up to its end. Answers where it stopped: `Lost` and `Coming` are holes. */
  fill(page: Page, isWhole: boolean): 'Top' | 'More' | Missing;
  /** The log has told all about what waited when it was asked: what it does not have is another program's. */
  conclude(): void;
  /** Where to go on behind a hole: before what the log has, or before the received messages up to its top. */
  beginning(head: Publication | undefined, top: LogPosition, isWhole: boolean): LogPosition;
}

export const release = (room: Room, sequence: Sequence, buffer: ReorderBuffer): Release => {
  const confirmed = (isWhole: boolean): boolean => {
    const run = sequence.confirmed(buffer.all(), isWhole);
    if (run.length === 0) return false;
    const due = new Set(run);
    const rest: Publication[] = [];
    let next = 0;
    let before = 0;
    for (const [i, publication] of buffer.all().entries()) {
      if (due.has(publication)) {
        due.delete(publication);
        // received out of order: messages of a lower offset that come behind it are delivered with it
        for (let one = run[next]; one !== undefined && !due.has(one); one = run[++next])
          sequence.advance(one);
      } else if (!publication.id.outside || !sequence.acceptInOrder(publication)) {
        rest.push(publication);
        if (i < buffer.countAsked()) before++;
      }
    }
    buffer.replace(rest, before);
    return true;
  };

  return {
    confirmed,
    fill: ({ top, entries }, isWhole) => {
      const [head] = entries;
      const from = head?.id.offset ?? 0;
      for (;;) {
        const { offset } = sequence.position();
        if (offset >= top.offset) return 'Top';
        const entry = entries[offset + 1 - from];
        if (entry !== undefined) sequence.advance(entry);
        else if (!confirmed(isWhole))
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
    beginning: (head, top, isWhole) => {
      const first = head ?? endingAt(buffer.all(), top, room === GLOBAL, isWhole)[0];
      return first === undefined ? top : positionBefore(first);
    },
  };
};
