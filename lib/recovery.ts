/**
 * Recovery of one room: a joiner with a `last_id` is a cursor over shared pages of the log until it meets the live stream,
 * and goes over to it in one turn.
 *
 *   resume ─▶ at the top? ───────────────────────────────────────────────────────────▶ met
 *              │ no                                                                     ▲
 *              ▼                                                                        │ where the members are
 *            its page ─▶ where to begin, `gap` if something is gone ─▶ a slice of it, or of the tail
 *              ▲                                                        │ ▲             of what they were handed
 *              └────────────────── nothing left of either ──────────────┘ └─ the reader has taken it
 *
 * A reader is handed a slice when it has taken the last one, so a long backlog overruns no outbox; 64 slices a turn, so a
 * herd does not keep the loop. The tail lives as long as somebody recovers, and a little longer.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { Observable, Subscription } from 'rxjs';
import { backoffMs } from './broker/backoff.js';
import type { Clock } from './clock.js';
import type { Membership } from './command.js';
import type { GapReason } from './control.js';
import type { Item } from './fan-out.js';
import { framesOf } from './codec.js';
import type { Log, LogError } from './log/index.js';
import { pages, type SharedPage, type Slice, topOf } from './log/pages.js';
import { firstLook, isAtTop, isMissed, startIn } from './log/start.js';
import type { Bound } from './operators/coalesce.js';
import { GLOBAL, type Room, type Top } from './position.js';
import { OVERLAP_MS, type Resume, untoldOf } from './resume.js';

export interface RecoveryDeps {
  readonly room: Room;
  readonly clock: Clock;
  readonly log: Log;
  /** A connection's send buffer. */
  readonly bound: Bound;
  /** How long a log that does not answer is asked. */
  readonly patienceMs: number;
  /** Where the members have come to. */
  readonly reached: () => Top;
  /** The clock that dates messages, Unix ms; undefined while it is not known. */
  readonly brokerMs: () => number | undefined;
  /** Tells a joiner that something is missing. */
  readonly gap: (membership: Membership, reason: GapReason) => void;
}

/** A joiner has everything up to `at`. */
export interface Recovered {
  readonly at: Top;
  /** Messages it was handed. */
  readonly messages: number;
  /** The first gap that it was told. */
  readonly gap: GapReason | undefined;
}

export interface Recovery {
  /** Emits once, in the turn in which the joiner is to become a member, and completes. Unsubscribing cancels it. */
  readonly recover: (
    membership: Membership,
    resume: Resume,
    /** The joiner was told a gap already: none is told again before the first message. */
    told?: GapReason,
  ) => Observable<Recovered>;
  /**
   * Tells a joiner that is to wait yet what the log cannot give it. Emits once, undefined where nothing is lost or the log
   * cannot be read, and completes.
   */
  readonly foretell: (membership: Membership, resume: Resume) => Observable<GapReason | undefined>;
  /** The members have been handed this. */
  readonly delivered: (items: readonly Item[]) => void;
  /** The log has begun anew: what was read of it is of another. */
  readonly turned: () => void;
  readonly close: () => void;
}

/** What one reader is handed at once. */
const SLICE = { messages: 128, bytes: 65_536 };
/** Slices of a room in one turn: about 1 ms. */
const SLICES = 64;
/** What members were handed since somebody began to recover. */
const TAIL = { messages: 1_024, bytes: 1_048_576 };
/** The pages and the tail outlive the last cursor: others of the same herd are on their way. */
const LINGER_MS = 5_000;
/** Only these pass by themselves. */
const PASSING: ReadonlySet<LogError['_tag']> = new Set([
  'Unreachable',
  'Loading',
  'Busy',
  'ReadOnly',
  'Late',
]);

export const recovery = (deps: RecoveryDeps): Recovery => {
  const { room, clock, bound, patienceMs, reached } = deps;
  const { scheduler } = clock;
  const isGlobal = room === GLOBAL;
  const shared = pages(deps.log, room, clock);
  const most = {
    messages: Math.min(SLICE.messages, Math.ceil(bound.messages / 2)),
    bytes: Math.min(SLICE.bytes, Math.ceil(bound.bytes / 2)),
  };
  let tail: Item[] = [];
  let tailBytes = 0;
  let cursors = 0;
  let remembering = false;
  let linger: Subscription | undefined;
  let ready: (() => void)[] = [];
  let turn = Subscription.EMPTY;

  const run = (): void => {
    const due = ready.slice(0, SLICES);
    ready = ready.slice(SLICES);
    turn = ready.length > 0 ? clock.turn(run) : Subscription.EMPTY;
    for (const step of due) step();
  };

  /** A turn of its own for each slice: between them the others of the pod are served. */
  const soon = (step: () => void): void => {
    ready.push(step);
    if (ready.length === 1 && turn === Subscription.EMPTY) turn = clock.turn(run);
  };

  const forget = (): void => {
    linger?.unsubscribe();
    linger = undefined;
    remembering = false;
    tail = [];
    tailBytes = 0;
    shared.clear();
  };

  const hold = (): void => {
    cursors++;
    remembering = true;
    linger?.unsubscribe();
    linger = undefined;
  };

  const release = (): void => {
    cursors--;
    if (cursors === 0) linger ??= scheduler.schedule(forget, LINGER_MS);
  };

  /** What members were handed from `offset` on, if that is all there. */
  const tailFrom = (tag: number, offset: number): Slice | undefined => {
    const at = tail.findIndex((item) => item.offset === offset && item.top.tag === tag);
    if (at === -1) return undefined;
    const items: Item[] = [];
    let bytes = 0;
    for (let i = at; i < tail.length && items.length < most.messages; i++) {
      const item = tail[i];
      if (item?.offset !== offset + items.length || item.top.tag !== tag) break;
      if (items.length > 0 && bytes + item.frame.length > most.bytes) break;
      items.push(item);
      bytes += item.frame.length;
    }
    const last = items.at(-1);
    if (last === undefined) return undefined;
    return {
      count: items.length,
      bytes: framesOf(items.map(({ frame }) => frame)),
      last: last.top,
    };
  };

  const foretell = (membership: Membership, asked: Resume): Observable<GapReason | undefined> =>
    new Observable((out) => {
      const resume = notLater(asked, deps.brokerMs());
      const startedAt = scheduler.now();
      const end = (reason: GapReason | undefined): void => {
        if (reason !== undefined) deps.gap(membership, reason);
        out.next(reason);
        out.complete();
      };
      const look = (offset: number): void => {
        out.add(
          shared.at(offset).subscribe((answer) => {
            if (isLeft(answer)) end(undefined);
            else judge(answer.right);
          }),
        );
      };
      const judge = (found: SharedPage): void => {
        const start = startIn(resume, found, isGlobal);
        if (start._tag === 'Earlier') return look(start.offset);
        if (start._tag === 'Lost' && found.askedAt < startedAt) {
          shared.drop(found);
          return look(firstLook(resume, found.top));
        }
        if (start._tag === 'From' && start.gap !== undefined)
          membership.position = placeBefore(found, start.offset);
        end(start.gap);
      };
      hold();
      out.add(release);
      out.add(scheduler.schedule(() => end(undefined), patienceMs));
      const top = reached();
      if (isAtTop(resume, top, isGlobal)) end(undefined);
      else look(firstLook(resume, top));
    });

  const recover = (
    membership: Membership,
    asked: Resume,
    told?: GapReason,
  ): Observable<Recovered> =>
    new Observable((out) => {
      const resume = notLater(asked, deps.brokerMs());
      const { outbox } = membership.connection;
      const startedAt = scheduler.now();
      let page: SharedPage | undefined;
      /** Everything up to here it has. */
      let at: Top | undefined;
      let next = 0;
      let messages = 0;
      let gap: GapReason | undefined;
      let failures = 0;
      let reread = false;

      /** What follows the gap begins right after `place`: that is where it is told. */
      const tell = (reason: GapReason, place: Top): void => {
        gap ??= reason;
        membership.position = place;
        if (told === undefined || messages > 0) deps.gap(membership, reason);
      };

      const meet = (top: Top): void => {
        out.next({ at: top, messages, gap });
        out.complete();
      };

      /** Nothing more can be had: it goes on with what comes. */
      const give = (reason: GapReason): void => {
        const now = reached();
        tell(reason, now);
        meet(now);
      };

      const look = (offset: number, then: (found: SharedPage) => void): void => {
        out.add(
          shared.at(offset).subscribe((answer) => {
            if (isLeft(answer)) failed(answer.left._tag, () => look(offset, then));
            else then(answer.right);
          }),
        );
      };

      const failed = (tag: LogError['_tag'], again: () => void): void => {
        if (!PASSING.has(tag) || scheduler.now() - startedAt >= patienceMs)
          return give('broker_outage');
        out.add(scheduler.schedule(again, backoffMs(failures++, clock.random)));
      };

      const begin = (found: SharedPage): void => {
        const start = startIn(resume, found, isGlobal);
        if (start._tag === 'Earlier') return look(start.offset, begin);
        if (start._tag === 'Lost') {
          // a page that was read before we came may not know what another pod has just said
          if (found.askedAt >= startedAt) return give(start.gap);
          shared.drop(found);
          return look(firstLook(resume, found.top), begin);
        }
        page = found;
        next = start.offset;
        at = placeBefore(found, next);
        if (start.gap !== undefined) tell(start.gap, at);
        else membership.position = at;
        step();
      };

      const step = (): void => {
        if (out.closed) return;
        if (outbox.messages > 0) {
          out.add(outbox.taken$.subscribe(() => soon(step)));
          return;
        }
        const now = reached();
        const tag = at?.tag ?? now.tag;
        if (tag !== now.tag) return turnTo(at ?? now);
        // no further than the members are: what the log has beyond that reaches it with them, in their order
        const left = now.offset - next + 1;
        if (left <= 0) return meet(at ?? now);
        const slice =
          page?.slice(next, Math.min(left, most.messages), most.bytes) ?? tailFrom(tag, next);
        if (slice !== undefined) return hand(slice);
        // it was the log's end when it was read, and the members are further; a page in the middle is no other for that
        if (page !== undefined && page.top.offset < next) shared.drop(page);
        look(next, more);
      };

      /** Either the log began anew since its page was read, or the members have not heard yet that it did. */
      const turnTo = (place: Top): void => {
        if (page === undefined || reread) return meet(place);
        reread = true;
        shared.drop(page);
        look(next, more);
      };

      const more = (found: SharedPage): void => {
        page = found;
        if (found.top.tag !== at?.tag) return give('log_lost');
        if (found.first > next) {
          next = found.first;
          at = placeBefore(found, next);
          // what is gone of the overlap alone is no loss
          if (resume._tag === 'After' || isMissed(untoldOf(resume), found)) tell('expired', at);
          else membership.position = at;
        }
        // a log that is behind the members went back, and they will hear of it
        if (found.top.offset < next && next <= reached().offset) {
          shared.drop(found);
          return failed('Late', () => look(next, more));
        }
        step();
      };

      const hand = ({ count, bytes, last }: Slice): void => {
        outbox.send({ count, bytes });
        messages += count;
        next = last.offset + 1;
        at = last;
        membership.position = last;
        const now = reached();
        // with the last of it, it is where the members are: from here on it is one
        if (last.tag === now.tag && last.offset === now.offset) meet(last);
        else soon(step);
      };

      hold();
      out.add(release);
      const top = reached();
      if (isAtTop(resume, top, isGlobal)) meet(top);
      else look(firstLook(resume, top), begin);
    });

  return {
    recover,
    foretell,
    delivered: (items) => {
      if (!remembering) return;
      for (const item of items) {
        if (item.offset === undefined) continue;
        tail.push(item);
        tailBytes += item.frame.length;
      }
      while (tail.length > TAIL.messages || tailBytes > TAIL.bytes) {
        tailBytes -= tail.shift()?.frame.length ?? 0;
      }
    },
    turned: shared.clear,
    close: () => {
      turn.unsubscribe();
      ready = [];
      forget();
    },
  };
};

/** No message has such a time, so the time is no reason to leave any out: the log is read from its start. */
const notLater = (resume: Resume, brokerMs: number | undefined): Resume => {
  if (resume._tag === 'After' || brokerMs === undefined) return resume;
  const untoldMs = untoldOf(resume);
  if (untoldMs <= brokerMs) return resume;
  if (untoldMs > brokerMs + OVERLAP_MS) return { _tag: 'Since', ms: 0 };
  return { _tag: 'Since', ms: Math.min(resume.ms, brokerMs), untoldMs: brokerMs };
};

/** Right before `offset`, as far as a page shows it. */
const placeBefore = (page: SharedPage, offset: number): Top => {
  const { tag } = page.top;
  if (offset > page.top.offset) return page.top;
  const before = page.at(offset - 1);
  if (before !== undefined) return topOf(before);
  return { tag, offset: offset - 1, ms: page.at(offset)?.id.ms ?? page.top.ms, id: null };
};
