/** The connections of a leader to the server: how they begin and end, and what is sent on them. Pure. */
import { comesBack, GOING_AWAY, TOKEN_EXPIRED } from '../../protocol/close-codes.js';
import { fullJitterMs } from '../backoff.js';
import { FIRST_FRAME_MS, isStable, SERVER_ANSWER_MS, SILENT_MS } from '../connections.js';
import { frame, GLOBAL } from '../frames.js';
import { CHARACTERS, PART } from '../pace.js';
import {
  effect,
  feedOf,
  type Joiner,
  type LeaderChange,
  type LeaderState,
  newFeed,
  type Upstream,
  upstreamOf,
  wake,
  withUpstream,
} from './leader-state.js';
import { deliver, endSockets } from './to-tabs.js';

/** The connection that new sockets of tabs use: opened when there is none, or the last one drains. */
export const current = (
  state: LeaderState,
  opener: Joiner,
): readonly [LeaderState, number, isNew: boolean] => {
  const last = state.upstreams.at(-1);
  if (last && !last.isDraining) return [state, last.number, false];
  const number = state.counter;
  const upstream: Upstream = {
    number,
    liveAt: Infinity,
    silentAt: Infinity,
    // every connection is in the global log: the handshake joins it
    feeds: new Map([
      [
        GLOBAL,
        {
          ...newFeed(GLOBAL),
          isIn: true,
          asked: { _tag: 'First', ref: undefined, joiners: [opener], prefix: [] },
        },
      ],
    ]),
    queue: [],
    rate: 1,
    tokens: Infinity,
    tokensAt: 0,
    refs: new Map(),
    unanswered: new Map(),
  };
  const upstreams = [...state.upstreams, upstream];
  return [
    // after a failed request the next one waits, whoever opens a connection
    {
      ...state,
      counter: number + 1,
      upstreams,
      askAt: state.refusals > 0 && state.askAt < Infinity ? state.askAt : 0,
    },
    number,
    true,
  ];
};

/** Rule: asks for a token when a connection or the server wants one. */
export const ask: LeaderChange = (state) => {
  const { askAt, nowMs, isAsking, upstreams } = state;
  const isDue = !isAsking && (state.isRefresh || upstreams.some(({ hasToken }) => !hasToken));
  if (!isDue) return state;
  return nowMs < askAt
    ? wake(state, askAt)
    : effect({ ...state, isAsking: true }, { _tag: 'AskToken' });
};

export const onToken =
  (token: string): LeaderChange =>
  (state) =>
    state.upstreams.reduce<LeaderState>(
      (at, { number, hasToken, welcome }) => {
        if (hasToken)
          return state.isRefresh && welcome !== undefined
            ? effect(at, {
                _tag: 'Upstream',
                upstream: number,
                text: frame('refresh', { data: { token } }),
              })
            : at;
        const lastId = feedOf(at, number, GLOBAL).asked?.joiners[0]?.lastId;
        const ids = [...at.sockets].flatMap(([id, one]) => (one.upstream === number ? [id] : []));
        // the request for a token has taken its time: a sign of life lets the tabs wait for the connection
        return effect(
          deliver(
            withUpstream(at, number, { hasToken: true, silentAt: at.nowMs + FIRST_FRAME_MS }),
            ids,
            frame('pong', { id: '' }),
          ),
          { _tag: 'Connect', upstream: number, token, lastId },
        );
      },
      { ...state, isAsking: false, isRefresh: false, refusals: 0, askAt: Infinity },
    );

/**
 * After so many failed requests for a token in a row, and without a connection, another tab leads: perhaps
 * its `token` function works.
 */
const MAX_REFUSALS = 3;

/**
 * A request for a token has failed. The connections that wait for a token end, and another request is made.
 * The connection with a token goes on.
 */
export const tokenFailed =
  (because: string): LeaderChange =>
  (state) => {
    const refusals = state.refusals + 1;
    const wait = fullJitterMs(state.refusals, state.chance);
    const next = state.upstreams
      .filter(({ hasToken }) => !hasToken)
      .reduce<LeaderState>((at, { number }) => ended(number, 1006, `token: ${because}`, wait)(at), {
        ...state,
        isAsking: false,
        refusals,
        askAt: state.nowMs + wait,
      });
    return refusals < MAX_REFUSALS || next.upstreams.length > 0
      ? next
      : effect(next, { _tag: 'Resign', refusals });
  };

/** A connection has ended: the sockets of tabs on it end with its code, and come back at the same time. */
export const ended =
  (number: number, code: number, reason: string, retryInMs?: number): LeaderChange =>
  (state) => {
    const upstream = upstreamOf(state, number);
    if (!upstream) return state;
    const stable = isStable(code, state.nowMs - upstream.liveAt);
    const failures = stable ? 0 : state.failures;
    const isAtOnce = code === TOKEN_EXPIRED || (stable && code === GOING_AWAY);
    // a tab that was opened during a wait has tried at once: now it waits with the others
    const left = stable ? 0 : state.retryAt - state.nowMs;
    const next = left > 0 ? left : fullJitterMs(failures, state.chance);
    const wait = retryInMs ?? (isAtOnce ? undefined : next);
    // after a final code no client comes back: it ends the sockets of all tabs, also of those on the other
    // connection of a handover
    const ids = [...state.sockets].flatMap(([id, one]) =>
      one.upstream === number || !comesBack(code) ? [id] : [],
    );
    return endSockets(
      {
        ...state,
        upstreams: state.upstreams.filter((one) => one !== upstream),
        failures: left > 0 ? failures : failures + 1,
        retryAt: state.nowMs + (wait ?? 0),
      },
      ids,
      code,
      reason,
      comesBack(code) ? wait : undefined,
    );
  };

/** Rule: a connection that no socket of a tab is on is closed. */
export const hangUp: LeaderChange = (state) => {
  const used = new Set([...state.sockets.values()].map(({ upstream }) => upstream));
  const unused = state.upstreams.filter(({ number }) => !used.has(number));
  if (unused.length === 0) return state;
  return effect(
    { ...state, upstreams: state.upstreams.filter((one) => !unused.includes(one)) },
    ...unused.map(({ number }) => ({ _tag: 'Disconnect', upstream: number }) as const),
  );
};

/** Rule: a connection that was silent for too long is asked for a sign of life, then given up. */
export const watch: LeaderChange = (state) =>
  state.upstreams.reduce((at, { number, silentAt, welcome, isPinged }) => {
    if (at.nowMs < silentAt) return wake(at, silentAt);
    if (welcome === undefined || isPinged)
      return effect(ended(number, 1006, 'no sign of life')(at), {
        _tag: 'Disconnect',
        upstream: number,
      });
    const next = at.nowMs + SERVER_ANSWER_MS;
    return wake(
      effect(withUpstream(at, number, { isPinged: true, silentAt: next }), {
        _tag: 'Upstream',
        upstream: number,
        text: frame('ping'),
      }),
      next,
    );
  }, state);

/** Something came: the server is there. */
export const alive = (state: LeaderState, number: number): LeaderState =>
  withUpstream(state, number, { silentAt: state.nowMs + SILENT_MS, isPinged: false });

/** When so many frames wait, a tab that sends one more message loses its socket (1013). */
const MAX_QUEUE = 4_096;

/** Whether no more frames may wait. */
export const isFull = ({ queue }: Upstream): boolean => queue.length >= MAX_QUEUE;

/** A frame waits for the server. `ref`: the id of a message, which the server answers. */
export const queued = (
  state: LeaderState,
  number: number,
  text: string,
  ref?: string,
): LeaderState => {
  const { queue = [] } = upstreamOf(state, number) ?? {};
  return withUpstream(state, number, { queue: [...queue, { text, ref }] });
};

/** A message that has no answer after this time does not hold others back any more. */
const UNANSWERED_MS = 60_000;

/**
 * Rule: sends what waits, below the server's rate limit. A pod that has stood still reads at once all that
 * was sent. So at most one second of messages, of all tabs together, is without an answer: the next ones
 * wait.
 */
export const flush: LeaderChange = (state) =>
  state.upstreams.reduce((at, { number, queue, rate, welcome, ...upstream }) => {
    if (welcome === undefined || queue.length === 0) return at;
    const { nowMs } = at;
    const perMs = (rate * PART) / 1_000;
    const waiting = [...upstream.unanswered].filter(([, since]) => since + UNANSWERED_MS > nowMs);
    const unanswered = new Map(waiting);
    let tokens = Math.min(rate, upstream.tokens + (nowMs - upstream.tokensAt) * perMs);
    let sent = 0;
    for (const { text, ref } of queue) {
      if (tokens < 1 || unanswered.size >= rate) break;
      if (ref !== undefined) unanswered.set(ref, nowMs);
      tokens -= 1 + text.length / CHARACTERS;
      sent++;
    }
    const next = effect(
      withUpstream(at, number, { queue: queue.slice(sent), unanswered, tokens, tokensAt: nowMs }),
      ...queue
        .slice(0, sent)
        .map(({ text }) => ({ _tag: 'Upstream', upstream: number, text }) as const),
    );
    if (sent === queue.length) return next;
    const [oldest = nowMs] = unanswered.values();
    return wake(
      next,
      tokens < 1 ? nowMs + Math.ceil((1 - tokens) / perMs) : oldest + UNANSWERED_MS,
    );
  }, state);
