/**
 * Performs the effects of a room's publish queue (`room-queue.ts`): calls of Redis, timers, answers. One
 * runner serves all rooms.
 *
 * Source: it subscribes to each call of Redis, and to the probe that a late call waits for. Both end with the
 * call.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import { Subscription } from 'rxjs';
import type { Room } from '../../protocol/position.js';
import { backoffMs } from '../../rx/backoff.js';
import type { RedisError, RedisPort } from '../redis/port.js';
import type { HealthProbe } from './health-probe.js';
import {
  type Call,
  type PublishCallDeps,
  publishCalls,
  receivedOf,
  type Waiting,
} from './publish-call.js';
import { publishFallback, type PublishFallbackDeps } from './publish-fallback.js';
import { placedId, resultOf } from './publish-result.js';
import {
  type CallEffect,
  type Conditions,
  type Effect,
  type Input,
  type Link,
  type RoomQueue,
  START,
  step,
} from './room-queue.js';

export interface QueueRunnerDeps extends PublishCallDeps, PublishFallbackDeps {
  readonly redis: Pick<RedisPort, 'publish'>;
  readonly probe: Pick<HealthProbe, 'send$' | 'last' | 'ahead' | 'refusal'>;
  readonly route: () => Conditions['route'];
  /** Whether there is a connection to Redis. */
  readonly ready: () => boolean;
  /** The log may have messages that were sent to no pod. */
  readonly recheck: (room: Room) => void;
  /** Messages were acked that had come on the room's channel. Perhaps no answer of Redis names them. */
  readonly ackedByPush: (room: Room, ids: readonly string[]) => void;
  readonly failed: (error: RedisError, messages: number) => void;
  /** The script gave the call's messages these ids. An empty list: it gave none, or the call has ended. */
  readonly placed: (room: Room, ids: readonly string[]) => void;
}

/** A queue and its timers. Made for each publish to a quiet room, so it is small. */
export interface RunningQueue {
  readonly room: Room;
  readonly waiting: Waiting[];
  state: RoomQueue;
  call: Call | undefined;
  /** Messages are looked at or answered now: a publish that is called meanwhile only waits in the queue. */
  isBusy: boolean;
  /** The timer of the head, while there is no connection. */
  due: Subscription | undefined;
}

export interface QueueRunner {
  /** Looks at the messages that wait, until there is none, a call is under way, or the head must wait. */
  flush(queue: RunningQueue): void;
  accept(queue: RunningQueue, input: Input): void;
}

const MAX_BATCH = 64;
/** The next try after a broken connection waits a tenth of the usual backoff, against a busy loop. */
const RETRY = 0.1;

export const newQueue = (room: Room): RunningQueue => ({
  room,
  waiting: [],
  state: START,
  call: undefined,
  isBusy: false,
  due: undefined,
});

/** `rested` is called with each queue that has nothing left to do. */
export const queueRunner = (
  deps: QueueRunnerDeps,
  rested: (queue: RunningQueue) => void,
): QueueRunner => {
  const { redis, clock, probe, keys, timeoutMs } = deps;
  const { scheduler, random } = clock;
  const noAnswer = { _tag: 'Unreachable', detail: `no answer within ${timeoutMs} ms` } as const;
  const calls = publishCalls(deps);
  const fallBack = publishFallback(deps);

  const linkOf = (): Link => {
    if (!deps.ready()) return ABSENT;
    if (probe.ahead() !== undefined) return USABLE;
    const error = probe.refusal();
    return error === undefined ? ABSENT : { _tag: 'Refused', error };
  };

  const headOf = (head: Waiting | undefined): Input => {
    if (head === undefined) return NO_HEAD;
    if (keys.find(head.draft) !== undefined) return KNOWN_HEAD;
    return { _tag: 'Head', head: 'New', leftMs: head.until - scheduler.now() };
  };

  const flush = (queue: RunningQueue): void => {
    if (queue.isBusy) return;
    queue.isBusy = true;
    while (queue.call === undefined && GOES_ON.has(accept(queue, headOf(queue.waiting[0]))));
    queue.isBusy = false;
  };

  const accept = (queue: RunningQueue, input: Input): Effect['_tag'] => {
    const conditions = { route: deps.route(), link: linkOf(), lastProbe: probe.last() };
    const [state, effect] = step(queue.state, input, conditions);
    queue.state = state;
    perform(queue, effect);
    return effect._tag;
  };

  const perform = (queue: RunningQueue, effect: Effect): void => {
    switch (effect._tag) {
      case 'Nothing':
        return;
      case 'Rest':
        stopTimer(queue);
        if (queue.state._tag !== 'Fallback') rested(queue);
        return;
      case 'Resume':
        return flush(queue);
      case 'AnswerHead':
      case 'FallBackHead':
        for (const head of queue.waiting.splice(0, 1)) fallBack.one(head, calls.nonce(), false);
        return;
      case 'ReportHead':
        return deps.failed(effect.error, 1);
      case 'AwaitConnection':
        // after a stalled event loop, a connection that is there is noticed first
        queue.due ??= scheduler.schedule(() => {
          queue.due = clock.turn(() => {
            queue.due = undefined;
            flush(queue);
          });
        }, effect.leftMs);
        return;
      case 'Send':
        return send(queue, effect.hasWaited);
      default:
        if (queue.call !== undefined) performCall(queue, queue.call, effect);
    }
  };

  const performCall = (queue: RunningQueue, call: Call, effect: CallEffect): void => {
    const elapsed = (): void => void accept(queue, { _tag: 'Elapsed' });
    switch (effect._tag) {
      case 'Ask':
        return ask(queue, call, effect.isUnsure);
      case 'AskAfterProbe':
        return attempt(call, () => probe.send$.subscribe(elapsed));
      case 'AskLater':
        return attempt(call, () =>
          scheduler.schedule(elapsed, RETRY * backoffMs(effect.failures, random)),
        );
      case 'Settle':
        finish(queue, call, effect.isUnsure, () =>
          call.batch.forEach(({ answer }, i) => answer(resultOf(effect.outcomes[i]))),
        );
        if (effect.isUnsure) deps.recheck(queue.room);
        return;
      case 'GiveUp':
        deps.failed(effect.error, call.batch.length);
        return finish(queue, call, true, () => fallBack.call(call, effect.isUnsure));
    }
  };

  const send = (queue: RunningQueue, hasWaited: boolean): void => {
    stopTimer(queue);
    const known = queue.waiting.findIndex(({ draft }) => keys.find(draft) !== undefined);
    const size = known === -1 ? MAX_BATCH : Math.min(known, MAX_BATCH);
    const call = calls.make(queue.waiting.splice(0, size), hasWaited);
    queue.call = call;
    const timedOut = (): void => void accept(queue, { _tag: 'TimedOut', error: noAnswer });
    // after a stalled event loop, answers that have arrived are read first
    call.end.add(
      scheduler.schedule(() => call.end.add(clock.turn(timedOut)), call.until - scheduler.now()),
    );
    ask(queue, call, false);
  };

  const ask = (queue: RunningQueue, call: Call, isUnsure: boolean): void => {
    const { room } = queue;
    attempt(call, () =>
      redis.publish(...calls.request(room, call, isUnsure)).subscribe((answer) => {
        if (isRight(answer)) deps.placed(room, answer.right.flatMap(placedId));
        if (queue.call !== call) return;
        if (isRight(answer)) accept(queue, { _tag: 'Answered', outcomes: answer.right });
        else accept(queue, { _tag: 'Failed', error: answer.left, received: receivedOf(call) });
      }),
    );
  };

  const finish = (queue: RunningQueue, call: Call, isUnsure: boolean, answer: () => void): void => {
    call.end.unsubscribe();
    call.attempt.unsubscribe();
    const { room, isBusy } = queue;
    queue.isBusy = true;
    if (isUnsure && call.received.size > 0) deps.ackedByPush(room, [...call.received.values()]);
    answer();
    queue.call = undefined;
    deps.placed(room, []);
    queue.isBusy = isBusy;
    flush(queue);
  };

  return { flush, accept };
};

/** `call.attempt` is set before the try begins: an answer that comes at once may end the call. */
const attempt = (call: Call, begin: () => Subscription): void => {
  const own = new Subscription();
  call.attempt = own;
  own.add(begin());
};

/** Ends what the queue waits for; returns the messages that have no answer. */
export const closeQueue = (queue: RunningQueue): readonly Waiting[] => {
  stopTimer(queue);
  queue.call?.end.unsubscribe();
  queue.call?.attempt.unsubscribe();
  return [...(queue.call?.batch ?? []), ...queue.waiting];
};

const stopTimer = (queue: RunningQueue): void => {
  queue.due?.unsubscribe();
  queue.due = undefined;
};

/** After these effects the queue looks at its head. */
const GOES_ON: ReadonlySet<Effect['_tag']> = new Set([
  'AnswerHead',
  'FallBackHead',
  'ReportHead',
  'Send',
]);
const USABLE: Link = { _tag: 'Usable' };
const ABSENT: Link = { _tag: 'Absent' };
const NO_HEAD: Input = { _tag: 'Head', head: 'None', leftMs: 0 };
const KNOWN_HEAD: Input = { _tag: 'Head', head: 'Known', leftMs: 0 };
