/**
 * Messages of the archive in runs without a hole: each message of an epoch has its offset, and an epoch begins
 * with offset 1. So a client is sent a `gap` for a message that the archive does not have any more. Pure.
 */
import type { Publication } from '../../protocol/publication.js';

export interface Known {
  /** The last offset of each epoch, by tag. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Whether any message was read. The first one may be in the middle of its epoch. */
  readonly isBegun: boolean;
}

export interface Run {
  /** Messages are missing before the first one. */
  readonly isAfterHole: boolean;
  readonly messages: readonly Publication[];
}

/** Nothing was read: a resume by a time. */
export const UNKNOWN: Known = { offsets: new Map(), isBegun: false };

/** The client has this epoch up to an offset. */
export const knownTo = (tag: number, offset: number): Known => ({
  offsets: new Map([[tag, offset]]),
  isBegun: true,
});

/** The runs of a page, and what is known after it. */
export const step = (
  { offsets, isBegun }: Known,
  messages: readonly Publication[],
): readonly [Known, readonly Run[]] => {
  if (messages.length === 0) return [{ offsets, isBegun }, []];
  const next = new Map(offsets);
  const runs: { isAfterHole: boolean; messages: Publication[] }[] = [];
  for (const [i, message] of messages.entries()) {
    const { tag, offset } = message.id;
    const last = next.get(tag) ?? (i === 0 && !isBegun ? offset - 1 : 0);
    next.set(tag, offset);
    const run = runs.at(-1);
    const isAfterHole = offset > last + 1;
    if (run === undefined || isAfterHole) runs.push({ isAfterHole, messages: [message] });
    else run.messages.push(message);
  }
  return [{ offsets: next, isBegun: true }, runs];
};
