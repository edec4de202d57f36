/** A room on the connection that tabs share: who gets which message, when tabs join from their own positions. */
import t from 'tap';
import type { Message } from '../../../lib/client/frames.js';
import { isCovered, onGap, onJoined, onMessage } from '../../../lib/client/share/feed.js';
import {
  type Asked,
  type Feed,
  feedOf,
  LEADER,
  type LeaderState,
  newFeed,
} from '../../../lib/client/share/leader-state.js';
import { formatId } from '../../../lib/protocol/position.js';

const ROOM = 'general';

/** The id of a message with this offset in the log of an epoch. */
const idAt = (offset: number, tag = 1): string =>
  formatId({ ms: 1_700_000_000_000, tag, offset, global: false, outside: false, nonce: 0 });

const messageAt = (offset: number, tag?: number): Message => ({
  id: idAt(offset, tag),
  type: 'chat',
  room: ROOM,
  from: 'alice',
  data: offset,
  timestamp: '2026-01-01T00:00:00.000Z',
});

/** Sockets are named as their tabs. */
const leading = (feed: Partial<Feed>): LeaderState => ({
  ...LEADER,
  sockets: new Map(['a', 'b', 'c'].map((tab) => [tab, { tab, upstream: 0 }])),
  upstreams: [
    {
      number: 0,
      welcome: '',
      liveAt: 0,
      silentAt: Infinity,
      feeds: new Map([[ROOM, { ...newFeed(ROOM), isIn: true, ...feed }]]),
      queue: [],
      rate: 100,
      tokens: 100,
      tokensAt: 0,
      refs: new Map(),
      unanswered: new Map(),
    },
  ],
});

const asked = (_tag: Asked['_tag'], socket: string, lastId?: string): Asked => ({
  _tag,
  ref: 'join 1',
  joiners: [{ socket, ref: 'mine', lastId }],
  prefix: [],
});

type Input = (state: LeaderState) => LeaderState;

const message =
  (offset: number, tag?: number): Input =>
  (state) =>
    onMessage(state, 0, ROOM, messageAt(offset, tag), String(offset));
const gap =
  (reason: string): Input =>
  (state) =>
    onGap(state, 0, ROOM, reason, reason);
const joined =
  (offset: number, tag?: number): Input =>
  (state) =>
    onJoined(
      state,
      0,
      ROOM,
      messageAt(offset, tag),
      (_, id, recovered) => `joined ${id === idAt(offset, tag) ? offset : id} ${recovered ?? '-'}`,
    );
/** A `join` was sent to the server. */
const ask =
  (one: Asked): Input =>
  (state) => ({
    ...state,
    upstreams: state.upstreams.map((upstream) => ({
      ...upstream,
      feeds: new Map([[ROOM, { ...feedOf(state, 0, ROOM), asked: one }]]),
    })),
  });

/** The room has its `from`: the latest messages are all that came after it. */
const joinedFirst: Input = (state) =>
  joined(0)(ask({ ...asked('First', 'a'), joiners: [] })(state));

const readOf = (offset: number): NonNullable<Feed['head']> => ({ tag: 1, offset, ms: 0 });

/** What each tab was sent, in order. */
const sent = (
  state: LeaderState,
  ...inputs: readonly Input[]
): Readonly<Record<string, readonly string[]>> => {
  const all: Record<string, string[]> = {};
  for (const one of inputs.reduce((at, input) => input(at), state).effects)
    if (one._tag === 'ToTab')
      (all[one.tab] ??= []).push(
        one.message._tag === 'Frame' ? one.message.text : one.message._tag,
      );
  return all;
};

t.test('when the first tab joins, then the replay of the server is its own', async (t) => {
  const from = leading({ isIn: false, asked: asked('First', 'a', idAt(3)) });
  t.strictSame(sent(from, message(4), message(5), joined(5), message(6)), {
    a: ['4', '5', 'joined 5 -', '6'],
  });
});

t.test(
  'when a tab joins whose messages are among the latest, then it gets these from the leader',
  async (t) => {
    const from = leading({ members: ['a'], head: readOf(0) });
    const shared = [message(1), message(2), message(3)];
    const later = [ask(asked('Count', 'b', idAt(1))), message(4), joined(4), message(5)];
    t.strictSame(sent(from, joinedFirst, ...shared, ...later), {
      a: ['1', '2', '3', '4', '5'],
      b: ['2', '3', '4', 'joined 4 3', '5'],
    });
  },
);

t.test('when a tab is ahead of the members, then it gets no message twice', async (t) => {
  const from = leading({ members: ['a'] });
  const ahead = [ask(asked('Count', 'b', idAt(3))), joined(1)];
  t.strictSame(sent(from, joinedFirst, message(1), ...ahead, message(2), message(3), message(4)), {
    a: ['1', '2', '3', '4'],
    b: [`joined ${idAt(3)} 0`, '4'],
  });
});

t.test(
  'when a tab is further behind than the latest messages, then the server goes back for it alone',
  async (t) => {
    const from = leading({ members: ['a'], head: readOf(7) });
    const rewind = [
      ask(asked('Rewind', 'b', idAt(4))),
      message(8),
      message(5),
      message(6),
      message(7),
      message(8),
      message(9),
      joined(9),
      message(10),
    ];
    t.strictSame(sent(from, ...rewind), {
      a: ['8', '9', '10'],
      b: ['5', '6', '7', '8', '9', 'joined 9 -', '10'],
    });
  },
);

t.test(
  'when the log cannot give what a tab missed, then the gap is of this tab alone',
  async (t) => {
    const from = leading({ members: ['a'], head: readOf(7) });
    const rewind = [ask(asked('Rewind', 'b', idAt(1))), gap('expired'), message(6), message(7)];
    t.strictSame(sent(from, ...rewind, message(8), joined(8)), {
      a: ['8'],
      b: ['expired', '6', '7', '8', 'joined 8 -'],
    });
  },
);

t.test(
  'when messages after the gap are new to all and one is missing, then members get the gap too',
  async (t) => {
    const from = leading({ members: ['a'], head: readOf(7) });
    const rewind = [ask(asked('Rewind', 'b', idAt(1))), gap('expired'), message(9), joined(9)];
    t.strictSame(sent(from, ...rewind), {
      a: ['expired', '9'],
      b: ['expired', '9', 'joined 9 -'],
    });
  },
);

t.test(
  'when the log was lost during a rewind and no gap came, then the sockets of the members end',
  async (t) => {
    const from = leading({ members: ['a'], head: readOf(7) });
    const rewind = [ask(asked('Rewind', 'b', idAt(1))), message(1, 2)];
    t.strictSame(sent(from, ...rewind).a, ['End']);
  },
);

t.test('when the pod loses Redis, then the gap is of all', async (t) => {
  const from = leading({ members: ['a'], head: readOf(7) });
  t.strictSame(sent(from, gap('broker_outage'), message(9)), { a: ['broker_outage', '9'] });
  const during = [ask(asked('Rewind', 'b', idAt(6))), message(7), gap('broker_outage'), joined(7)];
  t.strictSame(sent(from, ...during), {
    a: ['broker_outage'],
    b: ['7', 'broker_outage', 'joined 7 -'],
  });
});

t.test('when more than 256 messages came, then an earlier position is not covered', async (t) => {
  let state = joinedFirst(leading({ members: ['a'] }));
  for (let offset = 1; offset <= 300; offset++) state = message(offset)(state);
  const feed = feedOf(state, 0, ROOM);
  t.equal(feed.recent.length, 256);
  t.ok(isCovered(feed, idAt(44)));
  t.notOk(isCovered(feed, idAt(43)));
  t.ok(isCovered(feed, idAt(300)), 'it has all');
  t.ok(isCovered(feed, undefined), 'it wants new messages only');
  t.notOk(isCovered(feed, idAt(299, 2)), 'another epoch');
  t.ok(isCovered(newFeed(ROOM), undefined));
  t.notOk(isCovered(newFeed(ROOM), idAt(1)));
});
