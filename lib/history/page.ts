/** The answer of a log, and of the port to Redis (`broker/redis/port.ts`). */
import * as O from 'fp-ts/lib/Option.js';
import { parseStored, type Publication } from '../protocol/publication.js';
import { NO_POSITION, type LogPosition } from '../protocol/position.js';

/** A part of a log. All its fields are of one moment. */
export interface Page {
  /** The position of the log. */
  readonly top: LogPosition;
  /**
   * The oldest offset that can be read; `top.offset + 1` when none can. When entries in the middle are
   * missing or invalid (an operator has removed them), it is the first offset after them, for a reader that
   * asks for one of them.
   */
  readonly first: number;
  /**
   * When the message just before `first` was published, Unix ms: the youngest one that the log has trimmed.
   * Undefined when there is none, or when it is not known.
   */
  readonly beforeMs?: number | undefined;
  /**
   * The time (Unix ms) at which a pod that knew another epoch found the epoch of this page. No log has
   * messages of that other epoch. Undefined when no pod knew another.
   */
  readonly renewedMs?: number | undefined;
  /** When the epoch of this page began, Unix ms. Undefined when it is not known. */
  readonly begunMs?: number | undefined;
  /**
   * In order of offsets, without holes, from the offset that was asked for or from `first`, whichever is
   * higher.
   */
  readonly entries: readonly Publication[];
}

/**
 * The page of a room without an epoch, as nobody has used the room for long, or ever. A read makes no epoch:
 * else a client that reads hundreds of thousands of rooms would fill Redis, and the logs of other rooms would
 * be dropped from a pod's memory.
 */
export const NO_LOG: Page = Object.freeze({
  top: Object.freeze({ ...NO_POSITION, id: null }),
  first: 1,
  entries: [],
});

/** Payload bytes of a page. */
export const PAGE_BYTES = 262_144;

/**
 * A page of consecutive frames, from `from` or `first` on. An invalid frame, or one of another epoch, counts
 * as missing: it ends the page, or `first` comes after it. So a reader always makes progress.
 */
export const pageOf = (
  top: LogPosition,
  first: number,
  from: number,
  frames: readonly Buffer[],
  { beforeMs, renewedMs, begunMs }: Pick<Page, 'beforeMs' | 'renewedMs' | 'begunMs'> = {},
): Page => {
  const start = Math.max(from, first);
  const entries: Publication[] = [];
  let bad = 0;
  for (const frame of frames) {
    const placed = parseStored(frame);
    const isHere =
      O.isSome(placed) &&
      placed.value.id.tag === top.tag &&
      placed.value.id.offset === start + bad + entries.length &&
      !placed.value.id.outside;
    if (isHere) entries.push(placed.value);
    else if (entries.length > 0) break;
    else bad += 1;
  }
  const ofEpoch: Pick<Page, 'top' | 'renewedMs' | 'begunMs'> = {
    top,
    ...(renewedMs === undefined ? {} : { renewedMs }),
    ...(begunMs === undefined ? {} : { begunMs }),
  };
  if (bad > 0) return { ...ofEpoch, first: start + bad, entries };
  return beforeMs === undefined
    ? { ...ofEpoch, first, entries }
    : { ...ofEpoch, first, beforeMs, entries };
};
