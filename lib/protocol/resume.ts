/**
 * Where a connection resumes in each of its two logs, the log of the URL's room and the global log
 * (docs/protocol.md, section 13).
 */
import * as O from 'fp-ts/lib/Option.js';
import { isAbsentId } from './client-message.js';
import { type MessageId, NO_EPOCH, parseId } from './position.js';

/**
 * `After`: after the message with this id. `Since`: no id of this log is known, so it resumes by the time of
 * another id (Unix ms).
 */
export type Resume =
  | { readonly _tag: 'After'; readonly id: MessageId; readonly text: string }
  | {
      readonly _tag: 'Since';
      readonly ms: number;
      /**
       * Readers subtract `LAG_MS` from this time. A lost message that was published then or later is reported
       * by a gap, an older one is not. Absent: this time is `ms`.
       */
      readonly untoldMs?: number;
    };

type After = Extract<Resume, { readonly _tag: 'After' }>;

/** What the `last_id` of the handshake means for each of the two logs. */
export interface Resumes {
  readonly room: Resume | undefined;
  readonly global: Resume | undefined;
}

/**
 * A log that resumes by time begins this much earlier than the id, as the two logs reach a client at
 * different moments. A message that comes twice, under one id, is better than a missing one.
 */
export const OVERLAP_MS = 60_000;
/**
 * While a member gets both logs live, one is never behind the other by more than this. So a client has
 * missed no trimmed message when the log still has every message that is not older than the time in the
 * client's id minus `LAG_MS`.
 */
export const LAG_MS = 5_000;

/**
 * Undefined when the text is absent, no id, or an id that names no log: then a client has nothing of the room
 * that it joins.
 */
export const resumeAfter = (text: string | undefined): After | undefined => {
  if (text === undefined || isAbsentId(text)) return undefined;
  const id = parseId(text);
  if (O.isNone(id) || id.value.tag === NO_EPOCH) return undefined;
  return { _tag: 'After', id: id.value, text: text.toLowerCase() };
};

/** A bit of each id shows its log, so the order of the two ids does not matter. */
export const resumesOf = (lastId: string | null): Resumes => {
  const [one = '', ...rest] = (lastId ?? '').split(',', 2);
  const [first, second] = [one, ...rest].map(resumeAfter);
  if (first === undefined && second === undefined) return resumesByTime(one);
  if (first === undefined || second === undefined) return resumesAlone(first ?? second);
  // two of one log: the later one covers the earlier one
  if (first.id.global === second.id.global)
    return resumesAlone(first.text < second.text ? second : first);
  return first.id.global ? { room: second, global: first } : { room: first, global: second };
};

/**
 * An id that names no log may have a time: up to that time, the client has both logs. An id without a time
 * counts as none.
 */
const resumesByTime = (text: string): Resumes => {
  const id = parseId(text);
  const since: Resume | undefined =
    O.isSome(id) && id.value.ms > 0 ? { _tag: 'Since', ms: id.value.ms } : undefined;
  return { room: since, global: since };
};

const resumesAlone = (one: After | undefined): Resumes => {
  if (one === undefined) return { room: undefined, global: undefined };
  const since: Resume = { _tag: 'Since', ms: one.id.ms };
  return one.id.global ? { room: since, global: one } : { room: one, global: since };
};

/**
 * The time (Unix ms) that decides about a gap, for a client that resumes by time. Lost messages count from
 * `LAG_MS` before it.
 */
export const untoldOf = ({ ms, untoldMs }: Extract<Resume, { readonly _tag: 'Since' }>): number =>
  untoldMs ?? ms;

/** The time up to which the client has the log that is further behind, Unix ms; infinite without an id. */
export const replaysFrom = ({ room, global }: Resumes): number =>
  Math.min(
    ...[room, global].map((resume) => (resume?._tag === 'Since' ? resume.ms : timeIn(resume))),
  );

/** The earliest of the times of the two resumes, Unix ms: of an id, or `untoldOf`; infinite without an id. */
export const earliestMs = ({ room, global }: Resumes): number =>
  Math.min(timeIn(room), timeIn(global));

const timeIn = (resume: Resume | undefined): number => {
  if (resume === undefined) return Number.POSITIVE_INFINITY;
  return resume._tag === 'After' ? resume.id.ms : untoldOf(resume);
};
