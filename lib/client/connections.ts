/** How connections begin and end: pure. `status.ts` draws it. */
import { comesBack, GOING_AWAY, TOKEN_EXPIRED } from '../protocol/close-codes.js';
import { fullJitterMs } from './backoff.js';
import { frame, GLOBAL } from './frames.js';
import type { SocketNumber } from './connection.js';
import {
  type Change,
  connectionOf,
  effect,
  later,
  type Page,
  type PageEvent,
  patched,
  send,
  type State,
  wake,
} from './state.js';
import { endOf } from './token.js';

/** When a connection was live for this long, the next failure counts as the first one. */
const STABLE_MS = 10_000;
/** A socket whose first frame does not come in this time is given up. */
export const FIRST_FRAME_MS = 15_000;
/**
 * When nothing came for this long, the client sends a ping. The server then has `SERVER_ANSWER_MS` to answer.
 */
export const SILENT_MS = 25_000;
export const SERVER_ANSWER_MS = 10_000;
/**
 * When a connection was live for this long and ends with 1001, its server has drained. Such a server spreads
 * its closes, so the client needs no wait.
 */
const DRAINED_MS = 1_000;
const REFRESH_BEFORE_MS = 30_000;
/** A refresh that failed is tried again after one to two times this time. */
const REFRESH_AGAIN_MS = 4_000;

/**
 * Whether the failures before this connection no longer count. Its own end is then the first failure, also
 * when its server has drained. After a drain the next try comes at once. When this try fails, that is the
 * second failure: the bound of the wait is 500 ms.
 */
export const isStable = (code: number, liveMs: number): boolean =>
  liveMs >= (code === GOING_AWAY ? DRAINED_MS : STABLE_MS);

/** A socket has ended. The close table says whether the client reconnects (docs/protocol.md, section 7). */
export const ended =
  (socket: SocketNumber | undefined, code: number, because: string, retryInMs?: number): Change =>
  (state) => {
    const { connections, nowMs } = state;
    const connection = connectionOf(state, socket);
    if (!connection) return state;
    const stable = isStable(code, nowMs - connection.liveAt);
    const failures = stable ? 0 : state.failures;
    const wasRefused = !stable && !!state.isTokenRefused;
    const isRefused = code === TOKEN_EXPIRED;
    if (!comesBack(code) || (isRefused && wasRefused)) return closed(code, because)(state);
    return {
      ...state,
      connections: connections.filter((one) => one !== connection),
      isTokenRefused: isRefused || wasRefused,
      failures: failures + 1,
      retryAt:
        nowMs +
        (retryInMs ??
          (isRefused || (stable && code === GOING_AWAY)
            ? 0
            : fullJitterMs(failures, state.chance))),
      because,
    };
  };

export const closed =
  (code: number, because: string): Change =>
  (state) => ({ ...state, connections: [], final: { code, because } });

const IN: Page = { out: undefined };
const FROZEN: Page = { out: 'frozen' };
/** What each event of a page changes. */
export const PAGE: Readonly<Record<PageEvent, Page>> = {
  online: IN,
  offline: { out: 'offline' },
  visible: { isHidden: false },
  hidden: { isHidden: true },
  freeze: FROZEN,
  pagehide: FROZEN,
  resume: IN,
  pageshow: IN,
};

/** A page that comes back tries at once. */
export const onPage =
  (event: PageEvent): Change =>
  (state) => {
    const page = { ...state.pageState, ...PAGE[event] };
    const connections = page.out ? [] : state.connections;
    return { ...state, pageState: page, connections, retryAt: connections[0] ? state.retryAt : 0 };
  };

/** Rule: opens a socket when one is needed, the second one of a handover too. */
export const dial: Change = (state) => {
  const { connections, pageState: page, retryAt, nowMs, uses, counter, tokens } = state;
  const [first, second] = connections;
  const isDue = first ? first.isDraining && !second : uses && !page.out && !page.isHidden;
  if (!isDue) return state;
  if (nowMs < retryAt) return wake(state, retryAt);
  return {
    ...state,
    counter: counter + 1,
    // the old connection of a handover still sends
    tokens: first ? tokens : Infinity,
    connections: [
      ...connections,
      {
        socket: counter,
        silentAt: Infinity,
        liveAt: Infinity,
        rooms: new Map(),
      },
    ],
  };
};

/** Rule: a connection that was silent for too long is sent a ping, and is given up when it stays silent. */
export const watch: Change = (state) =>
  state.connections.reduce((at, { socket, silentAt, session, isPinged }) => {
    if (at.nowMs < silentAt) return wake(at, silentAt);
    if (!session || isPinged) return ended(socket, 1006, 'no sign of life')(at);
    const next = at.nowMs + SERVER_ANSWER_MS;
    return wake(
      send(patched(at, socket, { isPinged: true, silentAt: next }), socket, frame('ping')),
      next,
    );
  }, state);

/** Rule: asks for a token before each connection, and before the token in use ends. */
export const ask: Change = (state) => {
  const { connections, refreshAt, nowMs } = state;
  const isAsking =
    connections.some(({ hasToken }) => !hasToken || nowMs >= refreshAt) && connections.length;
  return wake({ ...state, isAsking }, connections[0] && !isAsking ? refreshAt : Infinity);
};

/** A token for the connections that wait for one, or in place of the one in use. */
export const onToken =
  (token: string): Change =>
  (state) => {
    const { connections, nowMs, refreshAt, rooms } = state;
    const left = endOf(token) - nowMs;
    return connections.reduce<State>(
      (at, { socket, hasToken, session }) =>
        hasToken
          ? session && nowMs >= refreshAt
            ? send(at, socket, frame('refresh', { data: { token } }))
            : at
          : effect(patched(at, socket, { hasToken: true, silentAt: nowMs + FIRST_FRAME_MS }), {
              _tag: 'Connect',
              what: { socket, token, lastId: rooms.get(GLOBAL)?.lastId },
            }),
      {
        ...state,
        // a token of less than a minute is replaced after half of its time. With a token that has ended, or
        // names no end, the client waits for the server: for a close, or for `token_expiring`
        refreshAt:
          left > 0 ? nowMs + Math.max(left - REFRESH_BEFORE_MS, left / 2, 1_000) : Infinity,
      },
    );
  };

/**
 * No token came. A connection that waits for one ends, so the status names the cause and the backoff counts.
 * The connection with a token goes on, and asks again while its token is good.
 */
export const onNoToken =
  (because: string): Change =>
  (state) =>
    ended(
      state.connections.find(({ hasToken }) => !hasToken)?.socket,
      1006,
      `token: ${because}`,
    )({ ...state, refreshAt: Math.max(state.refreshAt, later(state, REFRESH_AGAIN_MS)) });

/**
 * Rule: the old connection of a handover is closed when the second one has a final answer to each join, and
 * no ack is due on the old one.
 */
export const handover: Change = (state) => {
  const [first, second] = state.connections;
  return !second?.session ||
    state.outbox.some(({ sentOn }) => sentOn === first?.socket) ||
    [...state.rooms.keys()].some((name) => {
      const on = second.rooms.get(name);
      return on?._tag !== 'Joined' && on?.again !== Infinity;
    })
    ? state
    : { ...state, connections: [second] };
};
