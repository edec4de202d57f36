/**
 * A tab among those that share a socket, as explicit data and a pure step.
 *
 *            a socket is wanted        its own lock is held           "Lead"
 *     Out ────────────────────▶ Entering ──────────────▶ Looking ───────────────▶ Following
 *      ▲                                                  │  ▲                       │
 *      │                                 the leader's     │  │ the lock was stolen,  │ the leader's
 *      │                                 lock is held     ▼  │ or this tab has slept │ lock is held
 *      └── frozen, in the cache, closed ── each          Leading ◀───────────────────┘
 *
 * A leader that gets no token goes back to Looking, too, so that another tab leads.
 *
 * Looking and Following: when the leader does not answer in time, the tab steals the lock. A tab that has
 * slept itself asks once more before that.
 *
 * In the state, the `phase` of Looking, Following and Leading is `In`.
 *
 * Two kinds of locks: one for the leader, which all tabs wait for; one for each tab, by which the leader
 * knows that a tab has gone. A leader that holds its lock and answers nothing for 5 s is frozen: the lock is
 * stolen. When the leader changes, the tab's sockets end with 1001, and its client comes back and resumes, as
 * after a drain.
 */
import { comesBack, TOKEN_EXPIRED } from '../../protocol/close-codes.js';
import type { ToLeader, ToTab } from './messages.js';
import type { OpenSocket, TabChange, TabEffect, TabState } from './tab-state.js';

/** Nothing came from the leader for so long: it is asked for a sign of life. */
const SILENT_MS = 10_000;
/** The leader answers in this time, or its lock is stolen. */
const ANSWER_MS = 5_000;
/** When a timer is later than this, the tab has slept: what was due is judged anew. */
const LATE_MS = 2_000;
/** When a message is older than this as it comes to the leader, the leader was frozen: it resigns. */
export const STALE_MS = 10_000;
/** In this time all tabs get the close code with which the server has closed their clients. */
const LAST_CODE_MS = 1_000;
/** After so many frames the leader hears that they have come. */
const ACK_EVERY = 64;

const effect = (state: TabState, ...effects: readonly TabEffect[]): TabState => ({
  ...state,
  effects: [...state.effects, ...effects],
});

const toLeader = (state: TabState, message: ToLeader): TabState =>
  state.leader === undefined
    ? state
    : effect(state, { _tag: 'ToLeader', leader: state.leader, message });

/** An answer is due. The time differs from tab to tab, so that one tab steals before the others. */
const due = (state: TabState): TabState => {
  const dueAt = state.nowMs + ANSWER_MS * (1 + state.chance / 5);
  return { ...state, dueAt, wakeAt: dueAt, isLate: false };
};

/** The client opens a socket. */
export const openSocket =
  (socket: string, lastId: string | undefined): TabChange =>
  (state) => {
    const sockets = new Map(state.sockets).set(socket, { lastId, isOpen: false });
    const next = { ...state, sockets, isEnded: false };
    return state.phase === 'Out' ? effect({ ...next, phase: 'Entering' }, { _tag: 'Enter' }) : next;
  };

export const sendText =
  (socket: string, text: string): TabChange =>
  (state) =>
    state.sockets.get(socket)?.isOpen ? toLeader(state, { _tag: 'Send', socket, text }) : state;

export const closeSocket =
  (socket: string): TabChange =>
  (state) => {
    const known = state.sockets.get(socket);
    const sockets = new Map([...state.sockets].filter(([id]) => id !== socket));
    const next = { ...state, sockets };
    return known?.isOpen ? toLeader(next, { _tag: 'Close', socket }) : next;
  };

/** The tab's own lock is held. */
export const entered: TabChange = (state) =>
  state.phase === 'Entering' ? due(effect({ ...state, phase: 'In' }, { _tag: 'Who' })) : state;

/** The page is frozen or in the back/forward cache. */
export const exited: TabChange = (state) => out(state, 0);

/**
 * The client is closed. When the server has closed it, the leader's lock is kept for a second, in which the
 * other tabs get the close code. Otherwise one of them would lead and connect again.
 */
export const left: TabChange = (state) => out(state, state.isEnded ? LAST_CODE_MS : 0);

const out = (state: TabState, keepMs: number): TabState =>
  state.phase === 'Out'
    ? state
    : effect(
        { ...unled(state, () => true), phase: 'Out', dueAt: Infinity },
        { _tag: 'Exit', keepMs },
      );

/**
 * The tab has no leader any more: the sockets that `isOf` selects end. The client comes back at once, as
 * the server has not failed.
 */
const unled = (state: TabState, isOf = ({ isOpen }: OpenSocket): boolean => isOpen): TabState => {
  const ids = [...state.sockets].filter(([, socket]) => isOf(socket)).map(([id]) => id);
  return ids.reduce<TabState>(
    (at, socket) => endedSocket(at, socket, 1001, 'the leading tab has changed', 0),
    {
      ...state,
      leader: undefined,
      isReady: false,
      got: 0,
    },
  );
};

const endedSocket = (
  state: TabState,
  socket: string,
  code: number,
  reason: string,
  retryInMs?: number,
): TabState =>
  effect(
    { ...state, sockets: new Map([...state.sockets].filter(([id]) => id !== socket)) },
    { _tag: 'Ended', socket, code, reason, retryInMs },
  );

/** A leader has said that it leads. */
export const announced =
  (leader: string, since: number): TabChange =>
  (state) => {
    if (state.phase !== 'In' || state.leader === leader) return state;
    // a leader that was frozen announces itself, and does not know yet that a later one was elected: it is
    // ignored. With an equal `since` the new leader is followed: the one before it has resigned
    if (state.leader !== undefined && since < state.since) return state;
    if (isLeading(state)) return state;
    const next = { ...unled(state), leader, since };
    return due(effect(next, { _tag: 'Follow', leader }, { _tag: 'Who' }));
  };

const isLeading = ({ leader, tab }: TabState): boolean => leader?.startsWith(`${tab} `) ?? false;

/** The leader's lock is held. */
export const elected: TabChange = (state) => {
  if (state.phase === 'Out') return state;
  const { tab } = state;
  // the clock may have been set back since the leader before was elected
  const since = Math.max(state.nowMs, state.since + 1);
  const leader = `${tab} ${since}`;
  const next = { ...unled(state), leader, since, isReady: true, dueAt: Infinity };
  return effect(next, { _tag: 'Lead', leader, since });
};

/** The lock was stolen, or this tab was frozen while it led, or it gets no token. */
export const deposed: TabChange = (state) =>
  isLeading(state) ? due(effect(unled(state), { _tag: 'Resign' }, { _tag: 'Who' })) : state;

/** A message of the leader that this tab follows, or of this tab itself as a leader. */
export const fromLeader =
  (leader: string, message: ToTab): TabChange =>
  (before) => {
    if (leader !== before.leader) return before;
    const state = { ...before, receivedAt: before.nowMs, dueAt: Infinity };
    switch (message._tag) {
      case 'Ready':
        return { ...state, isReady: true };
      case 'Pong':
        return state;
      case 'Frame': {
        const { sockets, text } = message;
        const got = state.got + 1;
        return effect(
          got < ACK_EVERY
            ? { ...state, got }
            : toLeader({ ...state, got: 0 }, { _tag: 'Got', frames: got }),
          ...sockets
            .filter((socket) => state.sockets.has(socket))
            .map((socket) => ({ _tag: 'Text', socket, text }) as const),
        );
      }
      case 'End': {
        const { sockets, code, reason, retryInMs } = message;
        return sockets
          .filter((socket) => state.sockets.has(socket))
          .reduce<TabState>((at, socket) => endedSocket(at, socket, code, reason, retryInMs), {
            ...state,
            // a second 4001 closes a client
            isEnded: !comesBack(code) || code === TOKEN_EXPIRED,
          });
      }
    }
  };

/** Rule: a leader that listens is told of all sockets. */
const open: TabChange = (state) =>
  state.phase === 'In' && state.isReady
    ? [...state.sockets]
        .filter(([, { isOpen }]) => !isOpen)
        .reduce(
          (at, [socket, { lastId }]) =>
            toLeader(
              { ...at, sockets: new Map(at.sockets).set(socket, { lastId, isOpen: true }) },
              { _tag: 'Open', socket, lastId },
            ),
          state,
        )
    : state;

/** Rule: a leader that does not answer is frozen, and loses its lock. */
const suspect: TabChange = (state) => {
  const { phase, sockets, dueAt, receivedAt, nowMs, isReady } = state;
  if (phase !== 'In' || isLeading(state) || sockets.size === 0) return state;
  if (dueAt < Infinity) {
    if (nowMs < dueAt) return { ...state, wakeAt: dueAt };
    // this tab has slept itself: the answer may be on its way
    return nowMs < dueAt + LATE_MS || state.isLate
      ? due(effect(state, { _tag: 'Steal' }))
      : { ...due(effect(state, { _tag: 'Who' })), isLate: true };
  }
  if (!isReady) return state;
  return nowMs < receivedAt + SILENT_MS
    ? { ...state, wakeAt: receivedAt + SILENT_MS }
    : due(toLeader(state, { _tag: 'Ping' }));
};

export const tabStep = (
  before: TabState,
  input: TabChange,
  nowMs: number,
  chance: number,
): TabState =>
  [open, suspect].reduce(
    (at, rule) => rule(at),
    input({ ...before, nowMs, chance, wakeAt: Infinity, effects: [] }),
  );
