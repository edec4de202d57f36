/**
 * The last writes, and how to undo them: a Redis that crashes, or a replica that is behind, has lost them.
 */

/** Older writes are on the disk and on every replica. */
const UNSAFE_MS = 1_000;

export interface UndoJournal {
  /** Notes a write; `undo` undoes it. */
  wrote(undo: () => void): void;
  /** Undoes the writes of the last `ms`. */
  takeBack(ms: number): void;
  /** From now on no earlier write is undone. */
  forget(): void;
}

/** `now` is monotonic. */
export const undoJournal = (now: () => number): UndoJournal => {
  let journal: { readonly at: number; readonly undo: () => void }[] = [];
  return {
    wrote: (undo) => {
      const at = now();
      if ((journal[0]?.at ?? at) < at - 2 * UNSAFE_MS)
        journal = journal.filter((each) => each.at >= at - UNSAFE_MS);
      journal.push({ at, undo });
    },
    takeBack: (ms) => {
      const since = now() - ms;
      for (let last = journal.pop(); last !== undefined; last = journal.pop()) {
        if (last.at < since) break;
        last.undo();
      }
      journal = [];
    },
    forget: () => {
      journal = [];
    },
  };
};
