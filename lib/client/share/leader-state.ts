/**
 * The state of a leader as data: the sockets of the tabs, the connection to the server behind them, and
 * what the leader knows of each room. As in the client's own machine an input is a function of the state,
 * and effects are performed after a step.
 *
 *   tabs' sockets ──▶ Upstream: the connection to the server (two while a pod drains)
 *                       └─ Feed: a room on it (`feed.ts`): who is in it, who joins, its latest messages
 */
import type { Position } from '../../protocol/message-id.js';
import type { Forward } from '../forward.js';
import type { ToTab } from './messages.js';

/** A socket of a tab. */
export interface TabSocket {
  readonly tab: string;
  /** The number of the connection that serves it. */
  readonly upstream: number;
}

/** A tab's socket that joins a room: the tab's own id of the join, and from where it goes on. */
export interface Joiner {
  readonly socket: string;
  readonly ref: string | undefined;
  readonly lastId: string | undefined;
}

/**
 * A join that was sent to the server.
 *
 *   First    the connection enters the room: what comes is for the joiners
 *   Count    the joiners need nothing but the answer: what they missed is among the latest messages
 *   Rewind   the server goes back to `lastId` of the one joiner; the members have had these messages
 */
export interface Asked {
  readonly _tag: 'First' | 'Count' | 'Rewind';
  readonly ref: string | undefined;
  readonly joiners: readonly Joiner[];
  /** Of a Rewind: what came before the first message that is repeated. */
  readonly prefix: readonly Prefix[];
  /** Of a Rewind: the first repeated message has come. */
  readonly isTaking?: boolean;
}

export interface Prefix {
  readonly isGap: boolean;
  readonly text: string;
}

export interface Recent {
  readonly offset: number;
  readonly outside: boolean;
  readonly text: string;
}

/** A room on one connection. */
export interface Feed {
  readonly name: string;
  /** The connection is in the room. */
  readonly isIn: boolean;
  readonly isLeaving?: boolean;
  readonly members: readonly string[];
  readonly joiners: readonly Joiner[];
  /** Members that have more than `head`, and what they have. */
  readonly ahead: ReadonlyMap<string, Position>;
  readonly asked?: Asked | undefined;
  /** The next join is not sent before this time: the server has refused the last one for now. */
  readonly askAt: number;
  /** The last position of the log that members have. */
  readonly head?: Position | undefined;
  /** The latest messages after `from`. */
  readonly recent: readonly Recent[];
  readonly from?: Position | undefined;
  /** A gap of a Rewind. The members get it too when they missed messages. */
  readonly gap?: string | undefined;
  /** The presence that tabs set, and the one that was sent. */
  readonly statuses: ReadonlyMap<string, string>;
  readonly shown?: string | undefined;
}

/** A connection to the server. */
export interface Upstream {
  readonly number: number;
  readonly hasToken?: boolean;
  /** The frame; undefined until it has come. */
  readonly welcome?: string;
  /** The last `degraded` or `restored`. */
  readonly notice?: string;
  readonly liveAt: number;
  readonly isDraining?: boolean;
  readonly silentAt: number;
  readonly isPinged?: boolean;
  readonly feeds: ReadonlyMap<string, Feed>;
  /** Frames that wait for the rate limit, or for answers. */
  readonly queue: readonly Queued[];
  readonly rate: number;
  readonly tokens: number;
  readonly tokensAt: number;
  /** By the id of each message that has no answer: the socket that has sent it. */
  readonly refs: ReadonlyMap<string, string>;
  /** By the id of each message that was sent and has no answer: when it was sent. */
  readonly unanswered: ReadonlyMap<string, number>;
}

export interface Queued {
  readonly text: string;
  /** The id of a message: the server answers it. */
  readonly ref?: string | undefined;
}

/** How many frames a tab was sent, and how many of them it has got: a frozen tab is sent no more. */
export interface Flow {
  readonly sent: number;
  readonly got: number;
}

export interface LeaderState extends Forward {
  readonly sockets: ReadonlyMap<string, TabSocket>;
  readonly tabs: ReadonlyMap<string, Flow>;
  readonly upstreams: readonly Upstream[];
  readonly failures: number;
  /** When the tabs come back after the last failure. */
  readonly retryAt: number;
  /** A token is asked for from this time on. */
  readonly askAt: number;
  readonly isAsking?: boolean;
  /** How many requests for a token have failed in a row. */
  readonly refusals: number;
  /** A token is to take the place of the one in use. */
  readonly isRefresh?: boolean;
  /** Ids of the latest connections: the server's reports of their joins and leaves are not shown. */
  readonly ownIds: readonly string[];
  readonly counter: number;
  readonly chance: number;
  readonly wakeAt: number;
  readonly effects: readonly LeaderEffect[];
}

export type LeaderEffect =
  | { readonly _tag: 'ToTab'; readonly tab: string; readonly message: ToTab }
  | { readonly _tag: 'AskToken' }
  | {
      readonly _tag: 'Connect';
      readonly upstream: number;
      readonly token: string;
      readonly lastId: string | undefined;
    }
  | { readonly _tag: 'Upstream'; readonly upstream: number; readonly text: string }
  | { readonly _tag: 'Disconnect'; readonly upstream: number }
  /** Another tab is to lead: that many requests for a token have failed in a row. */
  | { readonly _tag: 'Resign'; readonly refusals: number };

export type LeaderChange = (state: LeaderState) => LeaderState;

export const LEADER: LeaderState = {
  sockets: new Map(),
  tabs: new Map(),
  upstreams: [],
  failures: 0,
  retryAt: 0,
  askAt: Infinity,
  refusals: 0,
  ownIds: [],
  counter: 0,
  nowMs: 0,
  setBack: 0,
  chance: 0,
  wakeAt: Infinity,
  effects: [],
};

export const newFeed = (name: string): Feed => ({
  name,
  isIn: false,
  members: [],
  joiners: [],
  ahead: new Map(),
  askAt: 0,
  recent: [],
  statuses: new Map(),
});

export const effect = (state: LeaderState, ...effects: readonly LeaderEffect[]): LeaderState => ({
  ...state,
  effects: [...state.effects, ...effects],
});

export const wake = (state: LeaderState, at: number): LeaderState => ({
  ...state,
  wakeAt: Math.min(at, state.wakeAt),
});

export const upstreamOf = (state: LeaderState, number: number): Upstream | undefined =>
  state.upstreams.find((one) => one.number === number);

export const withUpstream = (
  state: LeaderState,
  number: number,
  change: Partial<Upstream>,
): LeaderState => ({
  ...state,
  upstreams: state.upstreams.map((one) => (one.number === number ? { ...one, ...change } : one)),
});

export const feedOf = (state: LeaderState, number: number, name: string): Feed =>
  upstreamOf(state, number)?.feeds.get(name) ?? newFeed(name);

export const withFeed = (
  state: LeaderState,
  number: number,
  name: string,
  change: Partial<Feed>,
): LeaderState => {
  const upstream = upstreamOf(state, number);
  if (!upstream) return state;
  const feed = { ...feedOf(state, number, name), ...change };
  return withUpstream(state, number, { feeds: new Map(upstream.feeds).set(name, feed) });
};
