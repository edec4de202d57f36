/**
 * The cursor of one recovery: where a joiner is in the log, as data, and what it does next, as pure
 * functions.
 *
 *   Seeking ── begin(page) ──► Reading ── next ──► Send, Yield ──► … ──► Met: it has what the members have
 *      │ ▲                       │  ▲
 *      │ └ Read                  │  └ more(page)      Read: page and tail do not have the next message
 *      └──────────────► Gap, Met ◄┘                    the log cannot give it
 *
 * With an archive, a joiner whose epoch has ended first gets the rest of it, and a joiner that resumes by a
 * time before the present epoch the messages since that time: Seeking ── Epochs ── entered ──► Reading, from
 * the first message of the present epoch on.
 *
 * A cursor goes no further than the members: what the log has beyond their position reaches the joiner with
 * them, in their order. A slice costs one object; nothing is allocated for each message.
 */
import type { Bound } from '../../rx/coalesce.js';
import type { SharedPage, Slice } from '../../history/page-cache.js';
import { positionAfter } from '../../history/page-cache.js';
import { firstOffset, isAtTop, isMissed, resumePointIn } from '../../history/resume-point.js';
import type { LogPosition } from '../../protocol/position.js';
import { OVERLAP_MS, type Resume, untoldOf } from '../../protocol/resume.js';
import type { GapReason } from '../../protocol/system-event.js';
import type { Tail } from './tail.js';

/** The first message to send is not known yet. */
export interface Seeking {
  readonly _tag: 'Seeking';
  readonly resume: Resume;
  readonly isGlobal: boolean;
  /** When the joiner came, by the clock's scheduler. */
  readonly startedAt: number;
  /** Whether an archive may have the messages of epochs that have ended. */
  readonly isArchived: boolean;
}

export interface Reading {
  readonly _tag: 'Reading';
  readonly resume: Resume;
  /** The joiner has everything up to here, except what a gap has reported. */
  readonly at: LogPosition;
  /** The offset of the next message. */
  readonly offset: number;
  /** The page that was read last. */
  readonly page: SharedPage | undefined;
  /** Whether the page was read again, as its epoch was not that of the members. */
  readonly isReread: boolean;
}

export type Cursor = Seeking | Reading;

export type Move =
  /** Messages up to the cursor's `at` are lost: send a gap. */
  | { readonly _tag: 'Gap'; readonly reason: GapReason }
  | { readonly _tag: 'Send'; readonly slice: Slice }
  /** Read the page of `offset`; `stale` must not be used again. */
  | { readonly _tag: 'Read'; readonly offset: number; readonly stale: SharedPage | undefined }
  /** The log is behind the members: read the page of the next message again, later. */
  | { readonly _tag: 'Retry'; readonly offset: number; readonly stale: SharedPage }
  /**
   * Send the rest of the epochs before that of the page: the messages after the joiner's id or time that the
   * archive has.
   */
  | { readonly _tag: 'Epochs'; readonly page: SharedPage }
  /** Go on when the joiner has taken what it was sent; at once if it has. */
  | { readonly _tag: 'Wait' }
  /** Go on in a later turn, so that other joiners are served between two slices. */
  | { readonly _tag: 'Yield' }
  /** The joiner has what the members have, and becomes one of them in this turn. */
  | { readonly _tag: 'Met'; readonly at: LogPosition };

/** The cursor, and what is to be done in this order. */
export type Step = readonly [Cursor, ...(readonly Move[])];

export const seek = (
  resume: Resume,
  isGlobal: boolean,
  startedAt: number,
  brokerMs: number | undefined,
  isArchived = false,
): Seeking => ({
  _tag: 'Seeking',
  resume: notLater(resume, brokerMs),
  isGlobal,
  startedAt,
  isArchived,
});

/** The log cannot give the rest: a gap, and the joiner goes on with new messages. */
export const giveUp = (cursor: Cursor, reason: GapReason, position: LogPosition): Step => {
  const at = reading(cursor.resume, position, position.offset + 1, undefined);
  return [at, { _tag: 'Gap', reason }, { _tag: 'Met', at: position }];
};

/** `top`: the position of the members. */
export const start = ({ resume, isGlobal, isArchived }: Seeking, top: LogPosition): Move => {
  // the position of an epoch without a message does not show what the epochs before it have
  const isWhole = top.offset > 0 || !isArchived || isOfEpoch(resume, top.ms);
  return isWhole && isAtTop(resume, top, isGlobal)
    ? { _tag: 'Met', at: top }
    : read(firstOffset(resume, top));
};

/**
 * Whether a joiner needs nothing of the epochs before the present one. A joiner whose time is wrong gets
 * nothing of them either: else it would get all of the archive.
 */
const isOfEpoch = (resume: Resume, begunMs: number): boolean =>
  resume._tag === 'After' || resume.ms === 0 || begunMs < resume.ms - OVERLAP_MS;

/** `page` may show where to begin. */
export const begin = (cursor: Seeking, page: SharedPage, position: LogPosition): Step => {
  const { resume, isGlobal, startedAt, isArchived } = cursor;
  const point = resumePointIn(resume, page, isGlobal);
  switch (point._tag) {
    case 'Earlier':
      return [cursor, read(point.offset)];
    case 'Lost':
      // a page that was read before the joiner came may lack what another pod has just published
      if (page.askedAt >= startedAt)
        return isArchived && point.gap === 'log_lost'
          ? [cursor, { _tag: 'Epochs', page }]
          : giveUp(cursor, point.gap, position);
      return [cursor, read(firstOffset(resume, page.top), page)];
    case 'From': {
      if (isArchived && point.offset === 1 && !isOfEpoch(resume, page.begunMs ?? page.top.ms))
        return [cursor, { _tag: 'Epochs', page }];
      const from = reading(resume, positionBefore(page, point.offset), point.offset, page);
      return point.gap === undefined
        ? [from, { _tag: 'Wait' }]
        : [from, { _tag: 'Gap', reason: point.gap }, { _tag: 'Wait' }];
    }
  }
};

/**
 * The joiner has the rest of the epochs before that of the page. When Redis lost the present epoch's
 * predecessor, messages may have been delivered that the archive does not have. A joiner that resumes by time
 * was sent that gap first (`missedHere` of the broker).
 */
export const entered = ({ resume }: Seeking, page: SharedPage): Step => {
  const { top, begunMs, renewedMs } = page;
  // not later than the first message: a client that is cut now resumes its other log by this time
  const ms = Math.min(top.ms, begunMs ?? (resume._tag === 'After' ? resume.id.ms : resume.ms));
  const from = reading(resume, { tag: top.tag, offset: 0, ms, id: null }, 1, undefined);
  return renewedMs === undefined || resume._tag === 'Since'
    ? [from, { _tag: 'Wait' }]
    : [from, { _tag: 'Gap', reason: 'log_lost' }, { _tag: 'Wait' }];
};

/** `page` may have the next message. */
export const more = (cursor: Reading, page: SharedPage, position: LogPosition): Step => {
  const { resume, at, offset } = cursor;
  if (page.top.tag !== at.tag) return giveUp(cursor, 'log_lost', position);
  const isTrimmed = page.first > offset;
  const from: Reading = isTrimmed
    ? { ...cursor, page, at: positionBefore(page, page.first), offset: page.first }
    : { ...cursor, page };
  // a log that is behind the members has lost messages: the members will be sent a gap
  const isBehind = page.top.offset < from.offset && from.offset <= position.offset;
  const then: Move = isBehind
    ? { _tag: 'Retry', offset: from.offset, stale: page }
    : { _tag: 'Wait' };
  // for a resume by time, perhaps only the overlap was trimmed: that is no loss
  const isGap = isTrimmed && (resume._tag === 'After' || isMissed(untoldOf(resume), page));
  return isGap ? [from, { _tag: 'Gap', reason: 'expired' }, then] : [from, then];
};

/** The joiner has taken what it was sent. `most`: the bound of one slice. */
export const next = (
  cursor: Reading,
  position: LogPosition,
  tail: Pick<Tail, 'from'>,
  most: Bound,
): Step => {
  const { at, offset, page, isReread } = cursor;
  if (at.tag !== position.tag) {
    // either the log began a new epoch after the page was read, or the members do not have the new epoch yet
    if (page === undefined || isReread) return [cursor, { _tag: 'Met', at }];
    return [{ ...cursor, isReread: true }, read(offset, page)];
  }
  const left = position.offset - offset + 1;
  if (left <= 0) return [cursor, { _tag: 'Met', at }];
  const slice =
    page?.slice(offset, Math.min(left, most.messages), most.bytes) ?? tail.from(at.tag, offset);
  if (slice === undefined) {
    // the page was the end of the log and is outdated now; full pages in the middle never change
    const isEnd = page !== undefined && page.top.offset < offset;
    return [cursor, read(offset, isEnd ? page : undefined)];
  }
  const { last } = slice;
  const sent: Reading = { ...cursor, at: last, offset: last.offset + 1 };
  const isMet = last.tag === position.tag && last.offset === position.offset;
  return [sent, { _tag: 'Send', slice }, isMet ? { _tag: 'Met', at: last } : { _tag: 'Yield' }];
};

const reading = (
  resume: Resume,
  at: LogPosition,
  offset: number,
  page: SharedPage | undefined,
): Reading => ({ _tag: 'Reading', resume, at, offset, page, isReread: false });

const read = (offset: number, stale?: SharedPage): Move => ({ _tag: 'Read', offset, stale });

/**
 * The resume with a time that is not in the future. A time that is far in the future is wrong: then the log
 * is read from its start.
 */
const notLater = (resume: Resume, brokerMs: number | undefined): Resume => {
  if (resume._tag === 'After' || brokerMs === undefined) return resume;
  const untoldMs = untoldOf(resume);
  if (untoldMs <= brokerMs) return resume;
  if (untoldMs > brokerMs + OVERLAP_MS) return { _tag: 'Since', ms: 0 };
  return { _tag: 'Since', ms: Math.min(resume.ms, brokerMs), untoldMs: brokerMs };
};

/** The position just before `offset`, as far as a page shows it. */
const positionBefore = (page: SharedPage, offset: number): LogPosition => {
  const { tag } = page.top;
  if (offset > page.top.offset) return page.top;
  const before = page.at(offset - 1);
  if (before !== undefined) return positionAfter(before);
  return { tag, offset: offset - 1, ms: page.at(offset)?.id.ms ?? page.top.ms, id: null };
};
