/** What a log answers: also what the port to Redis answers (`broker/redis/port.ts`), so it stands by itself. */
import * as O from 'fp-ts/lib/Option.js';
import { parseStored, type Publication } from '../protocol/publication.js';
import { NO_POSITION, parseId, type LogPosition } from '../protocol/position.js';

/** Some of a log, read in one go: what it says is of one moment. */
export interface Page {
  /** Where the log stands. */
  readonly top: LogPosition;
  /**
   * The oldest offset that can be read: `top.offset + 1` where none can. Should entries be missing or not be ours in the
   * middle of a log (an operator took them out), it is the first behind them for whoever asks for one of them.
   */
  readonly first: number;
  /**
   * When the message right before `first` was said, Unix ms: the youngest that the log let go. Undefined where there is none, or
   * nobody knows.
   */
  readonly beforeMs?: number | undefined;
  /**
   * When this epoch was found in place of another, Unix ms: messages of the other are in no log. Undefined where nobody
   * had another.
   */
  readonly renewedMs?: number | undefined;
  /** By offset, without holes, from the offset asked for or `first`, whichever is higher. */
  readonly entries: readonly Publication[];
}

/**
 * Of a room that nobody has used, or not for long: it has no epoch. Reading makes none, or who asks for rooms by the hundred
 * thousand would fill Redis with them, and push out others' logs from a pod's memory.
 */
export const NO_LOG: Page = Object.freeze({
  top: Object.freeze({ ...NO_POSITION, id: null }),
  first: 1,
  entries: [],
});

/** Payload bytes of a page. */
export const PAGE_BYTES = 262_144;

/**
 * A page of frames that stand in a row from `from` or `first` on. One that is none, or not the epoch's, is as if it were
 * missing: it ends the page, or `first` is behind it, so a reader always gets on.
 */
export const pageOf = (
  top: LogPosition,
  first: number,
  from: number,
  frames: readonly Buffer[],
  { beforeMs, renewedMs }: Pick<Page, 'beforeMs' | 'renewedMs'> = {},
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
  const ofEpoch = renewedMs === undefined ? { top } : { top, renewedMs };
  if (bad > 0) return { ...ofEpoch, first: start + bad, entries };
  return beforeMs === undefined
    ? { ...ofEpoch, first, entries }
    : { ...ofEpoch, first, beforeMs, entries };
};

/**
 * When a log's last message was said. Its `ms` may be later, as what is outside the log moves it too: who goes on from an
 * id of before that has missed nothing.
 */
export const timeOf = ({ id, ms }: LogPosition): number => {
  const last = id === null ? undefined : parseId(id);
  return last === undefined || O.isNone(last) ? ms : last.value.ms;
};
