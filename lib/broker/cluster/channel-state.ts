/**
 * The state of a room's channel, and what each input changes: pure. `ordered-channel.ts` runs the effects. A
 * message that can be delivered at once does not come here, as it changes no state.
 *
 * `scope` says where the channel is open:
 *
 *     none ─── page of the log ──────────────────▶ cluster
 *       └──── no page in time ──▶ pod ── page: Gap ──▲
 *
 * `phase` says what the channel does. A change of phase ends the question or the wait of the phase before.
 *
 *            in doubt, or a poll        the log is further
 *     Live ───────────────────▶ Asking ───────────────────▶ Awaiting
 *     ▲ ▲ ▲    nothing missing   │ │                          │    │
 *     │ │ └──────────────────────┘ │ missing, or changed      │    │
 *     │ └─────── all received ─────┼──────────────────────────┘    │ 250 ms
 *     │                            ▼                               │
 *     │     at the log's top     Reading ◀─────────────────────────┘
 *     └─────────────────────────── │
 *             the log went back    ▼
 *                                Renewing
 *
 *     Asking, Reading: no answer ───────────▶ Pausing ──▶ the same again
 *     Reading: more than one page ──────────▶ Pausing ──▶ the next page
 *     Renewing: the new epoch, Gap ─────────▶ Live, Awaiting or Reading, as from Asking
 *     Live: a poll, once a minute ──────────▶ Checking ─▶ its page, as in Reading
 *     Reading: pushes of its page ──────────▶ Awaiting, 250 ms; then Reading
 *     Reading: pushes of trimmed messages ──▶ Awaiting, until BROKER_TIMEOUT_MS; then Reading, and Gap
 *     any: subscribed, or recovered ────────▶ Reading
 *     any: unsubscribed ────────────────────▶ Live, and messages may have been missed
 */
import type { Effect, Input } from './channel-events.js';
import {
  ask,
  awaitPushes,
  type ChannelState,
  type ChannelTimes,
  compare,
  CONCLUDED,
  conclude,
  DELIVER_CONFIRMED,
  failed,
  isCatchingUp,
  isFree,
  LIVE,
  NONE,
  type Of,
  read,
  type Step,
} from './channel-phase.js';
import { filled, pageRead, changeEpoch } from './channel-pages.js';
import { hasChanged } from './confirmation.js';

/** One step; pure. `now` is monotonic. */
export const step = (state: ChannelState, input: Input, now: number, times: ChannelTimes): Step => {
  switch (input._tag) {
    case 'Waiting':
      return waiting(state, input);
    case 'InDoubt':
      return isFree(state) ? ask(state, 0) : [state, NONE];
    case 'Placed':
      return placed(state, input, now);
    case 'LogTop':
      return logTop(state, input, now);
    case 'AskFailed':
      // confirmed messages no longer wait behind a message in doubt
      return failed(state, 'Asking', ...DELIVER_CONFIRMED);
    case 'Compared':
      return compared(state, input, now, times);
    case 'PageRead':
      return pageRead(state, input, now);
    case 'ReadFailed':
      if (state.scope === 'none' && HOPELESS.has(input.error._tag))
        return [state, [{ _tag: 'Fail', detail: input.error.detail }]];
      return failed(state, 'Reading');
    case 'CheckEnded':
      return state.phase._tag === 'Checking' ? [{ ...state, phase: LIVE }, NONE] : [state, NONE];
    case 'Renewed':
      return changeEpoch(state, input.top, input.known, now);
    case 'Filled':
      return filled(state, input, now, times);
    case 'Concluded':
      if (input.isFull) return read(state, now);
      return [state, CONCLUDED];
    case 'Elapsed':
      return elapsed(state, now);
    case 'Subscribed':
      return read({ ...state, subscribed: true }, now);
    case 'Unsubscribed':
      return [
        { ...state, phase: LIVE, subscribed: false, mayHaveMissed: true },
        [{ _tag: 'Synced', yes: false }],
      ];
    case 'Degraded':
      return state.scope === 'none'
        ? [{ ...state, scope: 'pod' }, [{ _tag: 'OpenOnPod' }]]
        : [state, NONE];
    case 'Recovered':
      if (!state.subscribed || state.readAt >= input.since) return [state, NONE];
      return read({ ...state, mayHaveMissed: true }, now, 0, { _tag: 'Synced', yes: false });
    case 'Poll':
      return poll(state, input, now, times);
    case 'Denied':
      return [state, [{ _tag: 'Fail', detail: input.detail }]];
  }
};

/** Errors that do not pass by themselves. */
const HOPELESS: ReadonlySet<string> = new Set(['WrongType', 'NoPermission']);

const waiting = (state: ChannelState, { offset, isConfirmed, isUnderWay }: Of<'Waiting'>): Step => {
  const { scope, phase, subscribed } = state;
  if (scope === 'none' || !subscribed || isCatchingUp(state)) return [state, NONE];
  const first = isConfirmed ? DELIVER_CONFIRMED : NONE;
  if (phase._tag === 'Awaiting' && offset >= phase.top.offset)
    return [state, [...first, { _tag: 'Compare', top: phase.top }]];
  return isFree(state) && !isUnderWay ? ask(state, 0, first) : [state, first];
};

const placed = (state: ChannelState, { isOurs }: Of<'Placed'>, now: number): Step => {
  const { scope, phase, subscribed } = state;
  if (scope === 'none' || !subscribed || isCatchingUp(state)) return [state, NONE];
  // the publish has begun an epoch, or found another one
  if (!isOurs && scope === 'cluster') return read(state, now);
  const next: Effect =
    phase._tag === 'Awaiting' ? { _tag: 'Compare', top: phase.top } : { _tag: 'AskIfInDoubt' };
  return [state, [{ _tag: 'DeliverConfirmed' }, next]];
};

const logTop = (
  state: ChannelState,
  { top, asked, furthest, isContradicted }: Of<'LogTop'>,
  now: number,
): Step => {
  if (top === undefined || state.scope === 'pod' || hasChanged(top, furthest))
    return read(state, now);
  // two messages were received with one offset, and the log's position does not show which of them is the
  // log's
  if (top.offset > asked.offset && isContradicted) return read(state, now);
  return compare(state, top);
};

const compared = (
  state: ChannelState,
  { top, missing }: Of<'Compared'>,
  now: number,
  times: ChannelTimes,
): Step => {
  if (missing === 'Nothing') return conclude(state);
  if (missing === 'Waiting' && !state.mayHaveMissed)
    // a message in doubt came after the question was sent
    return ask({ ...state, awaitingSince: undefined }, 0);
  return missing !== 'Coming' || state.mayHaveMissed
    ? read(state, now)
    : awaitPushes(state, top, now, times);
};

const elapsed = (state: ChannelState, now: number): Step => {
  const { phase } = state;
  if (phase._tag === 'Awaiting') return read(state, now);
  if (phase._tag !== 'Pausing') return [state, NONE];
  return phase.before === 'Asking' ? ask(state, phase.failures) : read(state, now, phase.failures);
};

const poll = (
  state: ChannelState,
  { isQuiet }: Of<'Poll'>,
  now: number,
  { readEveryMs }: ChannelTimes,
): Step => {
  const { scope, phase, subscribed, readAt } = state;
  if (scope === 'none' || !subscribed || phase._tag !== 'Live' || !isQuiet) return [state, NONE];
  if (now - readAt < readEveryMs) return ask(state, 0);
  return [{ ...state, phase: { _tag: 'Checking' }, readAt: now }, [{ _tag: 'Check' }]];
};
