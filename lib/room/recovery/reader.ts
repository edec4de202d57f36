/**
 * Runs the cursor of one joiner (cursor.ts): reads pages, sends slices, and repeats a read that the log did
 * not answer. The next slice is sent when the client has taken the last one, so a long recovery does not
 * overflow the outbox.
 *
 * Source: it subscribes to the pages and to the outbox, and ends with its subscriber.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Membership } from '../../connection/connection.js';
import type { LogError } from '../../history/index.js';
import type { PageCache, SharedPage } from '../../history/page-cache.js';
import type { LogPosition, Room } from '../../protocol/position.js';
import type { Resume } from '../../protocol/resume.js';
import type { GapReason } from '../../protocol/system-event.js';
import { backoffMs } from '../../rx/backoff.js';
import type { Bound } from '../../rx/coalesce.js';
import {
  begin,
  type Cursor,
  entered,
  giveUp,
  more,
  type Move,
  next,
  seek,
  start,
  type Step,
} from './cursor.js';
import type { EpochPages } from './epoch-pages.js';
import { oldEpochs } from './old-epochs.js';
import type { Tail } from './tail.js';
import type { TurnQueue } from './turn-queue.js';

/** A joiner has everything up to `at`. */
export interface Recovered {
  readonly at: LogPosition;
  /** How many messages the joiner was sent. */
  readonly messages: number;
  /** The reason of the first gap, also when `foretell` has sent a gap in its place. */
  readonly gap: GapReason | undefined;
}

export interface ReaderDeps {
  readonly room: Room;
  readonly isGlobal: boolean;
  /** The messages of epochs that have ended; undefined: nothing has them. */
  readonly epochs: EpochPages | undefined;
  readonly clock: Clock;
  readonly pages: PageCache;
  readonly tail: Tail;
  readonly turns: TurnQueue;
  /** The bound of one slice. */
  readonly most: Bound;
  /** For how long a log that does not answer is asked again. */
  readonly timeoutMs: number;
  /** The position of the members. */
  readonly position: () => LogPosition;
  /** The clock that gives messages their time, Unix ms; undefined while it is not known. */
  readonly brokerMs: () => number | undefined;
  readonly gap: (membership: Membership, reason: GapReason) => void;
}

/** Emits once, in the turn in which the joiner is to become a member, and completes. */
export const reader = (
  deps: ReaderDeps,
  membership: Membership,
  resume: Resume,
  /** The reason of the gap that `foretell` has sent: then no other gap is sent before the first message. */
  foretold?: GapReason,
): Observable<Recovered> =>
  new Observable((out) => {
    const { isGlobal, epochs, clock, pages, tail, turns, most, timeoutMs, position, brokerMs } =
      deps;
    const { scheduler } = clock;
    const { outbox } = membership.connection;
    const startedAt = scheduler.now();
    const seeking = seek(resume, isGlobal, startedAt, brokerMs(), epochs !== undefined);
    let cursor: Cursor = seeking;
    let messages = 0;
    let gap: GapReason | undefined;
    let failures = 0;
    /** Since when the next message cannot be read; undefined: the last read gave messages. */
    let failingSince: number | undefined;

    const run = ([moved, ...moves]: Step): void => {
      // the id of a control message that follows shows the position after the gap
      if (moved._tag === 'Reading') membership.position = moved.at;
      cursor = moved;
      for (const move of moves) perform(move);
    };

    const perform = (move: Move): void => {
      switch (move._tag) {
        case 'Gap':
          return sendGap(move.reason);
        case 'Send':
          messages += move.slice.count;
          failures = 0;
          failingSince = undefined;
          return outbox.send(move.slice);
        case 'Read':
          if (move.stale !== undefined) pages.drop(move.stale);
          return read(move.offset);
        case 'Retry':
          pages.drop(move.stale);
          return failed('Unreachable', move.offset);
        case 'Epochs':
          return sendEpochs(move.page);
        case 'Wait':
          return advance();
        case 'Yield':
          return turns.push(advance);
        case 'Met':
          out.next({ at: move.at, messages, gap });
          out.complete();
      }
    };

    const sendGap = (reason: GapReason): void => {
      gap ??= reason;
      if (foretold === undefined || messages > 0) deps.gap(membership, reason);
    };

    const advance = (): void => {
      if (out.closed || cursor._tag === 'Seeking') return;
      if (outbox.messages > 0) out.add(outbox.taken$.subscribe(() => turns.push(advance)));
      else run(next(cursor, position(), tail, most));
    };

    const sendEpochs = (page: SharedPage): void => {
      const from = cursor;
      if (epochs === undefined || from._tag !== 'Seeking') return;
      const old$ = oldEpochs(
        { ...deps, epochs, gap: sendGap },
        membership,
        from.resume,
        page.top.tag,
      );
      out.add(
        old$.subscribe((old) => {
          messages += old.messages;
          if (old._tag === 'Lost') return run(giveUp(from, old.reason, position()));
          run(entered(from, page));
        }),
      );
    };

    const read = (offset: number): void => {
      out.add(
        pages.at(offset).subscribe((answer) => {
          if (isLeft(answer)) failed(answer.left._tag, offset);
          else if (cursor._tag === 'Seeking') run(begin(cursor, answer.right, position()));
          else run(more(cursor, answer.right, position()));
        }),
      );
    };

    const failed = (tag: LogError['_tag'], offset: number): void => {
      failingSince ??= scheduler.now();
      if (tag === 'Unreadable' || scheduler.now() - failingSince >= timeoutMs)
        return run(giveUp(cursor, 'broker_outage', position()));
      out.add(scheduler.schedule(() => read(offset), backoffMs(failures++, clock.random)));
    };

    perform(start(seeking, position()));
  });
