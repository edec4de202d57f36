/**
 * The messages of epochs that have ended, from the archive: for a joiner whose id is of such an epoch. They
 * are sent as the reader sends its slices, each when the client has taken the last one.
 *
 *   the archive is asked for the message of the id
 *     ├─ it has the message ─────────▶ pages after the id, up to the present epoch ──▶ Sent
 *     ├─ retention has removed it ───▶ gap `expired`, then the same
 *     └─ it does not know the id ────▶ Lost, with the reason for a gap
 *
 * When the archive does not answer in time, here or at a later page, the result is Lost too.
 *
 * Source: it subscribes to pages of the archive and to the outbox, and ends with its subscriber.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Membership } from '../../connection/connection.js';
import type { Archive, ArchivePage, Bound } from '../../history/archive/port.js';
import { DAY_MS } from '../../history/archive/partitions.js';
import { positionAfter, type Slice } from '../../history/page-cache.js';
import { bears } from '../../history/resume-point.js';
import { framesOf } from '../../protocol/frame.js';
import type { Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import type { Resume } from '../../protocol/resume.js';
import type { GapReason } from '../../protocol/system-event.js';
import type { Bound as SliceBound } from '../../rx/coalesce.js';
import { untilRight } from '../../rx/until-right.js';
import type { TurnQueue } from './turn-queue.js';

export interface OldEpochsDeps {
  readonly archive: Pick<Archive, 'page'>;
  readonly room: Room;
  readonly clock: Clock;
  readonly turns: TurnQueue;
  /** The bound of one slice. */
  readonly most: SliceBound;
  /** For how long an archive that does not answer is asked again. */
  readonly timeoutMs: number;
  readonly gap: (membership: Membership, reason: GapReason) => void;
}

export type OldEpochs =
  /** The joiner has everything before the present epoch. `gap`: except what this gap has reported. */
  | { readonly _tag: 'Sent'; readonly messages: number; readonly gap: GapReason | undefined }
  /** The rest cannot be given. */
  | { readonly _tag: 'Lost'; readonly messages: number; readonly reason: GapReason };

type After = Extract<Resume, { readonly _tag: 'After' }>;

/** What the archive shows about an id of an epoch that has ended. */
const gapAt = (
  { id, text }: After,
  [entry]: readonly Publication[],
  nowMs: number,
): { readonly isLost: boolean; readonly gap: GapReason | undefined } => {
  // offset 0 is before the first message. Without an entry, either the epoch had no message, or retention has
  // removed all of them. Retention removes nothing that is younger than a day
  if (id.offset === 0) {
    const isWhole = entry === undefined ? nowMs - id.ms < DAY_MS : entry.id.offset === 1;
    return { isLost: false, gap: isWhole ? undefined : 'expired' };
  }
  if (entry === undefined) return { isLost: true, gap: 'log_lost' };
  const { idText, id: first } = entry;
  if (first.offset > id.offset)
    return first.ms >= id.ms
      ? { isLost: false, gap: 'expired' }
      : { isLost: true, gap: 'log_lost' };
  return bears(id, text, { ms: first.ms, id: idText })
    ? { isLost: false, gap: undefined }
    : { isLost: true, gap: 'unknown_id' };
};

/** The first messages, as many as one slice may have, and at least one; undefined when there are none. */
const sliceOf = (messages: readonly Publication[], most: SliceBound): Slice | undefined => {
  let bytes = 0;
  const within = messages.findIndex(({ frame }, i) => {
    bytes += frame.length;
    return i > 0 && (i >= most.messages || bytes > most.bytes);
  });
  const some = within < 0 ? messages : messages.slice(0, within);
  const last = some.at(-1);
  if (last === undefined) return undefined;
  return {
    count: some.length,
    bytes: framesOf(some.map(({ frame }) => frame)),
    last: positionAfter(last),
  };
};

/** Emits once and completes. `presentTag`: the tag of the present epoch. */
export const oldEpochs = (
  { archive, room, clock, turns, most, timeoutMs, ...deps }: OldEpochsDeps,
  membership: Membership,
  resume: After,
  presentTag: number,
): Observable<OldEpochs> =>
  new Observable((out) => {
    const { outbox } = membership.connection;
    const current: { messages: number; gap: GapReason | undefined } = {
      messages: 0,
      gap: undefined,
    };

    const end = (result: OldEpochs): void => {
      out.next(result);
      out.complete();
    };
    const lost = (reason: GapReason): void =>
      end({ _tag: 'Lost', messages: current.messages, reason });
    const sent = (): void => end({ _tag: 'Sent', messages: current.messages, gap: current.gap });

    const read = (bound: Bound, limit: number, use: (page: ArchivePage) => void): void => {
      const page$ = archive.page({ room, direction: 'After', bound, limit });
      out.add(
        untilRight(page$, clock, timeoutMs).subscribe((answer) =>
          isLeft(answer) ? lost('broker_outage') : use(answer.right),
        ),
      );
    };

    const after = (bound: Bound): void =>
      read(bound, most.messages, ({ entries, more }) => {
        const present = entries.findIndex(({ id }) => id.tag === presentTag);
        const old = present < 0 ? entries : entries.slice(0, present);
        send(old, present < 0 && more);
      });

    const send = (messages: readonly Publication[], hasMore: boolean): void => {
      if (out.closed) return;
      if (outbox.messages > 0 && messages.length > 0) {
        out.add(outbox.taken$.subscribe(() => turns.push(() => send(messages, hasMore))));
        return;
      }
      const slice = sliceOf(messages, most);
      if (slice === undefined) return sent();
      membership.position = slice.last;
      outbox.send(slice);
      current.messages += slice.count;
      const left = messages.slice(slice.count);
      const last = messages.at(-1);
      if (left.length > 0) turns.push(() => send(left, hasMore));
      else if (!hasMore || last === undefined) sent();
      else
        turns.push(() => {
          if (!out.closed) after({ _tag: 'Id', id: last.id });
        });
    };

    const { id } = resume;
    const bound = { _tag: 'Position', tag: id.tag, offset: Math.max(0, id.offset - 1) } as const;
    read(bound, 1, ({ entries }) => {
      const { isLost, gap } = gapAt(resume, entries, clock.wall());
      if (isLost) return lost(gap ?? 'log_lost');
      current.gap = gap;
      if (gap !== undefined) deps.gap(membership, gap);
      after({ _tag: 'Id', id });
    });
  });
