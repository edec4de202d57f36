/**
 * Gives the answers of each room in the order of its calls. A message that is stored at the second try, and a
 * message that needs no store, have their answers at other times than their neighbours.
 */
import type { Room } from '../../protocol/position.js';

/** A call of a room, and the one that was made after it. */
interface Slot<A> {
  readonly give: (answer: A) => void;
  answer: { readonly value: A } | undefined;
  next: Slot<A> | undefined;
}

interface Line<A> {
  first: Slot<A> | undefined;
  last: Slot<A>;
}

export interface AnswerOrder<A> {
  /** A call of this room. Returns where its answer goes; `give` gets it after all earlier ones. */
  readonly slot: (room: Room, give: (answer: A) => void) => (answer: A) => void;
  /** The calls without an answer, and those whose answer waits for an earlier one. */
  readonly size: () => number;
}

export const answerOrder = <A>(): AnswerOrder<A> => {
  const lines = new Map<Room, Line<A>>();
  const count = { waiting: 0 };

  const giveFirst = (room: Room, line: Line<A>): void => {
    while (line.first?.answer !== undefined) {
      const { give, answer, next } = line.first;
      line.first = next;
      // the call that is answered may make another one in this room
      if (next === undefined) lines.delete(room);
      count.waiting -= 1;
      give(answer.value);
    }
  };

  return {
    slot: (room, give) => {
      const slot: Slot<A> = { give, answer: undefined, next: undefined };
      const line = lines.get(room) ?? { first: slot, last: slot };
      if (line.first !== slot) {
        line.last.next = slot;
        line.last = slot;
      }
      lines.set(room, line);
      count.waiting += 1;
      return (value) => {
        slot.answer = { value };
        giveFirst(room, line);
      };
    },
    size: () => count.waiting,
  };
};
