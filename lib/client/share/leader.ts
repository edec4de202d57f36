/**
 * One step of a leader: pure. The inputs are messages of tabs, frames of the server and tokens; the rules
 * follow. The client of a tab sees its socket as a connection of its own: it gets a `welcome`, its rooms from
 * its own positions, and its acks.
 */
import { GLOBAL } from '../frames.js';
import {
  effect,
  type Feed,
  feedOf,
  type Joiner,
  type LeaderChange,
  type LeaderState,
  upstreamOf,
  withFeed,
  withUpstream,
} from './leader-state.js';
import type { ToLeader } from './messages.js';
import { fromClient } from './from-client.js';
import { tend } from './tend.js';
import { ask, current, flush, hangUp, watch } from './upstream.js';
import { deliver } from './to-tabs.js';

/** A message of a tab. */
export const fromTab =
  (tab: string, message: ToLeader): LeaderChange =>
  (state) => {
    switch (message._tag) {
      case 'Open':
        return opened(state, tab, { ...message, ref: undefined });
      case 'Close':
        return removed(state, (id) => id === message.socket);
      case 'Send':
        return fromClient(state, message.socket, message.text);
      case 'Got': {
        const flow = state.tabs.get(tab) ?? { sent: 0, got: 0 };
        const tabs = new Map(state.tabs).set(tab, { ...flow, got: flow.got + message.frames });
        return { ...state, tabs };
      }
      case 'Ping':
        return {
          ...state,
          effects: [...state.effects, { _tag: 'ToTab', tab, message: { _tag: 'Pong' } }],
        };
    }
  };

const opened = (state: LeaderState, tab: string, { socket, ref, lastId }: Joiner): LeaderState => {
  if (state.sockets.has(socket)) return state;
  const joiner: Joiner = { socket, ref, lastId };
  const [at, upstream, isNew] = current(state, joiner);
  const { welcome, notice } = upstreamOf(at, upstream) ?? {};
  const open: LeaderState = { ...at, sockets: new Map(at.sockets).set(socket, { tab, upstream }) };
  const greeted = [welcome, notice].reduce<LeaderState>(
    (then, text) => (text === undefined ? then : deliver(then, [socket], text)),
    open,
  );
  const { joiners } = feedOf(greeted, upstream, GLOBAL);
  return isNew ? greeted : withFeed(greeted, upstream, GLOBAL, { joiners: [...joiners, joiner] });
};

const removed = (
  state: LeaderState,
  isOf: (id: string, socket: { readonly tab: string }) => boolean,
): LeaderState => ({
  ...state,
  sockets: new Map([...state.sockets].filter(([id, socket]) => !isOf(id, socket))),
});

/** A tab has vanished. */
export const gone =
  (tab: string): LeaderChange =>
  (state) => ({
    ...removed(state, (_, socket) => socket.tab === tab),
    tabs: new Map([...state.tabs].filter(([id]) => id !== tab)),
  });

/** Rule: sockets of tabs that have gone are in no room, and get no answers. */
const prune =
  ({ sockets: before }: LeaderState): LeaderChange =>
  (state) => {
    const { sockets, upstreams } = state;
    if (sockets === before) return state;
    const isThere = (id: string): boolean => sockets.has(id);
    return upstreams.reduce(
      (at, { number, feeds, refs }) =>
        withUpstream(at, number, {
          feeds: new Map([...feeds].map(([name, feed]) => [name, pruned(feed, isThere)])),
          refs: new Map([...refs].filter(([, id]) => isThere(id))),
        }),
      state,
    );
  };

const pruned = (feed: Feed, isThere: (id: string) => boolean): Feed => {
  const isOfThere = ({ socket }: Joiner): boolean => isThere(socket);
  const { members, joiners, asked, ahead, statuses } = feed;
  return {
    ...feed,
    members: members.filter(isThere),
    joiners: joiners.filter(isOfThere),
    asked: asked && { ...asked, joiners: asked.joiners.filter(isOfThere) },
    ahead: new Map([...ahead].filter(([id]) => isThere(id))),
    statuses: new Map([...statuses].filter(([id]) => isThere(id))),
  };
};

/** A leader that runs this much later than it planned was frozen: by now another tab may lead. */
const FROZEN_MS = 5_000;

/**
 * A leader that was frozen while messages waited in it. Another leader may have sent these messages long ago.
 * So they are not sent, and the leader resigns: its tabs send again what has no ack.
 */
const isStale = ({ upstreams, wakeAt }: LeaderState, nowMs: number): boolean =>
  nowMs > wakeAt + FROZEN_MS && upstreams.some(({ queue }) => queue.length > 0);

const RULES: readonly LeaderChange[] = [watch, hangUp, ask, tend, flush];

export const leaderStep = (
  before: LeaderState,
  input: LeaderChange,
  nowMs: number,
  chance: number,
): LeaderState => {
  const begun: LeaderState = { ...before, nowMs, chance, wakeAt: Infinity, effects: [] };
  if (isStale(before, nowMs)) return effect(begun, { _tag: 'Resign', refusals: before.refusals });
  const state = input(begun);
  return [prune(before), ...RULES].reduce((at, rule) => rule(at), state);
};
