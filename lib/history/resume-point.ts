/**
 * Where in a log a resume begins, by what a page of the log shows (docs/protocol.md, section 13). A client
 * that cannot be sent everything is sent `gap`, never nothing.
 */
import type { GapReason } from '../protocol/system-event.js';
import {
  type MessageId,
  isTimeOfOtherLog,
  type LogPosition,
  timeOf,
} from '../protocol/position.js';
import { LAG_MS, OVERLAP_MS, type Resume, untoldOf } from '../protocol/resume.js';
import type { Page } from './page.js';

/** Whether the log has nothing after the resume point, so there is nothing to read. */
export const isAtTop = (resume: Resume, top: LogPosition, global: boolean): boolean => {
  if (resume._tag === 'Since') return top.offset === 0 || timeOf(top) < resume.ms - OVERLAP_MS;
  const { id, text } = resume;
  if (id.tag !== top.tag || id.global !== global || id.offset !== top.offset) return false;
  return bears(id, text, top.offset === 0 ? undefined : lastOf(top));
};

/** What is known of the last message of a log when its entry was trimmed. */
const lastOf = (top: LogPosition): Pick<LogPosition, 'ms' | 'id'> => ({
  ms: timeOf(top),
  id: top.id,
});

/**
 * Whether the entry at an id's offset fits the id. An id of the log must be equal to the entry's. For an id
 * outside the log, the entry must not be later than the id. An id with `TIME_OF_OTHER_LOG` has a time of the
 * other log, which says nothing about this entry.
 */
export const bears = (
  id: MessageId,
  text: string,
  entry: { readonly ms: number; readonly id: string | null } | undefined,
): boolean =>
  entry === undefined ||
  (id.outside ? isTimeOfOtherLog(id) || entry.ms <= id.ms : entry.id === text);

/** The offset whose page shows where to begin. */
export const firstOffset = (resume: Resume, top: LogPosition): number =>
  resume._tag === 'Since' ? top.offset : resume.id.offset;

/** The fields of a page that show where to begin. */
type Read = Pick<Page, 'top' | 'first' | 'beforeMs' | 'entries'>;

/** What a page shows about a resume. */
export type ResumePoint =
  /** The client needs the messages from this offset on; with `gap`, it misses others that are gone. */
  | { readonly _tag: 'From'; readonly offset: number; readonly gap: GapReason | undefined }
  /**
   * The log does not know such an id: the client gets new messages only. But with `log_lost`, and an
   * archive that knows the id, it gets what the archive and the log have after the id.
   */
  | { readonly _tag: 'Lost'; readonly gap: GapReason }
  /** The page of this offset must be read too. */
  | { readonly _tag: 'Earlier'; readonly offset: number };

export const resumePointIn = (resume: Resume, page: Read, global: boolean): ResumePoint =>
  resume._tag === 'Since' ? startSince(resume, page) : startAfter(resume, page, global);

const startAfter = (
  { id, text }: Extract<Resume, { readonly _tag: 'After' }>,
  { top, first, entries }: Read,
  global: boolean,
): ResumePoint => {
  if (id.tag !== top.tag) return { _tag: 'Lost', gap: 'log_lost' };
  if (id.global !== global || id.offset > top.offset) return { _tag: 'Lost', gap: 'unknown_id' };
  const next = Math.max(id.offset + 1, first);
  if (id.offset === 0)
    return { _tag: 'From', offset: next, gap: first > 1 ? 'expired' : undefined };
  // in a quiet room the position outlives the messages
  if (id.offset === top.offset && id.offset < first)
    return bears(id, text, lastOf(top))
      ? { _tag: 'From', offset: next, gap: undefined }
      : { _tag: 'Lost', gap: 'unknown_id' };
  if (id.offset < first) return { _tag: 'From', offset: next, gap: 'expired' };
  const entry = entries.find((one) => one.id.offset === id.offset);
  return entry !== undefined && bears(id, text, { ms: entry.id.ms, id: entry.idText })
    ? { _tag: 'From', offset: next, gap: undefined }
    : { _tag: 'Lost', gap: 'unknown_id' };
};

const startSince = (
  resume: Extract<Resume, { readonly _tag: 'Since' }>,
  page: Read,
): ResumePoint => {
  const { top, first, entries } = page;
  const untoldMs = untoldOf(resume);
  const from = resume.ms - OVERLAP_MS;
  const [head] = entries;
  const after = top.offset + 1;
  if (first === after) {
    const missed = top.offset > 0 && timeOf(top) >= untoldMs - LAG_MS;
    return { _tag: 'From', offset: after, gap: missed ? 'expired' : undefined };
  }
  if (head === undefined) return { _tag: 'Earlier', offset: top.offset };
  if (head.id.ms >= from && head.id.offset > first)
    return { _tag: 'Earlier', offset: head.id.offset - 1 };
  const begin = entries.find(({ id }) => id.ms >= from)?.id;
  const missed = begin?.offset === first && isMissed(untoldMs, page);
  const offset = begin?.offset ?? (entries.at(-1)?.id.offset ?? top.offset) + 1;
  return { _tag: 'From', offset, gap: missed ? 'expired' : undefined };
};

/**
 * Whether the log has trimmed a message that the client may miss: one of `ms - LAG_MS` or later. `ms` is the
 * time of an id. The client may have this log only up to `LAG_MS` before that time (`protocol/resume.ts`).
 */
export const isMissed = (
  ms: number,
  { first, beforeMs, entries: [head] }: Pick<Page, 'first' | 'beforeMs' | 'entries'>,
): boolean => {
  if (first <= 1) return false;
  return beforeMs === undefined ? (head?.id.ms ?? ms) > ms - LAG_MS : beforeMs >= ms - LAG_MS;
};
