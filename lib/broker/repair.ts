/**
 * Puts what a room's channel hears into the room's one order. Pub/sub is the fast hint, the log is the truth: a position
 * is believed when it is the next one of the epoch that we know, or when the log confirms it. Promises: nothing twice (by
 * the whole id, never by the offset alone), no hole without `Gap`, and what Redis accepted after it went back is not eaten.
 *
 *   heard ─▶ next in order? ──────────────────────────────▶ Published      (the usual way: no read, no queue)
 *              │ repeated, or before where we began ─▶ dropped
 *              │ outside the log, at our place ───────▶ Published, moves nothing
 *              │ of the epoch that was left ──────────▶ Published, moves nothing; the log is looked at: it may be back
 *              ▼ in doubt; or subscribed again, or quiet for long
 *            held ─▶ the log from our place on, page by page ─▶ Published, up to its top; Gap where it is trimmed
 *                      │ a new epoch, or Redis went back (renew): Gap, and what the new one holds
 *                      ▼
 *                    what was held: has come already · next in order · not the log's: Published, moves nothing
 *
 * What is in doubt waits for as long as the log does not answer, and nobody is shown a place that the log has not told: who
 * comes meanwhile is where the others are. A room whose log cannot be had at all opens on the pod alone, at a place of the
 * pod's own, until a gap leads to the log's.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import { Observable, type OperatorFunction, Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Publication } from '../codec.js';
import type { GapReason } from '../control.js';
import type { Page } from '../log/page.js';
import type { Room, Top } from '../position.js';
import { backoffMs } from './backoff.js';
import type { Answer, BusError } from './bus.js';
import type { ChannelEvent } from './index.js';
import { held } from './held.js';
import { order, placeBefore } from './order.js';
import { within } from './patience.js';

export type RawEvent =
  | { readonly _tag: 'Heard'; readonly publication: Publication }
  /** Said on this pod alone: no log knows of it. */
  | { readonly _tag: 'Said'; readonly publication: Publication }
  /** From here every later message is heard; again after each `Torn`. */
  | { readonly _tag: 'Subscribed' }
  | { readonly _tag: 'Torn' }
  /** The outage is told: do not wait for the log to open. */
  | { readonly _tag: 'Stranded' }
  /** What is said since then is heard; before that an outage may have kept it from us, though nothing was torn. */
  | { readonly _tag: 'Reached'; readonly since: number }
  /** A quiet room is looked after: is our place still the log's top? */
  | { readonly _tag: 'Check' }
  | { readonly _tag: 'Denied'; readonly detail: string };

export interface RepairDeps {
  readonly room: Room;
  readonly clock: Clock;
  /** The log from this offset on; with `most` 0 only where it stands. */
  readonly page: (from: number, most: number) => Answer<Page>;
  /** Starts a new epoch if the log's is still this one. */
  readonly renew: (old: number) => Answer<Top>;
  /** The id under which members here have this message already: it takes its place, for who has come since. */
  readonly echoOf: (publication: Publication) => string | undefined;
  /** Told each place that is reached. */
  readonly moved: (top: Top) => void;
  /** Told whether the position is checked against the log since the last subscription. */
  readonly settled: (yes: boolean) => void;
  /** Where the room stands while no log is known: an epoch that is this pod's own. */
  readonly podTop: () => Top;
  /** How long Redis may take for one thing: twice that, and the room opens without it. */
  readonly patienceMs: number;
}

/** Messages of a page, and the pause after it: faster than members of a large room are handed them it fills their backlog. */
const PAGE = 256;
const PAUSE_MS = 5;
/** To open takes two things, subscribing and reading; and of a slow Redis a late answer is better than the next. */
const LONG = 2;

export const repair =
  (deps: RepairDeps): OperatorFunction<RawEvent, ChannelEvent> =>
  (raw$) =>
    new Observable((out) => {
      const { clock, patienceMs } = deps;
      const place = order({
        ...deps,
        start: deps.podTop(),
        lateMs: patienceMs,
        say: (publication, top) => out.next({ _tag: 'Published', publication, top }),
        echoed: (publication, top, as) => out.next({ _tag: 'Echoed', publication, top, as }),
      });
      let opened = false;
      /** Opened on the pod alone: no log is known yet. */
      let alone = false;
      /** The wait for the log before it is gone without. */
      const opening = new Subscription();
      /** The read or renewal under way, or the wait before the next. */
      let reading: Subscription | undefined;
      /** A look at the log that nothing waits for. */
      let checking = Subscription.EMPTY;
      /** When the log was asked last, by the scheduler. */
      let askedAt = 0;
      const waiting = held();
      let subscribed = false;
      /** Something may have been said and not heard since the last read. */
      let deaf = false;

      const heard = (publication: Publication): void => {
        if (opened && place.isStray(publication)) check();
        // what is outside the log and shows no place beyond ours waits for no answer of it
        if (publication.id.outside && settles(publication)) return;
        if (reading !== undefined || waiting.size() > 0) hold(publication);
        else if (!settles(publication) && subscribed) {
          hold(publication);
          read(0);
        }
      };

      /** Before `Opened` nothing is settled: it is before the join, or after it. */
      const settles = (publication: Publication): boolean => opened && place.settles(publication);

      const goOnFrom = (top: Top, reason: GapReason): void => {
        place.beginAt(top);
        out.next({ _tag: 'Gap', reason, top });
      };

      const hold = (publication: Publication): void => {
        const { id } = publication;
        if (!out.closed) waiting.add(publication, !id.outside && id.tag === place.top().tag);
      };

      const read = (failures: number): void => {
        const page$ = opened && !alone ? deps.page(place.top().offset, PAGE) : deps.page(1, 0);
        ask(page$, settle, failures);
      };

      /** Nothing is in doubt, so nothing waits for it; what is heard meanwhile makes it worthless. */
      const check = (): void => {
        const before = place.top();
        if (!opened || !subscribed || reading !== undefined || !checking.closed) return;
        checking = deps
          .page(before.offset, PAGE)
          .pipe(within(patienceMs, clock.scheduler))
          .subscribe((answer) => {
            if (isRight(answer) && reading === undefined && place.top() === before)
              settle(answer.right);
          });
        out.add(checking);
      };

      const ask = <A>(answer$: Answer<A>, then: (answer: A) => void, failures: number): void => {
        if (out.closed) return;
        const asking = new Subscription();
        reading = asking;
        waiting.asked();
        askedAt = clock.scheduler.now();
        asking.add(
          answer$.pipe(within(LONG * patienceMs, clock.scheduler)).subscribe((answer) => {
            if (isRight(answer)) then(answer.right);
            else failed(answer.left, failures);
          }),
        );
      };

      const failed = (error: BusError, failures: number): void => {
        const hopeless = error._tag === 'WrongType' || error._tag === 'NoPermission';
        if (!opened && hopeless) return fail(error.detail);
        reading = clock.scheduler.schedule(
          () => read(failures + 1),
          backoffMs(failures, clock.random),
        );
      };

      const fail = (detail: string): void => {
        out.next({ _tag: 'Failed', error: { _tag: 'Unavailable', detail } });
        out.complete();
      };

      const settle = (page: Page): void => {
        const { top } = page;
        if (!opened) {
          opened = true;
          opening.unsubscribe();
          // these came before the read was sent, so they are before the join
          waiting.take(waiting.before());
          place.beginAt(top);
          out.next({ _tag: 'Opened', top, scope: 'cluster' });
          return judge(top, false);
        }
        if (place.wentBack(top, page.entries)) return startOver(top, []);
        if (place.isBehind(top)) fill(page);
        if (place.isBehind(top) && page.entries.length > 0) return readOn([]);
        judge(top, place.top().tag === top.tag && page.entries.length === 0);
      };

      /** What was said and has not been heard. */
      const fill = ({ first, entries }: Page): void => {
        const known = place.top();
        const [head] = entries;
        if (head === undefined) return;
        // without the entry of our own place nobody knows whether it still is there
        if (first > known.offset + (known.id === null ? 1 : 0))
          goOnFrom(placeBefore(head), 'expired');
        for (const entry of entries) settles(entry);
      };

      /** The log has more. */
      const readOn = (rest: readonly Publication[]): void => {
        reading = clock.scheduler.schedule(() => read(0), PAUSE_MS);
        putBack(rest);
      };

      /** Redis went back: a new epoch, unless another pod was first. What waits is of the lost one and passes as it is. */
      const startOver = (top: Top, rest: readonly Publication[]): void => {
        putBack(rest);
        ask(deps.renew(top.tag), (fresh) => judge(fresh, false), 0);
      };

      /** `bare`: the log stands there, and holds nothing from our place on. */
      const judge = (top: Top, bare: boolean): void => {
        const turned = alone || place.top().tag !== top.tag;
        const before = waiting.before();
        const queue = waiting.take();
        if (turned) turnTo(top, queue);
        let i = 0;
        for (let publication = queue[0]; publication !== undefined; publication = queue[++i]) {
          if (settles(publication)) continue;
          const verdict = place.verdict(publication, top);
          if (verdict === 'Before') continue;
          if (verdict === 'Contradicted') return startOver(top, queue.slice(i));
          if (verdict === 'Ahead') {
            if (!bare) return readOn(queue.slice(i));
            goOnFrom(placeBefore(publication), 'expired');
            place.advance(publication);
            continue;
          }
          // what came after the read may be in the log by now
          if (i >= before) break;
          place.passBy(publication);
        }
        // who heard all the time hears the new epoch's first message too, behind the last of the old one
        if (place.isBehind(top) && (!turned || deaf)) {
          if (!bare) return readOn(queue.slice(i));
          goOnFrom(top, 'expired');
        }
        if (waiting.isMissed()) goOnFrom(place.top(), 'broker_outage');
        finish(queue.slice(i));
      };

      /** Another epoch than ours: all of it is new. Or the first one that is known after an outage: from what was heard on. */
      const turnTo = (top: Top, queue: readonly Publication[]): void => {
        if (!alone) {
          const ms = Math.min(place.top().ms, top.ms);
          return goOnFrom({ tag: top.tag, offset: 0, ms, id: null }, 'log_lost');
        }
        alone = false;
        const first = queue.find((publication) => place.confirms(top, publication));
        goOnFrom(first === undefined ? top : placeBefore(first), 'broker_outage');
      };

      /** What is left came after the read. */
      const finish = (rest: readonly Publication[]): void => {
        reading = undefined;
        deaf = false;
        putBack(rest);
        const again = waiting.isFull();
        waiting.forgive();
        if (waiting.size() > 0 || again) read(0);
        if (!again) deps.settled(true);
      };

      /** In front of what came during `judge`. */
      const putBack = (rest: readonly Publication[]): void => {
        const later = waiting.take();
        for (const publication of [...rest, ...later])
          if (waiting.size() > 0 || reading !== undefined || !settles(publication))
            hold(publication);
      };

      /** What was heard so far is before the join. */
      const openAlone = (): void => {
        if (opened) return;
        opened = true;
        opening.unsubscribe();
        alone = true;
        waiting.take();
        waiting.forgive();
        const top = deps.podTop();
        place.beginAt(top);
        out.next({ _tag: 'Opened', top, scope: 'pod' });
      };

      const stopReading = (): void => {
        reading?.unsubscribe();
        reading = undefined;
      };

      const accept = (event: RawEvent): void => {
        switch (event._tag) {
          case 'Heard':
            return heard(event.publication);
          case 'Said':
            return opened ? place.passBy(event.publication) : undefined;
          case 'Subscribed':
            stopReading();
            subscribed = true;
            return read(0);
          case 'Torn':
            // what is held waits on: the log may have it when we hear again
            stopReading();
            subscribed = false;
            deaf = true;
            return deps.settled(false);
          case 'Check':
            return check();
          case 'Reached':
            if (!subscribed || askedAt >= event.since) return;
            stopReading();
            deaf = true;
            deps.settled(false);
            return read(0);
          case 'Stranded':
            return openAlone();
          case 'Denied':
            return fail(event.detail);
        }
      };

      deps.settled(false);
      const source = new Subscription(() => {
        stopReading();
        deps.settled(true);
      });
      out.add(source);
      source.add(opening);
      // after a stalled loop the answers that are there are read first
      opening.add(
        clock.scheduler.schedule(() => {
          opening.add(clock.turn(openAlone));
        }, LONG * patienceMs),
      );
      source.add(
        raw$.subscribe({
          next: accept,
          error: (error: unknown) => out.error(error),
          complete: () => out.complete(),
        }),
      );
    });
