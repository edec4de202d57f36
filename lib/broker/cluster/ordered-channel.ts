/**
 * Puts what is received on a room's channel into the room's one order, and runs the effects of its state
 * machine (`channel-state.ts`). Pub/sub is fast, but only the log is reliable: any program that may publish
 * on the channel can write any offset into an id. So an offset is confirmed when the log has the same id at
 * this offset, or when a publish of this pod was answered with this id (`confirmation.ts`). Guarantees: no
 * message twice (by the whole id), no hole without `Gap`, and no epoch that another program made up.
 *
 *   Received ─┬─ nothing waits, and it needs no answer of the log ─▶ delivered: the fast path
 *             └─ else: reorder buffer ─▶ step(state, input) ─▶ effects ─▶ their results are the next inputs
 *
 * A message in doubt waits until the log answers. When the log cannot be read, the room opens with the scope
 * `pod`, at a position of the pod's own. When the log can be read again, the channel emits `Gap` and goes on
 * at the log's position.
 *
 * Source: a hand-written operator; it subscribes to the events of the channel, and ends with its subscriber.
 */
import { Observable, type OperatorFunction, Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { LogPosition, Room } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import type { GapReason } from '../../protocol/system-event.js';
import { backoffMs } from '../../rx/backoff.js';
import { BareSubscriber } from '../../rx/bare-subscriber.js';
import type { ChannelEvent } from '../index.js';
import type { Effect, Input, PlacedId, RawEvent } from './channel-events.js';
import {
  type ChannelState,
  type ChannelTimes,
  isAwaitingFirst,
  isCatchingUp,
  isUnanswered,
  START,
} from './channel-phase.js';
import { step } from './channel-state.js';
import { LONG, logQuestions, type LogOfRoom } from './log-questions.js';
import { release } from './release.js';
import { reorderBuffer } from './reorder-buffer.js';
import { sequence, type SequenceDeps } from './sequence.js';

export interface OrderedChannelDeps
  extends ChannelTimes,
    LogOfRoom,
    Pick<SequenceDeps, 'echoOf' | 'reissue' | 'decodeFully' | 'dropped'> {
  readonly room: Room;
  readonly clock: Clock;
  /** A publish of this pod that has no answer yet may have sent this message. */
  readonly isUnderWay: (publication: Publication) => boolean;
  /** Whether the position is checked against the log since the last subscription. */
  readonly synced: (yes: boolean) => void;
  /** The channel's position while no log is known: in an epoch of the pod's own. */
  readonly podPosition: () => LogPosition;
}

export const orderedChannel =
  (deps: OrderedChannelDeps): OperatorFunction<RawEvent, ChannelEvent> =>
  (raw$) =>
    new Observable((out) => {
      const { clock, timeoutMs } = deps;
      const { scheduler, random } = clock;
      const order = sequence({
        ...deps,
        start: deps.podPosition(),
        lateMs: timeoutMs,
        deliver: (event) => out.next(event),
      });
      const buffer = reorderBuffer();
      const releases = release(deps.room, order, buffer);
      let state: ChannelState = START;
      /** The wait for the log before the channel opens with the scope `pod`. */
      const opening = new Subscription();

      const dispatch = (input: Input): void => {
        const [next, effects] = step(state, input, scheduler.now(), deps);
        if (next.phase !== state.phase) questions.stop();
        state = next;
        for (const effect of effects) {
          if (out.closed) return;
          run(effect);
        }
      };

      const questions = logQuestions({
        log: deps,
        times: deps,
        scheduler,
        order,
        buffer,
        dispatch,
        failed: (reason) => out.error(reason),
      });

      const isDirect = (): boolean => state.scope !== 'none' && !isHolding() && buffer.size() === 0;

      const onPublished = (publication: Publication): void => {
        const { tag, offset, outside } = publication.id;
        const next = isDirect() ? order.nextPlaced(publication) : undefined;
        if (next !== undefined) return out.next(next);
        if (!outside) order.confirm(tag, offset, publication.idText);
        onReceived(publication);
      };

      const onReceived = (publication: Publication): void => {
        // before the channel opens nothing is delivered: a message is part of the log that a joiner reads, or
        // comes after it
        const isOpen = state.scope !== 'none';
        const isPassing = isOpen && (publication.id.outside || !isHolding());
        if (isPassing && buffer.size() === 0) {
          const next = order.next(publication);
          if (next !== undefined) return out.next(next);
          if (order.acceptInOrder(publication)) return;
        }
        if (out.closed) return;
        buffer.add(publication);
        if (!isOpen) return;
        dispatch({
          _tag: 'Waiting',
          offset: publication.id.offset,
          isConfirmed: order.isConfirmed(publication),
          isUnderWay: deps.isUnderWay(publication),
        });
      };

      const isHolding = (): boolean => state.phase._tag === 'Awaiting' || isCatchingUp(state);

      const onPlaced = (ids: readonly PlacedId[]): void => {
        if (state.scope === 'none') return;
        let isOurs = true;
        for (const { id, idText } of ids)
          isOurs = order.confirm(id.tag, id.offset, idText) && isOurs;
        // nothing waits for the answer
        if (isOurs && buffer.size() === 0 && state.phase._tag !== 'Awaiting') return;
        dispatch({ _tag: 'Placed', isOurs });
      };

      const accept = (event: RawEvent): void => {
        switch (event._tag) {
          case 'Received':
            return onReceived(event.publication);
          case 'Published':
            return onPublished(event.publication);
          case 'Placed':
            return onPlaced(event.ids);
          case 'AckedByPush':
            return event.ids.forEach(({ id, idText }) => order.expect(id.tag, id.offset, idText));
          case 'LocalOnly':
            return state.scope === 'none' ? undefined : order.passUnlogged(event.publication);
          case 'Poll':
            return dispatch({ _tag: 'Poll', isQuiet: buffer.size() === 0 });
          default:
            return dispatch(event);
        }
      };

      const run = (effect: Effect): void => {
        switch (effect._tag) {
          case 'Open':
            // messages that were received before the log was asked are before the join: they are dropped
            buffer.replace(buffer.all().slice(buffer.countAsked()), 0);
            return open(effect.top, 'cluster');
          case 'OpenOnPod':
            buffer.replace([], 0);
            buffer.clearFull();
            return open(deps.podPosition(), 'pod');
          case 'Gap':
            return gap(effect.reason, effect.top);
          case 'GapBefore':
            return gap(
              effect.reason,
              releases.beginning(effect.head, effect.top, effect.isComplete),
            );
          case 'Confirm':
            for (const { id, idText } of effect.entries) order.confirm(id.tag, id.offset, idText);
            return void order.confirm(effect.top.tag, effect.top.offset, effect.top.id);
          case 'DeliverConfirmed':
            return void releases.confirmed(!state.mayHaveMissed, undefined, isUnanswered(state));
          case 'Synced':
            return deps.synced(effect.yes);
          case 'Fail':
            out.next({ _tag: 'Failed', error: { _tag: 'Unavailable', detail: effect.detail } });
            return out.complete();
          case 'Ask':
            return questions.ask();
          case 'AskIfInDoubt':
            if (buffer.all().some((one) => !deps.isUnderWay(one))) dispatch({ _tag: 'InDoubt' });
            return;
          case 'Compare': {
            const { top } = effect;
            releases.confirmed(!state.mayHaveMissed, top, false);
            return dispatch({ _tag: 'Compared', top, missing: order.missing(buffer.all(), top) });
          }
          case 'ReadPage':
            return questions.read(effect.isFirst);
          case 'Check':
            return questions.check();
          case 'Renew':
            return questions.renew(effect.tag);
          case 'Fill': {
            const isComplete = !state.mayHaveMissed;
            const awaits = isAwaitingFirst(state, scheduler.now());
            const end = releases.fill(effect.page, isComplete, awaits);
            return dispatch({ _tag: 'Filled', page: effect.page, end });
          }
          case 'Conclude':
            return conclude();
          case 'Wait':
            return questions.wait(effect.ms);
          case 'BackOff':
            return questions.wait(backoffMs(effect.failures, random));
        }
      };

      const open = (top: LogPosition, scope: 'cluster' | 'pod'): void => {
        opening.unsubscribe();
        order.beginAt(top);
        out.next({ _tag: 'Opened', top, scope });
      };

      const gap = (reason: GapReason, top: LogPosition): void => {
        order.beginAt(top);
        out.next({ _tag: 'Gap', reason, top });
      };

      const conclude = (): void => {
        releases.conclude();
        const isFull = buffer.isFull();
        buffer.clearFull();
        dispatch({ _tag: 'Concluded', isFull });
      };

      deps.synced(false);
      const source = new Subscription(() => {
        questions.stop();
        deps.synced(true);
      });
      out.add(source);
      source.add(opening);
      // after a stalled event loop, answers that have arrived are handled first
      opening.add(
        scheduler.schedule(() => {
          opening.add(clock.turn(() => dispatch({ _tag: 'Degraded' })));
        }, LONG * timeoutMs),
      );
      const events = new BareSubscriber(
        accept,
        (error) => out.error(error),
        () => out.complete(),
      );
      source.add(events);
      raw$.subscribe(events);
    });
