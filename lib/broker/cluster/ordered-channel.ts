/**
 * Puts what a room's channel hears into the room's one order. Pub/sub is the fast hint, the log is the
 * truth: whoever may publish on the channel can write any place into an id, so a place is believed when the
 * log says the same, or the answer of our own script did (`chain.ts`). Promises: nothing twice (by the
 * whole id, never by the offset alone), no hole without `Gap`, what Redis accepted after it went back is
 * not eaten, and nothing but the log itself begins an epoch.
 *
 *   heard ─▶ our script said so, and it is the next ───────▶ Published      (no read)
 *              │ repeated, or before where we began ─▶ dropped
 *              │ outside the log, at our place ───────▶ Published, under our place; moves nothing
 *              ▼ all else
 *            held ─▶ where does the log stand? (one small read for all that wait, and one at a time)
 *                      │ there, and all up to it was heard ─▶ Published; what the log does not hold: as a stranger's
 *                      │ further: it is on its way ─▶ waits for it
 *                      ▼ another epoch, or back; or something is missing; or subscribed again
 *                    the log from our place on, page by page ─▶ Published, up to its top; Gap where it is trimmed
 *                      └ a new epoch, or Redis went back (renew): Gap, and what the new one holds
 *
 * What is in doubt waits for as long as the log does not answer, and nobody is shown a place that the log
 * has not told: who comes meanwhile is where the others are. A room whose log cannot be had at all opens on
 * the pod alone, at a place of the pod's own, until a gap leads to the log's.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import { Observable, type OperatorFunction, Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Publication } from '../../protocol/publication.js';
import type { GapReason } from '../../protocol/system-event.js';
import type { Page } from '../../history/page.js';
import {
  formatId,
  GLOBAL,
  type MessageId,
  type Room,
  type LogPosition,
} from '../../protocol/position.js';
import { backoffMs } from '../../rx/backoff.js';
import type { RedisReply, RedisError } from '../redis/port.js';
import { endingAt, hasChanged, isBehind } from './confirmation.js';
import type { ChannelEvent } from '../index.js';
import { reorderBuffer } from './reorder-buffer.js';
import { sequence, type SequenceDeps, positionBefore } from './sequence.js';
import { orTimeout } from './timeout.js';

export type RawEvent =
  | { readonly _tag: 'Received'; readonly publication: Publication }
  /** Our own script has answered, and placed these; none: it failed, or said nothing. */
  | { readonly _tag: 'Placed'; readonly ids: readonly MessageId[] }
  /** Said on this pod alone: no log knows of it. */
  | { readonly _tag: 'LocalOnly'; readonly publication: Publication }
  /** From here every later message is heard; again after each `Torn`. */
  | { readonly _tag: 'Subscribed' }
  | { readonly _tag: 'Unsubscribed' }
  /** The outage is told: do not wait for the log to open. */
  | { readonly _tag: 'Degraded' }
  /**
   * What is said since then is heard; before that an outage may have kept it from us, though nothing was
   * torn.
   */
  | { readonly _tag: 'Recovered'; readonly since: number }
  /** A quiet room is looked after: is our place still the log's top? */
  | { readonly _tag: 'Poll' }
  | { readonly _tag: 'Denied'; readonly detail: string };

export interface OrderedChannelDeps
  extends Pick<SequenceDeps, 'echoOf' | 'reissue' | 'whole' | 'dropped'> {
  readonly room: Room;
  readonly clock: Clock;
  /** The log from this offset on; with `most` 0 only where it stands. */
  readonly page: (from: number, most: number) => RedisReply<Page>;
  /** Starts a new epoch if the log's is still this one. */
  readonly renew: (old: number) => RedisReply<LogPosition>;
  /** Where the log stands; undefined: it has no epoch. Answers within `LONG * patienceMs`, whatever Redis does. */
  readonly position: () => RedisReply<LogPosition | undefined>;
  /** Our own script may have said it, and has not answered yet: its answer will say, so nobody need ask. */
  readonly isUnderWay: (publication: Publication) => boolean;
  /** Told whether the position is checked against the log since the last subscription. */
  readonly synced: (yes: boolean) => void;
  /** Where the room stands while no log is known: an epoch that is this pod's own. */
  readonly podPosition: () => LogPosition;
  /**
   * A quiet room's log is read so often, which keeps its place in Redis; in between it is only asked where
   * it stands.
   */
  readonly readEveryMs: number;
  /** How long Redis may take for one thing: twice that, and the room opens without it. */
  readonly timeoutMs: number;
}

/**
 * Messages of a page, and the pause after it: faster than members of a large room are handed them it fills
 * their backlog.
 */
const PAGE = 256;
const PAUSE_MS = 5;
/**
 * To open takes two things, subscribing and reading; and of a slow Redis a late answer is better than the
 * next.
 */
export const LONG = 2;
/**
 * What the log has and we have not heard is on its way for so long, as its answer overtook it; then the log
 * is read.
 */
const COMING_MS = 250;
export const orderedChannel =
  (deps: OrderedChannelDeps): OperatorFunction<RawEvent, ChannelEvent> =>
  (raw$) =>
    new Observable((out) => {
      const { clock, timeoutMs } = deps;
      const { scheduler } = clock;
      const place = sequence({
        ...deps,
        start: deps.podPosition(),
        lateMs: timeoutMs,
        deliver: (event) => out.next(event),
      });
      let opened = false;
      /** Opened on the pod alone: no log is known yet. */
      let isPodOnly = false;
      /** The wait for the log before it is gone without. */
      const opening = new Subscription();
      /** The read or renewal under way, or the wait before the next. */
      let reading: Subscription | undefined;
      /** The question where the log stands, or the wait before the next. */
      let asking: Subscription | undefined;
      /** What is on its way: where the log stands, and the wait for it. */
      let coming: { readonly top: LogPosition; readonly wait: Subscription } | undefined;
      /** Since when something has been on its way. */
      let comingSince: number | undefined;
      /** A look at the log that nothing waits for. */
      let checking = Subscription.EMPTY;
      /** When the log was read last, by the scheduler. */
      let readAt = 0;
      const pending = reorderBuffer();
      let subscribed = false;
      /** Something may have been said and not heard since the last read. */
      let mayHaveMissed = false;

      // what is heard

      const onReceived = (publication: Publication): void => {
        // before `Opened` nothing is settled: it is before the join, or after it
        if (opened && pending.size() === 0 && reading === undefined && coming === undefined) {
          if (place.acceptInOrder(publication)) return;
        } else if (publication.id.outside && opened && pending.size() === 0) {
          if (place.acceptInOrder(publication)) return;
        }
        if (out.closed) return;
        pending.add(publication);
        if (!opened || !subscribed || reading !== undefined) return;
        if (place.isConfirmed(publication)) deliverConfirmed();
        if (coming !== undefined) {
          if (publication.id.offset >= coming.top.offset) compare(coming.top);
        } else if (asking === undefined && !deps.isUnderWay(publication)) ask(0);
      };

      const onPlaced = (ids: readonly MessageId[]): void => {
        if (!opened) return;
        let isOurs = true;
        for (const id of ids) isOurs = place.confirm(id.tag, id.offset, formatId(id)) && isOurs;
        if (!subscribed || reading !== undefined) return;
        // our own script has begun an epoch, or found another
        if (!isOurs && !isPodOnly) return read(0);
        deliverConfirmed();
        if (coming !== undefined) return compare(coming.top);
        askAgain();
      };

      /** Says what is believed, and what pods said outside the log between it. */
      const deliverConfirmed = (): boolean => {
        const run = place.confirmed(pending.all(), !mayHaveMissed);
        if (run.length === 0) return false;
        const due = new Set(run);
        const rest: Publication[] = [];
        let next = 0;
        let before = 0;
        for (const [i, publication] of pending.all().entries()) {
          if (due.has(publication)) {
            due.delete(publication);
            // heard out of order: those behind it that came first are said with it
            for (let one = run[next]; one !== undefined && !due.has(one); one = run[++next])
              place.advance(one);
          } else if (!publication.id.outside || !place.acceptInOrder(publication)) {
            rest.push(publication);
            if (i < pending.countAsked()) before++;
          }
        }
        pending.replace(rest, before);
        return true;
      };

      // where the log stands

      /** One question at a time: what comes meanwhile waits for the next. */
      const ask = (failures: number): void => {
        if (out.closed || reading !== undefined || asking !== undefined || coming !== undefined)
          return;
        const then = place.position();
        const mine = new Subscription();
        asking = mine;
        pending.markAsked();
        mine.add(
          deps.position().subscribe((answer) => {
            asking = undefined;
            if (isRight(answer)) return onPosition(answer.right, then);
            asking = scheduler.schedule(
              () => {
                asking = undefined;
                ask(failures + 1);
              },
              backoffMs(failures, clock.random),
            );
          }),
        );
      };

      const onPosition = (top: LogPosition | undefined, then: LogPosition): void => {
        if (top === undefined || isPodOnly || hasChanged(top, then)) return read(0);
        // where it stands now says nothing of what was heard at our place and is not what we heard there
        if (top.offset > then.offset && pending.all().some((one) => place.isContradicted(one)))
          return read(0);
        place.confirm(top.tag, top.offset, top.id);
        compare(top);
      };

      const compare = (top: LogPosition): void => {
        deliverConfirmed();
        const what = place.missing(pending.all(), top);
        if (what === 'Nothing') conclude();
        else if (what === 'Lost' || mayHaveMissed) read(0);
        else awaitPushes(top);
      };

      const awaitPushes = (top: LogPosition): void => {
        if (coming !== undefined) return;
        const now = scheduler.now();
        comingSince ??= now;
        const ms = comingSince === now ? COMING_MS : comingSince + timeoutMs - now;
        const wait = scheduler.schedule(() => {
          coming = undefined;
          read(0);
        }, ms);
        coming = { top, wait };
      };

      /** The log has said all of what waited when it was asked: what it does not hold is a stranger's. */
      const conclude = (): void => {
        coming?.wait.unsubscribe();
        coming = undefined;
        comingSince = undefined;
        const queue = pending.all();
        const before = pending.countAsked();
        const rest: Publication[] = [];
        pending.replace([], 0);
        for (const [i, publication] of queue.entries()) {
          if (rest.length === 0 || i < before) {
            if (place.acceptInOrder(publication)) continue;
            if (i < before) {
              place.passThrough(publication);
              continue;
            }
          }
          rest.push(publication);
        }
        // in front of what came meanwhile
        pending.replace([...rest, ...pending.all()], 0);
        mayHaveMissed = false;
        const again = pending.isFull();
        pending.clearFull();
        if (again) return read(0);
        deps.synced(true);
        askAgain();
      };

      const askAgain = (): void => {
        if (asking === undefined && pending.all().some((one) => !deps.isUnderWay(one))) ask(0);
      };

      // the log itself

      const emitGap = (top: LogPosition, reason: GapReason): void => {
        place.beginAt(top);
        out.next({ _tag: 'Gap', reason, top });
      };

      const read = (failures: number): void => {
        const page$ =
          opened && !isPodOnly ? deps.page(place.position().offset, PAGE) : deps.page(1, 0);
        demand(page$, onPage, failures);
      };

      const demand = <A>(
        answer$: RedisReply<A>,
        then: (answer: A) => void,
        failures: number,
      ): void => {
        stopReading();
        if (out.closed) return;
        const mine = new Subscription();
        reading = mine;
        pending.markAsked();
        readAt = scheduler.now();
        mine.add(
          answer$.pipe(orTimeout(LONG * timeoutMs, scheduler)).subscribe((answer) => {
            reading = undefined;
            if (isRight(answer)) then(answer.right);
            else failed(answer.left, failures);
          }),
        );
      };

      const failed = (error: RedisError, failures: number): void => {
        const hopeless = error._tag === 'WrongType' || error._tag === 'NoPermission';
        if (!opened && hopeless) return fail(error.detail);
        readLater(failures + 1, backoffMs(failures, clock.random));
      };

      const readLater = (failures: number, ms: number): void => {
        reading = scheduler.schedule(() => read(failures), ms);
      };

      const fail = (detail: string): void => {
        out.next({ _tag: 'Failed', error: { _tag: 'Unavailable', detail } });
        out.complete();
      };

      const onPage = (page: Page): void => {
        const { top } = page;
        if (!opened) return open(top);
        if (isPodOnly) return leavePod(top);
        if (place.position().tag !== top.tag) return turnTo(top);
        if (wentBack(page, place.position())) return startOver(top);
        for (const { id, idText } of page.entries) place.confirm(id.tag, id.offset, idText);
        place.confirm(top.tag, top.offset, top.id);
        fill(page);
      };

      const open = (top: LogPosition): void => {
        opened = true;
        opening.unsubscribe();
        // these came before the read was sent, so they are before the join
        pending.replace(pending.all().slice(pending.countAsked()), 0);
        place.beginAt(top);
        out.next({ _tag: 'Opened', top, scope: 'cluster' });
        conclude();
      };

      /** What was said up to there: read in the log, or heard before something that is read there. */
      const fill = ({ top, entries }: Page): void => {
        const [head] = entries;
        const from = head?.id.offset ?? 0;
        for (;;) {
          const { offset } = place.position();
          if (offset >= top.offset) return conclude();
          const entry = entries[offset + 1 - from];
          if (entry !== undefined) place.advance(entry);
          else if (!deliverConfirmed()) {
            if (head !== undefined && from <= offset) return readLater(0, PAUSE_MS);
            // what is trimmed may be on its way still
            const since = comingSince ?? scheduler.now();
            if (
              !mayHaveMissed &&
              scheduler.now() < since + timeoutMs &&
              place.missing(pending.all(), top) === 'Coming'
            )
              return awaitPushes(top);
            emitGap(beginning(head, top, !mayHaveMissed), 'expired');
          }
        }
      };

      /** Where to go on behind a hole: with what the log has, or with what was heard up to its top. */
      const beginning = (
        head: Publication | undefined,
        top: LogPosition,
        isWhole: boolean,
      ): LogPosition => {
        const first = head ?? endingAt(pending.all(), top, deps.room === GLOBAL, isWhole)[0];
        return first === undefined ? top : positionBefore(first);
      };

      /** Redis went back: a new epoch, unless another pod was first. What waits is of the lost one. */
      const startOver = (top: LogPosition): void => demand(deps.renew(top.tag), turnTo, 0);

      /** Another epoch than ours: all of it is new, but what we had of it before Redis went away from it. */
      const turnTo = (top: LogPosition): void => {
        const from = place.positionIn(top);
        if (isBehind(top, from)) return startOver(top);
        emitGap(from, 'log_lost');
        // who has been there asks whether it still is what it was
        if (from.offset > 0 && top.offset > from.offset) return read(0);
        place.confirm(top.tag, top.offset, top.id);
        compare(top);
      };

      /** The first log that is known after an outage: from what was heard on. */
      const leavePod = (top: LogPosition): void => {
        isPodOnly = false;
        emitGap(beginning(undefined, top, false), 'broker_outage');
        place.confirm(top.tag, top.offset, top.id);
        compare(top);
      };

      /** Nothing is in doubt, so nothing waits for it; what is heard meanwhile makes it worthless. */
      const check = (): void => {
        const before = place.position();
        if (!opened || !subscribed || isBusy()) return;
        if (scheduler.now() - readAt < deps.readEveryMs) return ask(0);
        readAt = scheduler.now();
        checking = deps
          .page(before.offset, PAGE)
          .pipe(orTimeout(timeoutMs, scheduler))
          .subscribe((answer) => {
            if (isRight(answer) && !isBusy() && place.position() === before) onPage(answer.right);
          });
        out.add(checking);
      };

      const isBusy = (): boolean =>
        reading !== undefined ||
        asking !== undefined ||
        coming !== undefined ||
        pending.size() > 0 ||
        !checking.closed;

      /** What was heard so far is before the join. */
      const openPodOnly = (): void => {
        if (opened) return;
        opened = true;
        opening.unsubscribe();
        isPodOnly = true;
        pending.replace([], 0);
        pending.clearFull();
        const top = deps.podPosition();
        place.beginAt(top);
        out.next({ _tag: 'Opened', top, scope: 'pod' });
      };

      const stopReading = (): void => {
        reading?.unsubscribe();
        reading = undefined;
        asking?.unsubscribe();
        asking = undefined;
        coming?.wait.unsubscribe();
        coming = undefined;
      };

      const accept = (event: RawEvent): void => {
        switch (event._tag) {
          case 'Received':
            return onReceived(event.publication);
          case 'Placed':
            return onPlaced(event.ids);
          case 'LocalOnly':
            return opened ? place.passUnlogged(event.publication) : undefined;
          case 'Subscribed':
            subscribed = true;
            return read(0);
          case 'Unsubscribed':
            // what is held waits on: the log may have it when we hear again
            stopReading();
            subscribed = false;
            mayHaveMissed = true;
            return deps.synced(false);
          case 'Poll':
            return check();
          case 'Recovered':
            if (!subscribed || readAt >= event.since) return;
            mayHaveMissed = true;
            deps.synced(false);
            return read(0);
          case 'Degraded':
            return openPodOnly();
          case 'Denied':
            return fail(event.detail);
        }
      };

      deps.synced(false);
      const source = new Subscription(() => {
        stopReading();
        deps.synced(true);
      });
      out.add(source);
      source.add(opening);
      // after a stalled loop the answers that are there are read first
      opening.add(
        scheduler.schedule(() => {
          opening.add(clock.turn(openPodOnly));
        }, LONG * timeoutMs),
      );
      source.add(
        raw$.subscribe({
          next: accept,
          error: (error: unknown) => out.error(error),
          complete: () => out.complete(),
        }),
      );
    });

/**
 * The log does not hold what we saw in it. Grown past our place again, it shows there what it holds
 * instead.
 */
const wentBack = ({ top, entries: [head] }: Page, known: LogPosition): boolean =>
  isBehind(top, known) ||
  (known.id !== null &&
    known.offset > 0 &&
    head?.id.offset === known.offset &&
    head.idText !== known.id);
