/** What a page of the log, or a new epoch, changes in a room's channel: pure steps of `channel-state.ts`. */
import type { LogPosition } from '../../protocol/position.js';
import type { Effect } from './channel-events.js';
import {
  ask,
  awaitPushes,
  type ChannelState,
  type ChannelTimes,
  compare,
  conclude,
  LIVE,
  type Of,
  read,
  type Step,
} from './channel-phase.js';
import { isBehind } from './confirmation.js';

/** The pause after a page: without it a replay fills the outboxes of a large room. */
const PAUSE_MS = 5;

export const pageRead = (state: ChannelState, input: Of<'PageRead'>, now: number): Step => {
  const { page, position, known } = input;
  const { top, entries } = page;
  switch (state.scope) {
    case 'none':
      return conclude({ ...state, scope: 'cluster' }, [{ _tag: 'Open', top }]);
    case 'pod':
      // the first log that can be read after an outage: go on from what was received
      return compare({ ...state, scope: 'cluster' }, top, {
        _tag: 'GapBefore',
        reason: 'broker_outage',
        head: undefined,
        top,
        isComplete: false,
      });
    case 'cluster':
      if (position.tag !== top.tag) return changeEpoch(state, top, known, now);
      if (wentBack(input)) return renew(state, top, now);
      return [
        { ...state, phase: LIVE },
        [
          { _tag: 'Confirm', top, entries },
          { _tag: 'Fill', page },
        ],
      ];
  }
};

/**
 * The log does not have the message at the channel's position any more, or one that was confirmed. It may
 * have grown past these offsets again.
 */
const wentBack = ({ page, position, furthest, isContradicted }: Of<'PageRead'>): boolean => {
  const {
    top,
    entries: [head],
  } = page;
  return (
    isContradicted ||
    isBehind(top, position) ||
    isBehind(top, furthest) ||
    (position.id !== null &&
      position.offset > 0 &&
      head?.id.offset === position.offset &&
      head.idText !== position.id)
  );
};

/** A new epoch, unless another pod was first. Messages that wait are of the lost epoch. */
const renew = (state: ChannelState, { tag }: LogPosition, now: number): Step => [
  { ...state, phase: { _tag: 'Renewing' }, readAt: now },
  [{ _tag: 'Renew', tag }],
];

/** Another epoch than the channel's. All of it is new, except what was delivered of it before (`known`). */
export const changeEpoch = (
  state: ChannelState,
  top: LogPosition,
  known: LogPosition,
  now: number,
): Step => {
  if (isBehind(top, known)) return renew(state, top, now);
  const gap: Effect = { _tag: 'Gap', reason: 'log_lost', top: known };
  // an epoch that comes back may have another history: the page shows it
  return known.offset > 0 && top.offset > known.offset
    ? read(state, now, 0, gap)
    : compare(state, top, gap);
};

export const filled = (
  state: ChannelState,
  { page, end }: Of<'Filled'>,
  now: number,
  times: ChannelTimes,
): Step => {
  if (end === 'Top' || end === 'Nothing') return conclude(state);
  if (end === 'Waiting' && !state.mayHaveMissed) return ask(state, 0);
  if (end === 'More')
    return [
      { ...state, phase: { _tag: 'Pausing', before: 'Reading', failures: 0 } },
      [{ _tag: 'Wait', ms: PAUSE_MS }],
    ];
  const { top, entries } = page;
  const { mayHaveMissed, awaitingSince = now } = state;
  // pushes may still be on their way: `awaitPushes` waits 250 ms for those of the page's messages, and
  // `timeoutMs` for those of trimmed messages
  if (end === 'Coming' && !mayHaveMissed && now < awaitingSince + times.timeoutMs)
    return awaitPushes(state, top, now, times);
  return [
    state,
    [
      { _tag: 'GapBefore', reason: 'expired', head: entries[0], top, isComplete: !mayHaveMissed },
      { _tag: 'Fill', page },
    ],
  ];
};
