/**
 * The publish queue of one room, as data: what it does now, and what each input changes. Pure;
 * `queue-runner.ts` performs the effects. At most one call of a room is under way, so its messages stay in
 * order.
 *
 *   Idle ── head ───▶ Sending ── answered ──▶ Idle
 *    │ no              ▲  ▲ │
 *    │ connection      │  │ │ the try broke off, or was late
 *    ▼                 │  │ ▼
 *   Awaiting ──────────┘ Pausing ── no connection ──▶ Reconnecting ── connection ──▶ Sending
 *    │   connection       │                             │
 *    │ time passed        │ refused, or time passed (from Sending too)
 *    ▼                    ▼                             ▼
 *   Fallback ── a probe returned that was sent after the failure, or the outage ended ──▶ Idle
 *
 *   Idle, Awaiting ── Redis refused the command that reads its clock ──▶ Fallback
 *   Idle ── no connection, and the head has no time left ──▶ Fallback
 *
 * Awaiting, Reconnecting: there is no connection. Pausing: the next try waits for a moment, or for a probe.
 * Sending, Pausing and Reconnecting hold one call. When a try of the call has broken off, the call may have
 * run. In Fallback the messages go to this pod's members. During an outage (`route` is `pod`) the messages of
 * Idle and Awaiting go there too.
 */
import type { Outcome, RedisError } from '../redis/port.js';
import { sent, step as stepTries, type Tries, UNTRIED } from './call-tries.js';

export type RoomQueue =
  | { readonly _tag: 'Idle' }
  | { readonly _tag: 'Awaiting' }
  | { readonly _tag: 'Sending'; readonly tries: Tries }
  | { readonly _tag: 'Pausing'; readonly tries: Tries }
  | { readonly _tag: 'Reconnecting'; readonly tries: Tries }
  /** `since` is the number of the last probe that was sent before the failure. */
  | { readonly _tag: 'Fallback'; readonly since: number };

export type Input =
  /**
   * The first message that waits. `None`: there is none. `Known`: this pod knows its key. `New`: any other;
   * it may wait for `leftMs` more.
   */
  | { readonly _tag: 'Head'; readonly head: 'None' | 'Known' | 'New'; readonly leftMs: number }
  /** The call ran. */
  | { readonly _tag: 'Answered'; readonly outcomes: readonly Outcome[] }
  | {
      readonly _tag: 'Failed';
      readonly error: RedisError;
      /** The messages of the call, if all came on the room's channel. */
      readonly received: readonly Outcome[] | undefined;
    }
  /** The wait between two tries is over. */
  | { readonly _tag: 'Elapsed' }
  /** The call has no time left. */
  | { readonly _tag: 'TimedOut'; readonly error: RedisError }
  /** Redis answered a probe: whether a call can be sent may have changed. */
  | { readonly _tag: 'ProbeAnswered' }
  /** The probe of this number returned on the pod's own channel. */
  | { readonly _tag: 'ProbeReturned'; readonly number: number }
  | { readonly _tag: 'RouteChanged' };

/** What holds for all rooms when an input comes. */
export interface Conditions {
  /** Where publishes go; `wait` until the first probe has returned, for 3 s at most. */
  readonly route: 'cluster' | 'pod' | 'wait';
  readonly link: Link;
  /** The number of the last probe that was sent. */
  readonly lastProbe: number;
}

/**
 * Whether a call can be sent. `Refused`: there is a connection, and Redis refused the command that reads its
 * clock.
 */
export type Link =
  | { readonly _tag: 'Usable' }
  | { readonly _tag: 'Absent' }
  | { readonly _tag: 'Refused'; readonly error: RedisError };

/** What to do with the messages that wait, or with the call. */
export type Effect =
  | CallEffect
  | { readonly _tag: 'Nothing' }
  /** The head is looked at again. */
  | { readonly _tag: 'Resume' }
  /** Nothing waits: the timer is stopped. The queue is removed, unless it is in Fallback. */
  | { readonly _tag: 'Rest' }
  /** The head is answered as a duplicate of the earlier message with its key, or with `KeyReused`. */
  | { readonly _tag: 'AnswerHead' }
  | { readonly _tag: 'FallBackHead' }
  /** The head waits for a connection, no longer than `leftMs`. */
  | { readonly _tag: 'AwaitConnection'; readonly leftMs: number }
  /** The failure of the head is reported to the operator. */
  | { readonly _tag: 'ReportHead'; readonly error: RedisError }
  /** The messages that wait become a call. `hasWaited`: for a connection. */
  | { readonly _tag: 'Send'; readonly hasWaited: boolean };

/** What to do with the call under way. */
export type CallEffect =
  /** The same call is asked for again. `isUnsure`: an earlier try of it may have run. */
  | { readonly _tag: 'Ask'; readonly isUnsure: boolean }
  | { readonly _tag: 'AskAfterProbe' }
  | { readonly _tag: 'AskLater'; readonly failures: number }
  /** The call's messages are answered. `isUnsure`: the log may have messages that were sent to no pod. */
  | {
      readonly _tag: 'Settle';
      readonly outcomes: readonly Outcome[];
      readonly isUnsure: boolean;
    }
  /** The call's messages go to this pod's members. `isUnsure`: the call may have run. */
  | { readonly _tag: 'GiveUp'; readonly error: RedisError; readonly isUnsure: boolean };

export type Step = readonly [RoomQueue, Effect];

const IDLE: RoomQueue = { _tag: 'Idle' };
const AWAITING: RoomQueue = { _tag: 'Awaiting' };
const FIRST_TRY: RoomQueue = { _tag: 'Sending', tries: sent(UNTRIED) };

/** A queue begins idle. */
export const START: RoomQueue = IDLE;

const NOTHING: Effect = { _tag: 'Nothing' };
const RESUME: Effect = { _tag: 'Resume' };
const RESTED: Step = [IDLE, { _tag: 'Rest' }];
const SENT: Step = [FIRST_TRY, { _tag: 'Send', hasWaited: false }];
const SENT_AFTER_WAIT: Step = [FIRST_TRY, { _tag: 'Send', hasWaited: true }];

/** There is no connection, and the head has no time left: in Awaiting, or in Idle after a long call. */
const NO_CONNECTION: RedisError = {
  _tag: 'Unreachable',
  detail: 'there is no connection to Redis',
};

/** One step; pure. An input that the state does not wait for changes nothing. */
export const step = (queue: RoomQueue, input: Input, conditions: Conditions): Step => {
  switch (input._tag) {
    case 'Head':
      return hasCall(queue) ? [queue, NOTHING] : headed(queue, input, conditions);
    case 'Answered':
      return queue._tag === 'Sending' ? settle(queue.tries, input.outcomes) : [queue, NOTHING];
    case 'Failed':
      return queue._tag === 'Sending' ? failed(queue.tries, input, conditions) : [queue, NOTHING];
    case 'Elapsed':
      return queue._tag === 'Pausing' ? ask(queue.tries, conditions) : [queue, NOTHING];
    case 'TimedOut':
      return hasCall(queue)
        ? giveUp(input.error, queue._tag === 'Sending' || queue.tries.isUnsure, conditions)
        : [queue, NOTHING];
    case 'ProbeAnswered':
      if (queue._tag === 'Reconnecting') return ask(queue.tries, conditions);
      return [queue, queue._tag === 'Awaiting' ? RESUME : NOTHING];
    case 'ProbeReturned':
      return queue._tag === 'Fallback' &&
        conditions.route === 'cluster' &&
        input.number > queue.since
        ? [IDLE, RESUME]
        : [queue, NOTHING];
    case 'RouteChanged':
      if (hasCall(queue)) return [queue, NOTHING];
      return [queue._tag === 'Fallback' && conditions.route === 'cluster' ? IDLE : queue, RESUME];
  }
};

type Calling = Extract<RoomQueue, { readonly tries: Tries }>;

const hasCall = (queue: RoomQueue): queue is Calling => 'tries' in queue;

const headed = (
  queue: RoomQueue,
  { head, leftMs }: Extract<Input, { readonly _tag: 'Head' }>,
  { route, link, lastProbe }: Conditions,
): Step => {
  if (head === 'None') return queue._tag === 'Fallback' ? [queue, RESTED[1]] : RESTED;
  if (head === 'Known') return [queue, { _tag: 'AnswerHead' }];
  if (queue._tag === 'Fallback' || route === 'pod') return [queue, { _tag: 'FallBackHead' }];
  if (route === 'wait') return [queue, NOTHING];
  if (link._tag === 'Usable') return queue._tag === 'Awaiting' ? SENT_AFTER_WAIT : SENT;
  if (link._tag === 'Absent' && leftMs > 0) return [AWAITING, { _tag: 'AwaitConnection', leftMs }];
  const error = link._tag === 'Refused' ? link.error : NO_CONNECTION;
  return [
    { _tag: 'Fallback', since: lastProbe },
    { _tag: 'ReportHead', error },
  ];
};

const settle = ({ isUnsure }: Tries, outcomes: readonly Outcome[]): Step => [
  IDLE,
  { _tag: 'Settle', outcomes, isUnsure },
];

const failed = (
  before: Tries,
  { error, received }: Extract<Input, { readonly _tag: 'Failed' }>,
  conditions: Conditions,
): Step => {
  const [tries, next] = stepTries(before, error);
  switch (next) {
    case 'GiveUp':
      return giveUp(error, tries.isUnsure, conditions);
    case 'Ask':
      return ask(tries, conditions);
    case 'AskAfterProbe':
      return [{ _tag: 'Pausing', tries }, { _tag: next }];
    case 'AskLater':
      return received === undefined
        ? [
            { _tag: 'Pausing', tries },
            { _tag: next, failures: tries.count - 1 },
          ]
        : settle(tries, received);
  }
};

const ask = (tries: Tries, conditions: Conditions): Step => {
  const { link } = conditions;
  switch (link._tag) {
    case 'Usable':
      return [
        { _tag: 'Sending', tries: sent(tries) },
        { _tag: 'Ask', isUnsure: tries.isUnsure },
      ];
    case 'Absent':
      return [{ _tag: 'Reconnecting', tries }, NOTHING];
    case 'Refused':
      return giveUp(link.error, tries.isUnsure, conditions);
  }
};

const giveUp = (error: RedisError, isUnsure: boolean, { lastProbe }: Conditions): Step => [
  { _tag: 'Fallback', since: lastProbe },
  { _tag: 'GiveUp', error, isUnsure },
];
