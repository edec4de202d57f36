/** A frame of the server: who of the tabs gets it, and what it changes. Pure. */
import {
  type ConnectionPresence,
  type ErrorData,
  GLOBAL,
  has,
  type Message,
  readFrame,
} from '../frames.js';
import type { SystemEvent } from '../../protocol/system-event.js';
import { onGap, onJoined, onMessage } from './feed.js';
import {
  feedOf,
  type LeaderChange,
  type LeaderState,
  type Upstream,
  upstreamOf,
  withFeed,
  withUpstream,
} from './leader-state.js';
import { without } from './tend.js';
import { alive } from './upstream.js';
import { deliver } from './to-tabs.js';

/** How many of its connections' ids a leader knows. */
const MAX_OWN_IDS = 8;
/** When a join was refused for now, without `retry_in_ms`: it is sent again after one to two times this. */
const AGAIN_MS = 1_000;

/** A token is replaced one to two times this after the server has said that it ends. */
const REFRESH_MS = 10_000;

export const fromServer =
  (number: number, text: string): LeaderChange =>
  (before) => {
    const state = alive(before, number);
    const upstream = upstreamOf(state, number);
    const message = readFrame(text);
    if (!upstream || !message) return state;
    const { type, data, room = GLOBAL } = message;
    switch (type) {
      case 'pong':
        return state;
      case 'error':
        return has<ErrorData>(data, 'code') ? refused(state, upstream, message, data) : state;
      case 'presence':
        return has<ConnectionPresence['data']>(data, 'connection_id') &&
          state.ownIds.includes(data.connection_id)
          ? state
          : deliver(state, feedOf(state, number, room).members, text);
      case 'system':
        return has<SystemEvent>(data, 'event')
          ? controlled(state, upstream, message, data, text)
          : onMessage(state, number, room, message, text);
      default:
        return onMessage(state, number, room, message, text);
    }
  };

const all = ({ sockets }: LeaderState, number: number): readonly string[] =>
  [...sockets].flatMap(([id, { upstream }]) => (upstream === number ? [id] : []));

const controlled = (
  state: LeaderState,
  upstream: Upstream,
  message: Message,
  event: SystemEvent,
  text: string,
): LeaderState => {
  const { number } = upstream;
  const name = ('room' in event && event.room) || GLOBAL;
  const { members, joiners, asked } = feedOf(state, number, name);
  switch (event.event) {
    case 'welcome':
      return deliver(
        withUpstream(
          {
            ...state,
            retryAt: 0,
            ownIds: [...state.ownIds, event.connection_id].slice(-MAX_OWN_IDS),
          },
          number,
          { welcome: text, liveAt: state.nowMs, rate: event.limits.rate, tokensAt: state.nowMs },
        ),
        all(state, number),
        text,
      );
    case 'degraded':
    case 'restored':
      return deliver(withUpstream(state, number, { notice: text }), all(state, number), text);
    case 'draining':
      return deliver(withUpstream(state, number, { isDraining: true }), all(state, number), text);
    case 'token_expiring':
      // it comes at once for a token with less than 30 s, and again after the refresh with such a token
      return { ...state, isRefresh: true, askAt: state.nowMs + REFRESH_MS * (1 + state.chance) };
    case 'ack':
      return answered(state, upstream, event.ref, text);
    case 'gap':
      return onGap(state, number, name, event.reason, text);
    case 'joined':
      return asked && asked.ref === event.ref
        ? onJoined(state, number, name, message, ({ ref }, id, recovered = event.recovered) =>
            JSON.stringify({ ...message, id, data: { ...event, ref, recovered } }),
          )
        : deliver(state, members, text);
    case 'left': {
      if (event.reason === 'asked')
        return withFeed(without(state, number, name), number, name, { joiners });
      const sockets = [...joiners, ...(asked?.joiners ?? [])].map(({ socket }) => socket);
      return without(deliver(state, [...members, ...sockets], text), number, name);
    }
    default:
      // an event of the application
      return onMessage(state, number, message.room ?? GLOBAL, message, text);
  }
};

/** The answer to a message of a tab. */
const answered = (
  state: LeaderState,
  { number, refs, unanswered }: Upstream,
  ref: string | undefined,
  text: string,
): LeaderState => {
  if (ref === undefined) return state;
  const socket = refs.get(ref);
  const next = withUpstream(state, number, {
    refs: new Map([...refs].filter(([of]) => of !== ref)),
    unanswered: new Map([...unanswered].filter(([of]) => of !== ref)),
  });
  return socket === undefined ? next : deliver(next, [socket], text);
};

const refused = (
  state: LeaderState,
  upstream: Upstream,
  message: Message,
  error: ErrorData,
): LeaderState => {
  const { ref, code, retry_in_ms: ms = AGAIN_MS } = error;
  const { number, feeds } = upstream;
  const feed = [...feeds.values()].find(({ asked }) => asked?.ref === ref);
  if (ref === undefined || !feed?.asked)
    return answered(state, upstream, ref, JSON.stringify(message));
  const { name, asked, joiners, isIn } = feed;
  // the connection is in the room: only the replay, or the count, has to wait
  if (isIn && (code === 'rate_limited' || code === 'unavailable'))
    return withFeed(state, number, name, {
      asked: undefined,
      joiners: [...asked.joiners, ...joiners],
      askAt: state.nowMs + ms * (1 + state.chance),
    });
  return asked.joiners.reduce(
    (at, joiner) =>
      deliver(
        at,
        [joiner.socket],
        JSON.stringify({ ...message, data: { ...error, ref: joiner.ref } }),
      ),
    withFeed(state, number, name, { asked: undefined }),
  );
};
