/**
 * A room on the connection that tabs share: pure. The server sends a room's messages once, in order, from
 * where the connection joined it. Each tab gets them from its own position on:
 *
 *   a tab joins ─┬─ nobody is in the room ───────────── First: what the server replays is the tab's
 *                ├─ the latest messages have the rest ─ Count: they are given again, then the answer
 *                └─ it is further behind ────────────── Rewind: the server goes back to the tab's position,
 *                                                       in the same stream. Only this tab gets what it repeats
 *
 * `head` is the position that members have. A message that is not after `head` is a repeated one. During a
 * Rewind the messages are in the order "new ones, repeated ones, new ones": the joiner gets them from the
 * first repeated one on. A gap of a Rewind is the joiner's. The members get it too when the next message, or
 * the answer, shows that they missed messages. A gap `broker_outage` is for all at once.
 */
import { type Position, readId } from '../../protocol/message-id.js';
import type { Message } from '../frames.js';
import {
  type Asked,
  type Feed,
  feedOf,
  type Joiner,
  type LeaderState,
  type Prefix,
  type Recent,
  withFeed,
} from './leader-state.js';
import { deliver, endSockets } from './to-tabs.js';

/** How many of a room's latest messages are kept. */
const MAX_RECENT = 256;
/** The tag of no epoch: the connection has no position yet. */
const NO_EPOCH = 4_095;

const positionOf = (id: string | undefined): Position | undefined => {
  const position = id === undefined ? undefined : readId(id);
  return position && position.tag !== NO_EPOCH ? position : undefined;
};

const isNotAfter = (one: Position | undefined, two: Position | undefined): boolean =>
  !!one && !!two && one.tag === two.tag && one.offset <= two.offset;

const follows = (next: Position, head: Position | undefined): boolean =>
  !head || (next.tag === head.tag && next.offset === head.offset + 1);

/** Whether a joiner gets all that it missed without the server. */
export const isCovered = ({ head, from }: Feed, lastId: string | undefined): boolean => {
  const position = positionOf(lastId);
  if (lastId === undefined || isNotAfter(head, position)) return true;
  return isNotAfter(from, position) && isNotAfter(position, head);
};

const socketsOf = (joiners: readonly Joiner[]): readonly string[] =>
  joiners.map(({ socket }) => socket);

/** A message of the room. */
export const onMessage = (
  state: LeaderState,
  number: number,
  name: string,
  { id }: Message,
  text: string,
): LeaderState => {
  const feed = feedOf(state, number, name);
  const { asked, head } = feed;
  const read = readId(id);
  if (!read || read.outside) {
    const to = [...feed.members, ...(asked?._tag === 'First' ? socketsOf(asked.joiners) : [])];
    const offset = read?.offset ?? 0;
    return withFeed(deliver(state, to, text), number, name, remembered(feed, read, offset, text));
  }
  if (isNotAfter(read, head)) return repeated(state, number, feed, text);
  const isHole = asked?._tag === 'Rewind' && !follows(read, head);
  const reported =
    !isHole || feed.members.length === 0
      ? state
      : feed.gap === undefined
        ? // another epoch has begun, and the joiner resumed inside it, so no gap came. The members' sockets
          // end: each member resumes from its own position
          endSockets(state, feed.members, 1013, 'the room has a new epoch')
        : deliver(state, feed.members, feed.gap);
  const members = isHole && feed.gap === undefined ? [] : feed.members;
  const ahead = new Map([...feed.ahead].filter(([, position]) => isNotAfter(read, position)));
  const joiners = asked && (asked._tag === 'First' || asked.isTaking) ? asked.joiners : [];
  const next = deliver(
    reported,
    [...members.filter((id) => !ahead.has(id)), ...socketsOf(joiners)],
    text,
  );
  const isSeamless = follows(read, head) && feed.from;
  return withFeed(next, number, name, {
    ...remembered(
      isSeamless ? feed : { ...feed, recent: [], from: { ...read, offset: read.offset - 1 } },
      read,
      read.offset,
      text,
    ),
    members,
    ahead,
    head: read,
    gap: undefined,
    asked: prefixed(asked, { isGap: false, text }),
  });
};

const remembered = (
  { recent, from }: Feed,
  read: { readonly outside: boolean } | undefined,
  offset: number,
  text: string,
): Partial<Feed> => {
  const all: readonly Recent[] = [...recent, { offset, outside: read?.outside ?? true, text }];
  const dropped = all.slice(0, -MAX_RECENT).at(-1);
  return {
    recent: all.slice(-MAX_RECENT),
    from: from && dropped ? { ...from, offset: Math.max(from.offset, dropped.offset) } : from,
  };
};

const prefixed = (asked: Asked | undefined, one: Prefix): Asked | undefined =>
  asked?._tag === 'Rewind' && !asked.isTaking
    ? { ...asked, prefix: [...asked.prefix, one] }
    : asked;

/** A message that members have had: of a Rewind. */
const repeated = (state: LeaderState, number: number, feed: Feed, text: string): LeaderState => {
  const { asked, name } = feed;
  if (asked?._tag !== 'Rewind') return state;
  // the gaps just before it are of the Rewind
  const last = asked.prefix.findLastIndex(({ isGap }) => !isGap);
  const gaps = asked.prefix.slice(last + 1).map((gap) => gap.text);
  const next = [...gaps, text].reduce(
    (at, one) => deliver(at, socketsOf(asked.joiners), one),
    state,
  );
  return withFeed(next, number, name, {
    gap: undefined,
    asked: { ...asked, prefix: [], isTaking: true },
  });
};

/** Messages may be missing. */
export const onGap = (
  state: LeaderState,
  number: number,
  name: string,
  reason: string,
  text: string,
): LeaderState => {
  const feed = feedOf(state, number, name);
  const { asked, members } = feed;
  if (asked?._tag !== 'Rewind') {
    const to = [...members, ...(asked?._tag === 'First' ? socketsOf(asked.joiners) : [])];
    return withFeed(deliver(state, to, text), number, name, { recent: [], from: undefined });
  }
  const next = asked.isTaking ? deliver(state, socketsOf(asked.joiners), text) : state;
  // messages that are in no log leave no hole in the offsets
  const isForAll = reason === 'broker_outage';
  return withFeed(isForAll ? deliver(next, members, text) : next, number, name, {
    ...(isForAll ? {} : { gap: text }),
    recent: [],
    from: undefined,
    asked: prefixed(asked, { isGap: true, text }),
  });
};

/** What a joiner gets before the answer to its join. */
const missedBy = (feed: Feed, { lastId }: Joiner): readonly string[] => {
  const position = positionOf(lastId);
  if (!position) return [];
  const { offset } = position;
  return feed.recent
    .filter((one) => one.offset > offset || (one.outside && one.offset === offset))
    .map(({ text }) => text);
};

/** What came during a Rewind that repeated no message: from its last gap on, or all when it had no gap. */
const restOf = (prefix: readonly Prefix[]): readonly string[] => {
  const gap = prefix.findLastIndex(({ isGap }) => isGap);
  return prefix.slice(Math.max(gap, 0)).map(({ text }) => text);
};

/** The answer to the join that was sent. `answer`: the frame for one joiner. */
export const onJoined = (
  state: LeaderState,
  number: number,
  name: string,
  { id }: Message,
  answer: (joiner: Joiner, id: string, recovered: number | undefined) => string,
): LeaderState => {
  const feed = feedOf(state, number, name);
  const { asked, gap, head = positionOf(id) } = feed;
  if (!asked) return state;
  const position = positionOf(id);
  const isBehind = !!position && !isNotAfter(position, head);
  const reported = gap !== undefined && isBehind ? deliver(state, feed.members, gap) : state;
  const [joined, behind] = [
    asked.joiners.filter(({ lastId }) => asked._tag !== 'Count' || isCovered(feed, lastId)),
    asked.joiners.filter(({ lastId }) => asked._tag === 'Count' && !isCovered(feed, lastId)),
  ];
  /** What the joiner has and the members do not. */
  const aheadOf = ({ lastId }: Joiner): Position | undefined => {
    const has = positionOf(lastId);
    return asked._tag === 'Count' && has && !isNotAfter(has, head) ? has : undefined;
  };
  const next = joined.reduce((before, joiner) => {
    const missed =
      asked._tag === 'Count'
        ? missedBy(feed, joiner)
        : asked._tag === 'Rewind' && !asked.isTaking
          ? restOf(asked.prefix)
          : [];
    const recovered = asked._tag === 'Count' && joiner.lastId ? missed.length : undefined;
    const isAhead = aheadOf(joiner) !== undefined;
    const at = isAhead && joiner.lastId ? joiner.lastId : id;
    return [...missed, answer(joiner, at, recovered)].reduce(
      (then, text) => deliver(then, [joiner.socket], text),
      before,
    );
  }, reported);
  return withFeed(next, number, name, {
    isIn: true,
    members: [...feed.members, ...socketsOf(joined)],
    joiners: [...behind, ...feed.joiners],
    asked: undefined,
    gap: undefined,
    head: isBehind ? position : head,
    from: feed.from ?? (isBehind ? position : head),
    ahead: joined.reduce((ahead, joiner) => {
      const has = aheadOf(joiner);
      return has ? new Map(ahead).set(joiner.socket, has) : ahead;
    }, feed.ahead),
  });
};
