/**
 * The memory of all open answers, bounded together. The first messages that are read for an answer show how
 * much memory it will need. This memory is reserved until the answer is sent. So of many requests that come
 * at once, some are refused at the start; else all could fail in the middle.
 */
import { type Problem, problem } from '../protocol/problem.js';
import type { Publication } from '../protocol/publication.js';

/** Counts the messages of a page that was read for one answer. A problem when there is no memory for them. */
export type Reserve = (entries: readonly Publication[]) => Problem | undefined;

/** `closed` registers work for the time when the response has ended or its client has gone. */
export type HistoryMemory = (limit: number, closed: (work: () => void) => void) => Reserve;

/**
 * The bytes of messages of one answer. Upward, an answer ends with the page that reaches this number.
 * Downward, it has at most this number, and at least one message.
 */
export const ANSWER_BYTES = 4_194_304;
/** The bytes of all open answers. */
const ALL_BYTES = 67_108_864;

export const historyMemory = (): HistoryMemory => {
  let bytesInUse = 0;

  return (limit, closed) => {
    let own = 0;
    let got = 0;
    let isGone = false;
    closed(() => {
      isGone = true;
      bytesInUse -= own;
    });
    return (entries) => {
      const bytes = bytesOf(entries);
      const expected = got > 0 ? 0 : Math.min(ANSWER_BYTES, (bytes / entries.length || 0) * limit);
      got += bytes;
      const more = Math.max(got, expected, own) - own;
      if (isGone || bytesInUse + more > ALL_BYTES) return BUSY;
      bytesInUse += more;
      own += more;
      return undefined;
    };
  };
};

export const bytesOf = (entries: readonly Publication[]): number =>
  entries.reduce((sum, { frame }) => sum + frame.length, 0);

export const again = (detail: string): Problem => problem(503, detail, { 'Retry-After': '1' });

const BUSY = again('messages: too much history is being read; retry after 1 s');
