/** What a log answers: also the bus's word (`broker/bus.ts`), which is why it stands by itself. */
import type { Publication } from '../codec.js';
import type { Top } from '../position.js';

/** Some of a log, read in one go: what it says is of one moment. */
export interface Page {
  /** Where the log stands; a log that was not there has begun by being read, at offset 0 of a new epoch. */
  readonly top: Top;
  /** The oldest offset that can be read: `top.offset + 1` where none can. */
  readonly first: number;
  /** By offset, without holes, from the offset asked for or `first`, whichever is higher. */
  readonly entries: readonly Publication[];
}

/** Payload bytes of a page. */
export const PAGE_BYTES = 262_144;
