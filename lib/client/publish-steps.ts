/** Publishes from the call to the answer, as far as the whole client matters: pure. */
import * as phases from './phase.js';
import type * as link from './link.js';
import { GLOBAL } from './frames.js';
import * as outbox from './outbox.js';
import * as pace from './pace.js';
import * as room from './room-state.js';
import { type ClientState, type Effect, type Input, NONE, type Step } from './state.js';

export const published = (
  state: ClientState,
  { ref, room: name, text, timeoutMs }: Extract<Input, { readonly _tag: 'Publish' }>,
  now: number,
): Step => {
  const { phase } = state.link;
  if (phase._tag === 'Closed') {
    const [, settled] = outbox.closed([entryOf(ref, name, '', now)], phase.because);
    return [state, settles(settled)];
  }
  const entry = entryOf(ref, name, text, now + timeoutMs);
  const all = outbox.added(state.outbox, entry);
  if (all === undefined) return [state, settles([{ ref, result: outbox.QUEUE_FULL }])];
  return [{ ...state, outbox: all }, timeoutTimer(all, now)];
};

const entryOf = (ref: string, name: string, text: string, until: number): outbox.Entry => ({
  ref,
  room: name,
  text,
  until,
  sentOn: undefined,
});

const timeoutTimer = (entries: outbox.Outbox, now: number): readonly Effect[] => {
  const next = outbox.nextTimeout(entries);
  return [
    {
      _tag: 'Timer',
      timer: 'timeout',
      ms: next === undefined ? undefined : Math.max(0, next - now),
    },
  ];
};

export const settled = (
  state: ClientState,
  [rest, results]: readonly [outbox.Outbox, readonly outbox.Settled[]],
  now: number,
): Step =>
  results.length === 0
    ? [state, NONE]
    : [{ ...state, outbox: rest }, [...settles(results), ...timeoutTimer(rest, now)]];

export const settles = (settled: readonly outbox.Settled[]): readonly Effect[] =>
  settled.map((one) => ({ _tag: 'Settle', settled: one }));

/** Sends what waits, as far as rooms and pace allow. */
export const send = (before: ClientState, { now }: link.Moment): Step => {
  const { phase } = before.link;
  if (!phases.isLive(phase) || before.outbox.length === 0) return [before, NONE];
  let state = before;
  const effects: Effect[] = [];
  const sockets = phases.socketsOf(phase);
  const isReadyOn = (socket: room.SocketNumber) => (name: string) => {
    const one = state.rooms.get(name);
    return one === undefined ? name === GLOBAL : room.isJoinedOn(one, socket);
  };
  // the second socket of a handover first: what is sent on the first one delays its end
  for (const socket of [...sockets].reverse()) {
    for (const entry of outbox.sendable(
      state.outbox,
      socket,
      isReadyOn(socket),
      state.outbox.length,
    )) {
      const [after, isAllowed] = pace.take(state.pace, now, rateOf(state));
      if (!isAllowed) return [state, [...effects, paceTimer(state, now)]];
      state = { ...state, pace: after, outbox: outbox.sent(state.outbox, [entry], socket) };
      effects.push({ _tag: 'Send', socket, text: entry.text });
    }
  }
  return [state, effects];
};

export const rateOf = ({ link: { phase } }: ClientState): number =>
  phases.isLive(phase) ? phase.session.rate : pace.DEFAULT_RATE;

export const paceTimer = (state: ClientState, now: number): Effect => ({
  _tag: 'Timer',
  timer: 'pace',
  ms: pace.waitMs(state.pace, now, rateOf(state)),
});
