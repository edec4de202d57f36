/** What a page of the log, or a new epoch, changes in a room's channel. */
import t from 'tap';
import type { Input } from '../../../lib/broker/cluster/channel-events.js';
import { changeEpoch, filled, pageRead } from '../../../lib/broker/cluster/channel-pages.js';
import { type ChannelState, START, type Step } from '../../../lib/broker/cluster/channel-phase.js';
import type { Page } from '../../../lib/history/page.js';
import type { LogPosition } from '../../../lib/protocol/position.js';
import { at, topAt } from '../../support/channel-world.js';

const TIMES = { timeoutMs: 2_000, readEveryMs: 60_000 };
const NOW = 10_000;
const READING: ChannelState = {
  ...START,
  scope: 'cluster',
  subscribed: true,
  phase: { _tag: 'Reading', failures: 0 },
};

type PageRead = Extract<Input, { readonly _tag: 'PageRead' }>;

const page = (top: LogPosition, ...entries: Page['entries']): Page => ({ top, first: 1, entries });

/** A page of a channel that is at 1:5. */
const came = (of: Page, over: Partial<PageRead> = {}): PageRead => ({
  _tag: 'PageRead',
  page: of,
  position: topAt(1, 5),
  known: topAt(of.top.tag, 0),
  furthest: topAt(1, 5),
  isContradicted: false,
  ...over,
});

const short = ([{ phase, scope }, effects]: Step): readonly unknown[] => [
  scope,
  phase._tag,
  effects.map(({ _tag }) => _tag),
];

t.test(
  'when the first page comes, then the channel opens at the position of the log',
  async (t) => {
    const [state, effects] = pageRead({ ...READING, scope: 'none' }, came(page(topAt(1, 9))), NOW);
    t.same(short([state, effects]), ['cluster', 'Live', ['Open', 'Conclude']]);
    t.same(effects[0], { _tag: 'Open', top: topAt(1, 9) });
  },
);

t.test('when the channel was open on the pod only, then the page ends in a gap', async (t) => {
  const step = pageRead({ ...READING, scope: 'pod' }, came(page(topAt(1, 9))), NOW);
  t.same(short(step), ['cluster', 'Live', ['GapBefore', 'Confirm', 'Compare']]);
  t.match(step[1][0], { reason: 'broker_outage', head: undefined, isComplete: false });
});

t.test('when the page goes on from the position, then its messages fill the hole', async (t) => {
  const step = pageRead(READING, came(page(topAt(1, 7), at(1, 5), at(1, 6), at(1, 7))), NOW);
  t.same(short(step), ['cluster', 'Live', ['Confirm', 'Fill']]);
});

t.test('when the log has lost messages, then a new epoch is begun', async (t) => {
  const renewed = ['cluster', 'Renewing', ['Renew']];
  const top = topAt(1, 9);
  const other = at(1, 5, { nonce: 1 });
  for (const [why, input] of [
    ['it ends before the position', came(page(topAt(1, 4)))],
    ['it ends with another message', came(page(topAt(1, 5, { nonce: 1 })))],
    ['it was further', came(page(top), { furthest: topAt(1, 10) })],
    ['a confirmed message has gone', came(page(top), { isContradicted: true })],
    ['another message is at the position', came(page(top, other, at(1, 6)))],
  ] as const) {
    const step = pageRead(READING, input, NOW);
    t.same(short(step), renewed, why);
    t.same(step[1], [{ _tag: 'Renew', tag: 1 }]);
    t.equal(step[0].readAt, NOW);
  }
});

t.test(
  'when the page is of another epoch, then the members are sent the gap `log_lost`',
  async (t) => {
    const [state, effects] = pageRead(READING, came(page(topAt(2, 3))), NOW);
    t.same(short([state, effects]), ['cluster', 'Live', ['Gap', 'Confirm', 'Compare']]);
    t.same(effects[0], { _tag: 'Gap', reason: 'log_lost', top: topAt(2, 0) });
  },
);

t.test('when an epoch comes back, then its page decides what is new', async (t) => {
  const known = topAt(2, 3);
  t.same(short(changeEpoch(READING, topAt(2, 8), known, NOW)), [
    'cluster',
    'Reading',
    ['Gap', 'ReadPage'],
  ]);
  t.same(short(changeEpoch(READING, topAt(2, 3), known, NOW))[1], 'Live', 'nothing came since');
  t.same(
    short(changeEpoch(READING, topAt(2, 2), known, NOW))[1],
    'Renewing',
    'it has lost messages',
  );
});

t.test('when a page was delivered, then where it ended decides the next step', async (t) => {
  const of = page(topAt(1, 9), at(1, 6));
  const end = (end: 'Top' | 'More' | 'Nothing' | 'Waiting' | 'Coming' | 'Lost', over = {}) =>
    short(filled({ ...READING, ...over }, { _tag: 'Filled', page: of, end }, NOW, TIMES)).slice(1);
  const gap = ['Reading', ['GapBefore', 'Fill']];
  t.same(end('Top'), ['Live', ['Conclude']]);
  t.same(end('Nothing'), ['Live', ['Conclude']]);
  t.same(end('More'), ['Pausing', ['Wait']]);
  t.same(end('Waiting'), ['Asking', ['Ask']]);
  t.same(end('Waiting', { mayHaveMissed: true }), gap);
  t.same(end('Coming'), ['Awaiting', ['Wait']]);
  t.same(end('Coming', { mayHaveMissed: true }), gap);
  t.same(end('Coming', { awaitingSince: NOW - 2_000 }), gap, 'for as long as Redis may take');
  t.same(end('Lost'), gap);
});

t.test(
  'when messages are gone from the log, then the gap ends where the page begins',
  async (t) => {
    const of = page(topAt(1, 9), at(1, 8), at(1, 9));
    const [, effects] = filled(READING, { _tag: 'Filled', page: of, end: 'Lost' }, NOW, TIMES);
    const [head] = of.entries;
    t.match(effects[0], { reason: 'expired', head, top: of.top, isComplete: true });
  },
);
