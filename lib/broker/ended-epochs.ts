/**
 * What a client missed in epochs that have ended, in a process that has all logs in its memory. A client that
 * resumes by a time knew the epoch of that time. When the room has a later epoch, the earlier one has ended:
 *
 *   the time is before the process began ───────────────────▶ missed: nothing is known of that time
 *   messages of ended epochs were published since that time ─▶ missed
 *   otherwise ───────────────────────────────────────────────▶ the client has all messages of that epoch
 *
 * One time is kept for all rooms. An epoch with messages ends long after its last message, so this time is
 * usually before that of any client.
 */
import { type LogPosition, timeOf } from '../protocol/position.js';
import { LAG_MS, type Resume, untoldOf } from '../protocol/resume.js';
import type { Missed } from './fallback-log.js';

export interface EndedEpochs {
  /** An epoch has ended, with this position. */
  readonly add: (top: LogPosition) => void;
  /** `begunMs`: when the present epoch of the room began. Undefined: nothing was missed. */
  readonly missed: (begunMs: number | undefined, resume: Resume) => Missed | undefined;
}

const missedAt = (at: number): Missed => ({ at, reason: 'log_lost', isArchived: true });

/** `sinceMs`: when the process began. */
export const endedEpochs = (sinceMs: number): EndedEpochs => {
  const start = missedAt(sinceMs);
  /** The last message of all ended epochs. */
  const last = { missed: missedAt(Number.NEGATIVE_INFINITY) };

  return {
    add: (top) => {
      const at = timeOf(top);
      if (top.offset > 0 && at > last.missed.at) last.missed = missedAt(at);
    },
    missed: (begunMs, resume) => {
      if (resume._tag === 'After' || begunMs === undefined) return undefined;
      const ms = untoldOf(resume);
      if (ms >= begunMs) return undefined;
      if (ms < sinceMs) return start;
      return ms - LAG_MS <= last.missed.at ? last.missed : undefined;
    },
  };
};
