/**
 * The messages of epochs that have ended, from the archive: for a joiner whose id is of such an epoch, or who
 * resumes by a time before the present epoch. They are sent as the reader sends its slices, each when the
 * client has taken the last one.
 *
 *   the archive is asked for the message of the id
 *     ├─ it has the message ─────────▶ the rest of its epoch, then the epochs after it ──▶ Sent
 *     ├─ retention has removed it ───▶ gap `expired`, then the same
 *     └─ it does not know the id ────▶ Lost, with the reason for a gap
 *
 *   a time is younger than a day, or the archive has an earlier message
 *     ├─ yes ─▶ pages from `OVERLAP_MS` before the time on, up to the present epoch ──▶ Sent
 *     └─ no: retention may have removed messages ─▶ gap `expired`, then the same
 *
 * In the epoch of the id, offsets count, not times: the time of an id may be that of the client's other log. The
 * epochs after it are in the order of ids. When a clock went back between two epochs, their messages are mixed:
 * so the pages end with one that has nothing but messages of the present epoch. A hole is a gap `expired`.
 *
 * When the archive does not answer in time, here or at a later page, the result is Lost too.
 *
 * Source: it subscribes to pages of the archive and to the outbox, and ends with its subscriber.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Membership } from '../../connection/connection.js';
import type { ArchivePage, Bound } from '../../history/archive/port.js';
import { DAY_MS } from '../../history/archive/partitions.js';
import { positionAfter, type Slice } from '../../history/page-cache.js';
import { bears } from '../../history/resume-point.js';
import { framesOf } from '../../protocol/frame.js';
import type { Publication } from '../../protocol/publication.js';
import { LAG_MS, OVERLAP_MS, type Resume, untoldOf } from '../../protocol/resume.js';
import type { GapReason } from '../../protocol/system-event.js';
import type { Bound as SliceBound } from '../../rx/coalesce.js';
import { untilRight } from '../../rx/until-right.js';
import type { EpochPage$, EpochPages } from './epoch-pages.js';
import type { TurnQueue } from './turn-queue.js';
import { knownTo, type Run, step, UNKNOWN } from './whole-runs.js';

export interface OldEpochsDeps {
  readonly epochs: EpochPages;
  readonly clock: Clock;
  readonly turns: TurnQueue;
  /** The bound of one slice. */
  readonly most: SliceBound;
  /** For how long an archive that does not answer is asked again. */
  readonly timeoutMs: number;
  readonly gap: (reason: GapReason) => void;
}

export type OldEpochs =
  /** The joiner has everything before the present epoch, except what a gap has reported. */
  | { readonly _tag: 'Sent'; readonly messages: number }
  /** The rest cannot be given. */
  | { readonly _tag: 'Lost'; readonly messages: number; readonly reason: GapReason };

type Position = Extract<Bound, { readonly _tag: 'Position' }>;
type After = Extract<Resume, { readonly _tag: 'After' }>;
type Since = Extract<Resume, { readonly _tag: 'Since' }>;

/**
 * A time in whole steps is the same for many joiners, so they share the pages after it. Messages before their
 * own times are not sent.
 */
const STEP_MS = 10_000;

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
  { epochs, clock, turns, most, timeoutMs, gap }: OldEpochsDeps,
  membership: Membership,
  resume: Resume,
  presentTag: number,
): Observable<OldEpochs> =>
  new Observable((out) => {
    const { outbox } = membership.connection;
    const current = { messages: 0, known: UNKNOWN };

    const end = (result: OldEpochs): void => {
      out.next(result);
      out.complete();
    };
    const lost = (reason: GapReason): void =>
      end({ _tag: 'Lost', messages: current.messages, reason });
    const sent = (): void => end({ _tag: 'Sent', messages: current.messages });

    const read = (page$: EpochPage$, use: (page: ArchivePage) => void): void => {
      out.add(
        untilRight(page$, clock, timeoutMs).subscribe((answer) =>
          isLeft(answer) ? lost('broker_outage') : use(answer.right),
        ),
      );
    };

    /** The rest of the epoch of an id. */
    const ownEpoch = (bound: Position, then: () => void): void =>
      read(epochs.after(bound, most.messages), ({ entries, more }) => {
        const last = entries.at(-1);
        const isOver = !more || last === undefined;
        sendRuns(
          runsOf(entries),
          isOver ? then : () => ownEpoch({ ...bound, offset: last.id.offset }, then),
        );
      });

    /** The messages after a bound, but those of the present epoch, and of the epoch `own`. */
    const after = (
      bound: Bound,
      { own, fromMs = 0 }: { own?: number | undefined; fromMs?: number },
    ): void =>
      read(epochs.after(bound, most.messages), ({ entries, more }) => {
        const last = entries.at(-1);
        const isOver = !more || entries.every(({ id }) => id.tag === presentTag);
        const old = entries.filter(({ id }) => id.tag !== presentTag && id.tag !== own);
        sendRuns(
          runsOf(old.filter(({ id }) => id.ms >= fromMs)),
          isOver || last === undefined
            ? undefined
            : () => after({ _tag: 'Id', id: last.id }, { own, fromMs }),
        );
      });

    const runsOf = (messages: readonly Publication[]): readonly Run[] => {
      const [known, runs] = step(current.known, messages);
      current.known = known;
      return runs;
    };

    /** The first run goes out, with its gap, before the next one. */
    const sendRuns = ([run, ...rest]: readonly Run[], then: (() => void) | undefined): void => {
      if (run === undefined) return send([], then);
      if (run.isAfterHole && !out.closed) gap('expired');
      send(run.messages, rest.length === 0 ? then : () => sendRuns(rest, then));
    };

    /** `then`: reads the page after these messages; undefined: they are the last ones. */
    const send = (messages: readonly Publication[], then: (() => void) | undefined): void => {
      if (out.closed) return;
      if (outbox.messages > 0 && messages.length > 0) {
        out.add(outbox.taken$.subscribe(() => turns.push(() => send(messages, then))));
        return;
      }
      const slice = sliceOf(messages, most);
      if (slice === undefined) return then === undefined ? sent() : then();
      membership.position = slice.last;
      outbox.send(slice);
      current.messages += slice.count;
      const left = messages.slice(slice.count);
      if (left.length > 0) turns.push(() => send(left, then));
      else if (then === undefined) sent();
      else
        turns.push(() => {
          if (!out.closed) then();
        });
    };

    const startAfter = (joiner: After): void => {
      const { id } = joiner;
      const bound = { _tag: 'Position', tag: id.tag, offset: Math.max(0, id.offset - 1) } as const;
      read(epochs.after(bound, 1), ({ entries }) => {
        const { isLost, gap: reason } = gapAt(joiner, entries, clock.wall());
        if (isLost) return lost(reason ?? 'log_lost');
        if (reason !== undefined) gap(reason);
        const [entry] = entries;
        const { tag } = id;
        const offset =
          reason === undefined || entry === undefined ? id.offset : entry.id.offset - 1;
        current.known = knownTo(tag, offset);
        const since = entry === undefined ? {} : { sinceMs: entry.id.ms };
        const from: Position = { _tag: 'Position', tag, offset, ...since };
        ownEpoch(from, () => after({ _tag: 'Id', id: entry?.id ?? id }, { own: tag }));
      });
    };

    const startSince = (joiner: Since): void => {
      const fromMs = joiner.ms - OVERLAP_MS;
      const from = (): void =>
        after({ _tag: 'Time', ms: Math.floor(fromMs / STEP_MS) * STEP_MS }, { fromMs });
      // retention removes whole days, the oldest first, and nothing that is younger than a day
      if (clock.wall() - untoldOf(joiner) + LAG_MS < DAY_MS) return from();
      read(epochs.before(joiner.ms - LAG_MS), ({ entries }) => {
        if (entries.length === 0) gap('expired');
        from();
      });
    };

    if (resume._tag === 'After') startAfter(resume);
    else startSince(resume);
  });
