/**
 * The phases of a room's channel, and the changes between them that several steps share. The machine and its
 * drawing: `channel-state.ts`.
 */
import type { LogPosition } from '../../protocol/position.js';
import type { Page } from '../../history/page.js';
import type { Effect, Input } from './channel-events.js';

export type Phase =
  /** No question is open, and nothing is awaited. */
  | { readonly _tag: 'Live' }
  /** A poll reads the log. Nothing waits for it. */
  | { readonly _tag: 'Checking' }
  /** The log is asked for its position. */
  | { readonly _tag: 'Asking'; readonly failures: number }
  /** The log's position is `top`, and the pushes up to there are on their way. */
  | { readonly _tag: 'Awaiting'; readonly top: LogPosition }
  | { readonly _tag: 'Reading'; readonly failures: number }
  /** A new epoch is begun. */
  | { readonly _tag: 'Renewing' }
  | { readonly _tag: 'Pausing'; readonly before: 'Asking' | 'Reading'; readonly failures: number };

export interface ChannelState {
  readonly scope: 'none' | 'pod' | 'cluster';
  readonly phase: Phase;
  readonly subscribed: boolean;
  /** Messages may have been pushed and not received since the last read. */
  readonly mayHaveMissed: boolean;
  /** Since when pushes are awaited. */
  readonly awaitingSince: number | undefined;
  /** When the log was read last. */
  readonly readAt: number;
}

export interface ChannelTimes {
  /**
   * `BROKER_TIMEOUT_MS`: how long the read of a poll may take, and how long pushes of trimmed messages are
   * awaited. All other questions to the log may take twice this time (`LONG` in `log-questions.ts`).
   */
  readonly timeoutMs: number;
  /** A quiet room's log is read this often. In between it is only asked for its position. */
  readonly readEveryMs: number;
}

/**
 * Messages on their way are awaited for this long, as an answer may overtake a push. Then the log is read.
 */
const COMING_MS = 250;

export const LIVE: Phase = { _tag: 'Live' };
const FIRST_ASK: Phase = { _tag: 'Asking', failures: 0 };
export const NONE: readonly Effect[] = [];
/** The usual effects are objects that are made once, as each message of another pod needs them. */
const ASK: readonly Effect[] = [{ _tag: 'Ask' }];
const CONCLUDE: readonly Effect[] = [{ _tag: 'Conclude' }];
export const CONCLUDED: readonly Effect[] = [
  { _tag: 'Synced', yes: true },
  { _tag: 'AskIfInDoubt' },
];
export const DELIVER_CONFIRMED: readonly Effect[] = [{ _tag: 'DeliverConfirmed' }];

export type Step = readonly [ChannelState, readonly Effect[]];
export type Of<T extends Input['_tag']> = Extract<Input, { readonly _tag: T }>;

/** Before the channel is subscribed. */
export const START: ChannelState = {
  scope: 'none',
  phase: LIVE,
  subscribed: false,
  mayHaveMissed: false,
  awaitingSince: undefined,
  readAt: 0,
};

/** The log is read or will be read. Until then received messages wait. */
export const isCatchingUp = ({ phase }: ChannelState): boolean =>
  phase._tag === 'Reading' ||
  phase._tag === 'Renewing' ||
  (phase._tag === 'Pausing' && phase.before === 'Reading');

/**
 * The log has messages that were not received. Whether the channel waits for their pushes before it delivers
 * them from the page that it has read: yes when no push can have been missed, for `COMING_MS` at most.
 */
export const isAwaitingFirst = (
  { mayHaveMissed, awaitingSince }: ChannelState,
  now: number,
): boolean => !mayHaveMissed && (awaitingSince === undefined || now < awaitingSince + COMING_MS);

/** The question to the log has failed, and will be asked again later. */
export const isUnanswered = ({ phase }: ChannelState): boolean =>
  phase._tag === 'Pausing' && phase.before === 'Asking';

/** The log can be asked at once about a message in doubt: no question is open, except perhaps a poll. */
export const isFree = ({ phase }: ChannelState): boolean =>
  phase._tag === 'Live' || phase._tag === 'Checking';

/** Written out, as an object spread costs more. */
const withPhase = (
  { scope, subscribed, mayHaveMissed, awaitingSince, readAt }: ChannelState,
  phase: Phase,
): ChannelState => ({ scope, phase, subscribed, mayHaveMissed, awaitingSince, readAt });

export const ask = (state: ChannelState, failures: number, first = NONE): Step => [
  withPhase(state, failures === 0 ? FIRST_ASK : { _tag: 'Asking', failures }),
  first.length === 0 ? ASK : [...first, ...ASK],
];

export const read = (
  state: ChannelState,
  now: number,
  failures = 0,
  ...first: readonly Effect[]
): Step => [
  { ...state, phase: { _tag: 'Reading', failures }, readAt: now },
  [...first, { _tag: 'ReadPage', isFirst: state.scope !== 'cluster' }],
];

export const conclude = (state: ChannelState, first = NONE): Step => [
  isConcluded(state) ? state : concluded(state),
  first.length === 0 ? CONCLUDE : [...first, ...CONCLUDE],
];

const isConcluded = ({ phase, mayHaveMissed, awaitingSince }: ChannelState): boolean =>
  phase === LIVE && !mayHaveMissed && awaitingSince === undefined;

const concluded = ({ scope, subscribed, readAt }: ChannelState): ChannelState => ({
  scope,
  phase: LIVE,
  subscribed,
  mayHaveMissed: false,
  awaitingSince: undefined,
  readAt,
});

const NO_ENTRIES: Page['entries'] = [];

/** Compares what was received with the position that the log has answered. */
export const compare = (
  state: ChannelState,
  top: LogPosition,
  ...first: readonly Effect[]
): Step => [
  withPhase(state, LIVE),
  [...first, { _tag: 'Confirm', top, entries: NO_ENTRIES }, { _tag: 'Compare', top }],
];

export const awaitPushes = (
  state: ChannelState,
  top: LogPosition,
  now: number,
  { timeoutMs }: ChannelTimes,
): Step => {
  if (state.phase._tag === 'Awaiting') return [state, NONE];
  const since = state.awaitingSince ?? now;
  const ms = since + (now < since + COMING_MS ? COMING_MS : timeoutMs) - now;
  return [
    { ...state, phase: { _tag: 'Awaiting', top }, awaitingSince: since },
    [{ _tag: 'Wait', ms }],
  ];
};

export const failed = (
  state: ChannelState,
  before: 'Asking' | 'Reading',
  ...first: readonly Effect[]
): Step => {
  const failures = 'failures' in state.phase ? state.phase.failures : 0;
  return [
    { ...state, phase: { _tag: 'Pausing', before, failures: failures + 1 } },
    [...first, { _tag: 'BackOff', failures }],
  ];
};
