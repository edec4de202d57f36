/**
 * Puts what a room's channel hears into the room's one order. Pub/sub is the fast hint, the log is the truth: a position
 * is believed when it is the next one of the epoch that we know, or when the log confirms it. Promises: nothing twice (by
 * the whole id, never by the offset alone), no hole without `Gap`, and what Redis accepted after it went back is not eaten.
 *
 *   heard ─▶ next in order? ──────────────────────────────▶ Published      (the usual way: no read, no queue)
 *              │ repeated, or before where we began ─▶ dropped
 *              │ outside the log ─────────────────────▶ Published, moves nothing
 *              ▼ in doubt; or subscribed again, or quiet for long
 *            held ─▶ the log from our place on, page by page ─▶ Published, up to its top; Gap where it is trimmed
 *                      │ a new epoch, or Redis went back (renew): Gap, and what the new one holds
 *                      ▼
 *                    what was held: has come already · next in order · not the log's: Published, moves nothing
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
import { order, placeBefore } from './order.js';
import { within } from './patience.js';

export type RawEvent =
  | { readonly _tag: 'Heard'; readonly publication: Publication }
  /** From here every later message is heard; again after each `Torn`. */
  | { readonly _tag: 'Subscribed' }
  | { readonly _tag: 'Torn' }
  /** The outage is told: do not wait for the log. */
  | { readonly _tag: 'Stranded' }
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
  /** Where the room stands while no log is known. */
  readonly podTop: () => Top;
  /** How long messages are held, and a read is waited for. */
  readonly patienceMs: number;
}

/** Messages of a page, and the pause after it: faster than members of a large room are handed them it fills their backlog. */
const PAGE = 256;
const PAUSE_MS = 5;
const MAX_HELD = 1_024;
const MAX_HELD_BYTES = 4_194_304;

export const repair =
  (deps: RepairDeps): OperatorFunction<RawEvent, ChannelEvent> =>
  (raw$) =>
    new Observable((out) => {
      const { clock, patienceMs } = deps;
      const place = order({
        ...deps,
        lateMs: patienceMs,
        say: (publication) =>
          out.next({ _tag: 'Published', publication, top: place.top() ?? deps.podTop() }),
        echoed: (publication, as) =>
          out.next({ _tag: 'Echoed', publication, top: place.top() ?? deps.podTop(), as }),
      });
      let opened = false;
      /** The read or renewal under way, or the wait before the next. */
      let reading: Subscription | undefined;
      let held: Publication[] = [];
      let heldBytes = 0;
      /** How many of `held` came before the read was sent: what the log says is final for these. */
      let asked = 0;
      let overflowed = false;
      /** What overflowed may have been in no log. */
      let lost = false;
      let limit: Subscription | undefined;
      let subscribed = false;
      /** Something may have been said and not heard since the last read. */
      let deaf = false;
      let subscribedAt = 0;

      const heard = (publication: Publication): void => {
        // what is outside the log needs no answer of it: it waits only behind what does
        if (publication.id.outside && held.length === 0 && settles(publication)) return;
        if (reading !== undefined || held.length > 0) hold(publication);
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
        if (out.closed) return;
        const { length } = publication.payload;
        if (held.length >= MAX_HELD || heldBytes + length > MAX_HELD_BYTES) {
          overflowed = true;
          lost ||= publication.id.outside || publication.id.tag !== place.top()?.tag;
          return;
        }
        held.push(publication);
        heldBytes += length;
        if (opened) limit ??= clock.scheduler.schedule(letGo, patienceMs);
      };

      const takeHeld = (): readonly Publication[] => {
        limit?.unsubscribe();
        limit = undefined;
        const queue = held;
        held = [];
        heldBytes = 0;
        asked = 0;
        return queue;
      };

      /** The log does not answer: what waits is said as it is, behind a gap, and moves nothing. */
      const letGo = (): void => {
        const queue = takeHeld();
        if (!opened || (queue.length === 0 && !overflowed)) return;
        if (overflowed || queue.some(({ id }) => !id.outside)) {
          out.next({ _tag: 'Gap', reason: 'broker_outage', top: place.top() ?? deps.podTop() });
        }
        overflowed = false;
        lost = false;
        for (const publication of queue) if (!settles(publication)) place.passBy(publication);
      };

      const read = (failures: number): void => {
        const known = place.top();
        const page$ =
          opened && known !== undefined ? deps.page(known.offset, PAGE) : deps.page(1, 0);
        ask(page$, settle, failures);
      };

      /** Nothing is in doubt, so nothing waits for it; what is heard meanwhile makes it worthless. */
      const check = (): void => {
        const before = place.top();
        if (!opened || !subscribed || reading !== undefined || before === undefined) return;
        const checking = deps
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
        asked = held.length;
        asking.add(
          answer$.pipe(within(patienceMs, clock.scheduler)).subscribe((answer) => {
            if (isRight(answer)) then(answer.right);
            else failed(answer.left, failures);
          }),
        );
      };

      const failed = (error: BusError, failures: number): void => {
        const hopeless = error._tag === 'WrongType' || error._tag === 'NoPermission';
        if (!opened && (hopeless || clock.scheduler.now() - subscribedAt >= patienceMs))
          return fail(error.detail);
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
          // these came before the read was sent, so they are before the join
          held.splice(0, asked);
          asked = 0;
          place.beginAt(top);
          out.next({ _tag: 'Opened', top, scope: 'cluster' });
          return judge(top, false);
        }
        if (place.wentBack(top, page.entries)) return startOver(top, []);
        if (place.isBehind(top)) fill(page);
        if (place.isBehind(top) && page.entries.length > 0) return readOn([]);
        judge(top, place.top()?.tag === top.tag && page.entries.length === 0);
      };

      /** What was said and has not been heard. */
      const fill = ({ top, first, entries }: Page): void => {
        const known = place.top();
        const [head] = entries;
        if (known === undefined || head === undefined) return;
        if (place.lost()) return goOnFrom(top, 'broker_outage');
        // without the entry of our own place nobody knows whether it still is there
        if (first > known.offset + (known.id === null ? 1 : 0))
          goOnFrom(placeBefore(head), 'expired');
        const said = entries.findLastIndex(place.wasPassed);
        entries.forEach((entry, i) => (i <= said ? place.skip(entry) : settles(entry)));
      };

      /** The log has more; who waits behind it waits anew. */
      const readOn = (rest: readonly Publication[]): void => {
        reading = clock.scheduler.schedule(() => read(0), PAUSE_MS);
        putBack(rest);
        limit?.unsubscribe();
        limit = held.length > 0 ? clock.scheduler.schedule(letGo, patienceMs) : undefined;
      };

      /** Redis went back: a new epoch, unless another pod was first. What waits is of the lost one and passes as it is. */
      const startOver = (top: Top, rest: readonly Publication[]): void => {
        putBack(rest);
        ask(deps.renew(top.tag), (fresh) => judge(fresh, false), 0);
      };

      /** `bare`: the log stands there, and holds nothing from our place on. */
      const judge = (top: Top, bare: boolean): void => {
        const turned = place.top()?.tag !== top.tag;
        const isOfBefore = ({ id }: Publication): boolean =>
          turned && id.outside && id.tag !== top.tag;
        const before = held.slice(0, asked).filter((one) => !isOfBefore(one)).length;
        const all = takeHeld();
        const queue = all.filter((one) => !isOfBefore(one));
        // said while no log, or another, was known: their ids show that place, so they come before it is left
        for (const publication of all)
          if (isOfBefore(publication) && !settles(publication)) place.passBy(publication);
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
        if (lost) goOnFrom(place.top() ?? top, 'broker_outage');
        finish(queue.slice(i));
      };

      /** Another epoch than ours: all of it is new. Or the first one that is known after an outage: from what was heard on. */
      const turnTo = (top: Top, queue: readonly Publication[]): void => {
        const known = place.top();
        if (known !== undefined) {
          const ms = Math.min(known.ms, top.ms);
          return goOnFrom({ tag: top.tag, offset: 0, ms, id: null }, 'log_lost');
        }
        const first = queue.find((publication) => place.confirms(top, publication));
        goOnFrom(first === undefined ? top : placeBefore(first), 'broker_outage');
      };

      /** What is left came after the read. */
      const finish = (rest: readonly Publication[]): void => {
        reading = undefined;
        deaf = false;
        putBack(rest);
        const again = overflowed;
        overflowed = false;
        lost = false;
        if (held.length > 0 || again) read(0);
        if (!again) deps.settled(true);
      };

      /** In front of what came during `judge`. */
      const putBack = (rest: readonly Publication[]): void => {
        const later = takeHeld();
        for (const publication of [...rest, ...later])
          if (held.length > 0 || reading !== undefined || !settles(publication)) hold(publication);
      };

      const stopReading = (): void => {
        reading?.unsubscribe();
        reading = undefined;
      };

      const accept = (event: RawEvent): void => {
        switch (event._tag) {
          case 'Heard':
            return heard(event.publication);
          case 'Subscribed':
            stopReading();
            subscribed = true;
            subscribedAt = clock.scheduler.now();
            return read(0);
          case 'Torn':
            // what is held waits on: the log may have it when we hear again
            stopReading();
            subscribed = false;
            deaf = true;
            return deps.settled(false);
          case 'Check':
            return check();
          case 'Stranded':
            if (!opened) {
              opened = true;
              takeHeld();
              const top = deps.podTop();
              deps.moved(top);
              out.next({ _tag: 'Opened', top, scope: 'pod' });
            }
            return letGo();
          case 'Denied':
            return fail(event.detail);
        }
      };

      deps.settled(false);
      const source = new Subscription(() => {
        stopReading();
        limit?.unsubscribe();
        deps.settled(true);
      });
      out.add(source);
      source.add(
        raw$.subscribe({
          next: accept,
          error: (error: unknown) => out.error(error),
          complete: () => out.complete(),
        }),
      );
    });
