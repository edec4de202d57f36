/**
 * What a room's channel asks the log, one question at a time, and its waits. Each question and each wait ends
 * as an input of the channel's state machine (`channel-state.ts`).
 *
 * Source: it subscribes to Redis's answers, one at a time; `stop` ends the one that is awaited.
 */
import { type Either, isRight } from 'fp-ts/lib/Either.js';
import { type Observable, type SchedulerLike, Subscription, type Unsubscribable } from 'rxjs';
import type { Page } from '../../history/page.js';
import type { LogPosition } from '../../protocol/position.js';
import type { RedisError, RedisReply } from '../redis/port.js';
import { BareSubscriber } from '../../rx/bare-subscriber.js';
import type { Input } from './channel-events.js';
import type { ChannelTimes } from './channel-phase.js';
import type { ReorderBuffer } from './reorder-buffer.js';
import type { Sequence } from './sequence.js';
import { orTimeout } from './timeout.js';

export interface LogOfRoom {
  /** The log from this offset on; with `most` 0 only its position. */
  readonly page: (from: number, most: number) => RedisReply<Page>;
  /** Starts a new epoch if the log's is still this one. */
  readonly renew: (old: number) => RedisReply<LogPosition>;
  /** The log's position; undefined: it has no epoch. Always answers, within `LONG * timeoutMs`. */
  readonly position: () => RedisReply<LogPosition | undefined>;
}

/** One question or one wait at a time: the caller stops the one that is still open before the next one. */
export interface LogQuestions {
  /** Asks for the log's position. */
  ask(): void;
  /**
   * Reads the log from the channel's position on. `isFirst`: reads only the log's position, as the channel
   * has none.
   */
  read(isFirst: boolean): void;
  /**
   * Reads the log for a poll. Nothing waits for the answer. When a message was received meanwhile, the answer
   * is outdated.
   */
  check(): void;
  /** Begins a new epoch in place of this one. */
  renew(tag: number): void;
  wait(ms: number): void;
  stop(): void;
}

/** Messages of a page. */
const PAGE = 256;
/**
 * Opening needs two round trips (SUBSCRIBE, then the log), so it gets twice the timeout. For a slow Redis, to
 * wait longer is also better than to ask again.
 */
export const LONG = 2;

export interface LogQuestionsDeps {
  readonly log: LogOfRoom;
  readonly times: ChannelTimes;
  readonly scheduler: SchedulerLike;
  readonly order: Sequence;
  readonly buffer: ReorderBuffer;
  readonly dispatch: (input: Input) => void;
  /** Called when the handling of an answer has thrown: a bug, which ends the channel. */
  readonly failed: (reason: unknown) => void;
}

export const logQuestions = (deps: LogQuestionsDeps): LogQuestions => {
  const { log, times, scheduler, order, buffer, dispatch, failed } = deps;
  const { timeoutMs } = times;
  let task: Unsubscribable = Subscription.EMPTY;

  const begin = <A>(
    answer$: Observable<Either<RedisError, A>>,
    then: (answer: Either<RedisError, A>) => void,
  ): void => {
    const answered = new BareSubscriber(then, failed, () => undefined);
    task = answered;
    answer$.subscribe(answered);
  };

  /** The answer decides about all messages that wait when the question is sent. */
  const request = <A>(reply$: RedisReply<A>, then: (answer: A) => void): void => {
    buffer.markAsked();
    begin(reply$.pipe(orTimeout(LONG * timeoutMs, scheduler)), (answer) => {
      if (isRight(answer)) then(answer.right);
      else dispatch({ _tag: 'ReadFailed', error: answer.left });
    });
  };

  const onPage = (page: Page, furthest: LogPosition): void => {
    const known = order.positionIn(page.top);
    const isContradicted = order.contradicts(page);
    dispatch({
      _tag: 'PageRead',
      page,
      position: order.position(),
      known,
      furthest,
      isContradicted,
    });
  };

  return {
    ask: () => {
      const asked = order.position();
      const furthest = order.furthest();
      buffer.markAsked();
      begin(log.position(), (answer) => {
        if (!isRight(answer)) return dispatch({ _tag: 'AskFailed' });
        const isContradicted = buffer.all().some((one) => order.isContradicted(one));
        dispatch({ _tag: 'LogTop', top: answer.right, asked, furthest, isContradicted });
      });
    },
    read: (isFirst) => {
      const furthest = order.furthest();
      request(isFirst ? log.page(1, 0) : log.page(order.position().offset, PAGE), (page) =>
        onPage(page, furthest),
      );
    },
    check: () => {
      const before = order.position();
      const furthest = order.furthest();
      begin(log.page(before.offset, PAGE).pipe(orTimeout(timeoutMs, scheduler)), (answer) => {
        const isCurrent = order.position() === before && buffer.size() === 0;
        if (isRight(answer) && isCurrent) onPage(answer.right, furthest);
        else dispatch({ _tag: 'CheckEnded' });
      });
    },
    renew: (tag) =>
      request(log.renew(tag), (top) =>
        dispatch({ _tag: 'Renewed', top, known: order.positionIn(top) }),
      ),
    wait: (ms) => {
      task = scheduler.schedule(() => dispatch({ _tag: 'Elapsed' }), ms);
    },
    stop: () => task.unsubscribe(),
  };
};
