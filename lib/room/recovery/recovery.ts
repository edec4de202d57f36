/**
 * Recovery of one room. For a joiner with a `last_id`, a cursor goes through shared pages of the log up to
 * the position of the members. In the same turn, the joiner becomes a member.
 *
 *   resume ─► reader (runs the cursor) ◄─ pages of the log, read once for all joiners
 *                │                     ◄─ tail: what the members were sent since a joiner began to recover
 *                └─► slices to the joiner's outbox, a bounded number a turn
 *
 * Pages and tail are kept while joiners recover, and a little longer, as many joiners may come one after the
 * other.
 */
import { type Observable, Subscription, using } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Membership } from '../../connection/connection.js';
import type { Archive } from '../../history/archive/port.js';
import type { Log } from '../../history/index.js';
import { pageCache } from '../../history/page-cache.js';
import { GLOBAL, type LogPosition, type Room } from '../../protocol/position.js';
import type { Resume } from '../../protocol/resume.js';
import type { GapReason } from '../../protocol/system-event.js';
import type { Bound } from '../../rx/coalesce.js';
import type { Delivery } from '../delivery.js';
import { epochPages } from './epoch-pages.js';
import { foretell } from './foretell.js';
import { reader, type Recovered } from './reader.js';
import { deliveryTail } from './tail.js';
import { turnQueue } from './turn-queue.js';

export type { Recovered } from './reader.js';

export interface RecoveryDeps {
  readonly room: Room;
  readonly clock: Clock;
  readonly log: Log;
  /** Has the messages of epochs that have ended; undefined: nothing has them. */
  readonly archive: Pick<Archive, 'page'> | undefined;
  /** A connection's send buffer. */
  readonly bound: Bound;
  /** For how long a log that does not answer is asked again. */
  readonly timeoutMs: number;
  /** The position of the members. */
  readonly position: () => LogPosition;
  /** The clock that gives messages their time, Unix ms; undefined while it is not known. */
  readonly brokerMs: () => number | undefined;
  /** Sends a joiner a `gap`. */
  readonly gap: (membership: Membership, reason: GapReason) => void;
}

export interface Recovery {
  /**
   * Emits once, in the turn in which the joiner is to become a member, and completes. Unsubscribing cancels
   * it.
   */
  readonly recover: (
    membership: Membership,
    resume: Resume,
    /** The reason of the gap that `foretell` has sent: then no other gap is sent before the first message. */
    foretold?: GapReason,
  ) => Observable<Recovered>;
  /**
   * For a joiner that has to wait: sends the gap that is due by the log as it is now. Emits the reason of the
   * gap, or undefined when nothing is missing or the log cannot be read, and completes.
   */
  readonly foretell: (membership: Membership, resume: Resume) => Observable<GapReason | undefined>;
  /** The members were sent these. */
  readonly delivered: (items: readonly Delivery[]) => void;
  /** The log has begun a new epoch: the pages that were read are of the earlier one. */
  readonly epochChanged: () => void;
  readonly close: () => void;
}

/** What one joiner is sent at once; at most half of its send buffer, rounded up. */
const SLICE = { messages: 128, bytes: 65_536 };
/** Slices of a room in one turn: about 1 ms. */
const SLICES = 64;
const TAIL = { messages: 1_024, bytes: 1_048_576 };
/** How long pages and tail outlive the last cursor. */
const LINGER_MS = 5_000;

export const recovery = ({ room, clock, log, archive, bound, ...deps }: RecoveryDeps): Recovery => {
  const most = {
    messages: Math.min(SLICE.messages, Math.ceil(bound.messages / 2)),
    bytes: Math.min(SLICE.bytes, Math.ceil(bound.bytes / 2)),
  };
  const pages = pageCache(log, room, clock);
  const tail = deliveryTail(TAIL, most);
  const turns = turnQueue(clock, SLICES);
  const epochs = archive && epochPages(archive, room, clock);
  const readerDeps = {
    ...{ ...deps, room, isGlobal: room === GLOBAL, clock },
    ...{ pages, epochs, tail, turns, most },
  };
  let readers = 0;
  /** Whether a joiner recovers, or did so less than `LINGER_MS` ago. */
  let remembers = false;
  let linger: Subscription | undefined;

  const forget = (): void => {
    linger?.unsubscribe();
    linger = undefined;
    remembers = false;
    tail.clear();
    pages.clear();
    epochs?.clear();
  };

  const release = (): void => {
    readers--;
    if (readers === 0) linger ??= clock.scheduler.schedule(forget, LINGER_MS);
  };

  const acquired = (): Subscription => {
    readers++;
    remembers = true;
    linger?.unsubscribe();
    linger = undefined;
    return new Subscription(release);
  };

  return {
    recover: (membership, resume, foretold) =>
      using(acquired, () => reader(readerDeps, membership, resume, foretold)),
    foretell: (membership, resume) =>
      using(acquired, () => foretell(readerDeps, membership, resume)),
    delivered: (items) => {
      if (remembers) tail.add(items);
    },
    epochChanged: pages.clear,
    close: () => {
      turns.clear();
      forget();
    },
  };
};
