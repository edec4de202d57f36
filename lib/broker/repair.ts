/**
 * Puts what a room's channel hears into the room's one order. Pub/sub is the fast hint, the log is the truth: a position
 * is believed when it is the next one of the epoch that we know, or when the log confirms it. Promises: nothing twice (by
 * the whole id, never by the offset alone), no hole without `Gap`, and what Redis accepted after it went back is not eaten.
 *
 *   heard ─▶ next in order? ──────────────────────────────▶ Published      (the usual way: no read, no queue)
 *              │ repeated, or before where we began ─▶ dropped
 *              │ outside the log ─────────────────────▶ Published, moves nothing
 *              ▼ in doubt
 *            held ─▶ one read of the log's top for all ─▶ a hole: Gap · a new epoch: Gap · Redis went back: renew, Gap
 *                                                          not the log's: Published, moves nothing
 */
import { isRight } from 'fp-ts/lib/Either.js';
import { Observable, type OperatorFunction, Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import type { Publication } from '../codec.js';
import type { GapReason } from '../control.js';
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
  | { readonly _tag: 'Denied'; readonly detail: string };

export interface RepairDeps {
  readonly room: Room;
  readonly clock: Clock;
  readonly top: () => Answer<Top>;
  /** Starts a new epoch if the log's is still this one. */
  readonly renew: (old: number) => Answer<Top>;
  /** Whether members here have this message already: it takes its place and is not said again. */
  readonly isEcho: (publication: Publication) => boolean;
  /** Told each place that is reached. */
  readonly moved: (top: Top) => void;
  /** Told whether the position is checked against the log since the last subscription. */
  readonly settled: (yes: boolean) => void;
  /** Where the room stands while no log is known. */
  readonly podTop: () => Top;
  /** How long messages are held, and a read is waited for. */
  readonly patienceMs: number;
}

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
      });
      let opened = false;
      /** The read or renewal under way, or the wait before the next. */
      let reading: Subscription | undefined;
      /** The next read is compared with what we know even if nothing is in doubt: we did not hear all the time. */
      let recheck = true;
      let held: Publication[] = [];
      let heldBytes = 0;
      /** How many of `held` came before the read was sent: what the log says is final for these. */
      let asked = 0;
      let overflowed = false;
      let limit: Subscription | undefined;
      let subscribed = false;
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
        recheck = true;
        if (overflowed || queue.some(({ id }) => !id.outside)) {
          out.next({ _tag: 'Gap', reason: 'broker_outage', top: place.top() ?? deps.podTop() });
        }
        overflowed = false;
        for (const publication of queue) if (!settles(publication)) place.passBy(publication);
      };

      const read = (failures: number): void => ask(deps.top(), settle, failures);

      const ask = (answer$: Answer<Top>, then: (top: Top) => void, failures: number): void => {
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

      const settle = (top: Top): void => {
        if (!opened) {
          opened = true;
          // these came before the read was sent, so they are before the join
          held.splice(0, asked);
          asked = 0;
          place.beginAt(top);
          out.next({ _tag: 'Opened', top, scope: 'cluster' });
        } else if (place.wentBack(top)) return startOver(top, []);
        judge(top);
      };

      /** Redis went back: a new epoch, unless another pod was first. What waits is of the lost one and passes as it is. */
      const startOver = (top: Top, rest: readonly Publication[]): void => {
        putBack(rest);
        ask(deps.renew(top.tag), judge, 0);
      };

      const judge = (top: Top): void => {
        const turned = place.top()?.tag !== top.tag;
        const isOfBefore = ({ id }: Publication): boolean =>
          turned && id.outside && id.tag !== top.tag;
        const before = held.slice(0, asked).filter((one) => !isOfBefore(one)).length;
        const all = takeHeld();
        const queue = all.filter((one) => !isOfBefore(one));
        // said while no log, or another, was known: their ids show that place, so they come before it is left
        for (const publication of all) if (isOfBefore(publication)) settles(publication);
        if (turned) turnTo(top, queue);
        let i = 0;
        for (let publication = queue[0]; publication !== undefined; publication = queue[++i]) {
          if (settles(publication)) continue;
          switch (place.verdict(publication, top)) {
            case 'Before':
              continue;
            case 'Contradicted':
              return startOver(top, queue.slice(i));
            case 'Ahead':
              // a hole: here the log is to be read, from our place to before this one; until then it is told
              goOnFrom(placeBefore(publication), 'broker_outage');
              place.advance(publication);
              continue;
            case 'Unknown':
              if (i < before) {
                place.passBy(publication);
                continue;
              }
          }
          break;
        }
        // said before we heard again, and come to nobody: here too the log is to be read, up to `top`
        if (recheck && place.isBehind(top)) goOnFrom(top, 'broker_outage');
        else if (overflowed) goOnFrom(place.top() ?? top, 'broker_outage');
        finish(queue.slice(i));
      };

      /** Another epoch than ours, or the first one that is known after an outage. */
      const turnTo = (top: Top, queue: readonly Publication[]): void => {
        const first = queue.find((publication) => place.confirms(top, publication));
        // who heard all the time has the epoch's first message still to come
        const start = recheck ? top : { ...top, offset: 0, id: null };
        goOnFrom(
          first === undefined ? start : placeBefore(first),
          place.top() === undefined ? 'broker_outage' : 'log_lost',
        );
      };

      /** What is left came after the read. */
      const finish = (rest: readonly Publication[]): void => {
        reading = undefined;
        putBack(rest);
        const again = overflowed;
        recheck = again;
        overflowed = false;
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
            recheck = true;
            subscribed = true;
            subscribedAt = clock.scheduler.now();
            return read(0);
          case 'Torn':
            stopReading();
            subscribed = false;
            deps.settled(false);
            return letGo();
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
