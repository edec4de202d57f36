/**
 * The gap of a joiner that has to wait until another room has caught up. The log is read as it is now, up to
 * the page that shows where the joiner begins. A gap is sent at once, so the joiner gets all messages of the
 * other room after it.
 *
 * Source: it subscribes to the pages, and ends with its subscriber.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import type { Membership } from '../../connection/connection.js';
import type { SharedPage } from '../../history/page-cache.js';
import { firstOffset, isAtTop } from '../../history/resume-point.js';
import type { Resume } from '../../protocol/resume.js';
import type { GapReason } from '../../protocol/system-event.js';
import { begin, seek } from './cursor.js';
import type { ReaderDeps } from './reader.js';

/**
 * Emits once: the reason of the gap, or undefined when nothing is missing or the log cannot be read in time.
 */
export const foretell = (
  deps: Omit<ReaderDeps, 'tail' | 'turns' | 'most'>,
  membership: Membership,
  resume: Resume,
): Observable<GapReason | undefined> =>
  new Observable((out) => {
    const { isGlobal, clock, pages, timeoutMs, position, brokerMs } = deps;
    const { scheduler } = clock;
    const seeking = seek(resume, isGlobal, scheduler.now(), brokerMs(), deps.epochs !== undefined);

    const end = (reason: GapReason | undefined): void => {
      if (reason !== undefined) deps.gap(membership, reason);
      out.next(reason);
      out.complete();
    };

    const read = (offset: number): void => {
      out.add(
        pages
          .at(offset)
          .subscribe((answer) => (isLeft(answer) ? end(undefined) : judge(answer.right))),
      );
    };

    const judge = (page: SharedPage): void => {
      const [cursor, move] = begin(seeking, page, position());
      if (move?._tag === 'Read') {
        if (move.stale !== undefined) pages.drop(move.stale);
        return read(move.offset);
      }
      // with an archive, what comes first is not known before it is read
      if (move?._tag !== 'Gap') return end(undefined);
      // the id of the gap shows the position after it
      if (cursor._tag === 'Reading' && cursor.page !== undefined) membership.position = cursor.at;
      end(move.reason);
    };

    out.add(scheduler.schedule(() => end(undefined), timeoutMs));
    const top = position();
    if (isAtTop(seeking.resume, top, isGlobal)) end(undefined);
    else read(firstOffset(seeking.resume, top));
  });
