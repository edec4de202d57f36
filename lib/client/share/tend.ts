/** Rule: joins rooms for tabs, leaves rooms that no tab is in, and sends the presence of tabs. Pure. */
import { frame, GLOBAL } from '../frames.js';
import { isCovered } from './feed.js';
import {
  type Asked,
  type Feed,
  feedOf,
  type LeaderChange,
  type LeaderState,
  upstreamOf,
  wake,
  withFeed,
  withUpstream,
} from './leader-state.js';
import { queued } from './upstream.js';

export const tend: LeaderChange = (state) =>
  state.upstreams.reduce(
    (at, { number, welcome, feeds }) =>
      welcome === undefined
        ? at
        : [...feeds.keys()].reduce(
            (then, name) => shown(tended(then, number, name), number, name),
            at,
          ),
    state,
  );

const tended = (state: LeaderState, number: number, name: string): LeaderState => {
  const feed = feedOf(state, number, name);
  const { asked, isLeaving, isIn, askAt, joiners, members } = feed;
  if (asked || isLeaving) return state;
  if (joiners.length === 0) {
    if (members.length > 0 || name === GLOBAL) return state;
    return isIn
      ? queued(
          withFeed(state, number, name, { isLeaving: true }),
          number,
          frame('leave', { room: name }),
        )
      : without(state, number, name);
  }
  if (state.nowMs < askAt) return wake(state, askAt);
  const ref = `join ${state.counter}`;
  const next = asking(feed, ref);
  const last_id = next._tag === 'Count' ? undefined : next.joiners[0]?.lastId;
  return queued(
    withFeed({ ...state, counter: state.counter + 1 }, number, name, {
      asked: next,
      joiners: joiners.filter((one) => !next.joiners.includes(one)),
    }),
    number,
    frame('join', { id: ref, room: name, data: { last_id } }),
  );
};

const asking = (feed: Feed, ref: string): Asked => {
  const [first] = feed.joiners;
  const covered = feed.joiners.filter(({ lastId }) => isCovered(feed, lastId));
  const one = first ? [first] : [];
  const how = { ref, prefix: [] };
  if (!feed.isIn) return { ...how, _tag: 'First', joiners: one };
  return covered.length > 0
    ? { ...how, _tag: 'Count', joiners: covered }
    : { ...how, _tag: 'Rewind', joiners: one };
};

export const without = (state: LeaderState, number: number, name: string): LeaderState =>
  withUpstream(state, number, {
    feeds: new Map([...(upstreamOf(state, number)?.feeds ?? [])].filter(([of]) => of !== name)),
  });

/** `online` if one tab says so, else `away`. */
const shown = (state: LeaderState, number: number, name: string): LeaderState => {
  const { isIn, isLeaving, members, statuses, shown: before } = feedOf(state, number, name);
  const all = [...statuses.values()];
  const status = all.includes('online') ? 'online' : all[0];
  if (!isIn || isLeaving || members.length === 0 || status === undefined || status === before)
    return state;
  return queued(
    withFeed(state, number, name, { shown: status }),
    number,
    frame('presence', { room: name, data: { status } }),
  );
};
