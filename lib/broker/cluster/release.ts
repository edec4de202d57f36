/**
 * Delivers confirmed messages from the reorder buffer, messages of a page of the log, and messages that wait
 * in the reorder buffer but are not in the log. `Release` has no state of its own: the order is in
 * `sequence.ts`, the messages are in `reorder-buffer.ts`.
 */
import type { Page } from '../../history/page.js';
import { GLOBAL, type LogPosition, type Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import { endingAt, type Missing } from './confirmation.js';
import type { ReorderBuffer } from './reorder-buffer.js';
import { positionBefore, type Sequence } from './sequence.js';

export interface Release {
  /**
   * Delivers confirmed messages in the order of offsets, up to a message in doubt. A confirmed message keeps
   * its place among the messages that were received, or comes later: so all pods deliver another program's
   * message at the same position. `isComplete`: everything that was pushed was received. `top`: the log's
   * position, by its answer: messages that the log lacks are delivered under ids outside the log. When `top`
   * is undefined, these messages wait on. `overtakes`: confirmed messages do not wait behind a message in
   * doubt, because the log did not answer, or because a page is filled in and no push is awaited. Returns
   * whether it delivered a confirmed message.
   */
  confirmed(isComplete: boolean, top: LogPosition | undefined, overtakes: boolean): boolean;
  /**
   * Delivers the messages of a page up to its end. `awaits`: it stops at a message whose push may be on its
   * way, as only the push shows its place among messages outside the log. Returns where it stopped:
   * `Coming` is a message whose push may be on its way, `Lost` is a hole.
   */
  fill(page: Page, isComplete: boolean, awaits: boolean): 'Top' | 'More' | Missing;
  /**
   * The log has decided about all messages that waited when it was asked. Those that it lacks are delivered
   * under ids outside the log.
   */
  conclude(): void;
  /**
   * The position from which to go on after a hole: just before the page's first message (`head`), or just
   * before the received messages that end at `top`.
   */
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
    // the usual case: all that waits is confirmed and in order
    if (run.length === queue.length && run.every((one, i) => one === queue[i])) {
      buffer.replace([], 0);
      run.forEach(sequence.advance);
      return true;
    }
    const due = new Set(run);
    const rest: Publication[] = [];
    let next = 0;
    let isBlocked = false;
    for (const [i, publication] of queue.entries()) {
      if (!isBlocked && due.has(publication)) {
        due.delete(publication);
        // received out of order: messages with a higher offset that were received before it are delivered
        // with it
        for (let one = run[next]; one !== undefined && !due.has(one); one = run[++next])
          sequence.advance(one);
        // it stays while one with a lower offset, which was received after it, is not delivered
        rest.push(publication);
        continue;
      }
      if (!isBlocked && publication.id.outside && sequence.acceptInOrder(publication)) continue;
      if (!isBlocked && top !== undefined && i < asked && sequence.isForeign(publication, top)) {
        sequence.passThrough(publication);
        continue;
      }
      rest.push(publication);
      isBlocked ||= !overtakes && sequence.isBlocking(publication);
    }
    const advanced = new Set(run.slice(0, next));
    const waiting = rest.filter((publication) => !advanced.has(publication));
    const before = new Set(queue.slice(0, asked));
    buffer.replace(waiting, waiting.filter((publication) => before.has(publication)).length);
    return next > 0;
  };

  return {
    confirmed,
    fill: ({ top, entries }, isComplete, awaits) => {
      const [head] = entries;
      const from = head?.id.offset ?? 0;
      // when messages may be missing, the log's own copies are delivered
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
      if (queue.length === 0) return;
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
      // before the messages that were received meanwhile
      buffer.replace([...rest, ...buffer.all()], 0);
    },
    beginning: (head, top, isComplete) => {
      const first = head ?? endingAt(buffer.all(), top, room === GLOBAL, isComplete)[0];
      return first === undefined ? top : positionBefore(first);
    },
  };
};
