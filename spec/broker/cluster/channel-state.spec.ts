import t from 'tap';
import type { Effect, Input } from '../../../lib/broker/cluster/channel-events.js';
import { type ChannelState, START } from '../../../lib/broker/cluster/channel-phase.js';
import { step } from '../../../lib/broker/cluster/channel-state.js';
import type { LogPosition } from '../../../lib/protocol/position.js';

const TIMES = { timeoutMs: 2_000, readEveryMs: 60_000 };

const at = (tag: number, offset: number): LogPosition => ({
  tag,
  offset,
  ms: offset,
  id: `${tag}:${offset}`,
});

const page = (top: LogPosition): Input => ({
  _tag: 'PageRead',
  page: { top, first: top.offset + 1, entries: [] },
  position: at(1, 5),
  known: { ...at(top.tag, 0), id: null },
  furthest: at(1, 5),
  isContradicted: false,
});

const standing = (top: LogPosition | undefined): Input => ({
  _tag: 'LogTop',
  top,
  asked: at(1, 5),
  furthest: at(1, 5),
  isContradicted: false,
});

const WAITING: Input = { _tag: 'Waiting', offset: 6, isConfirmed: false, isUnderWay: false };

/** The state after these inputs, each a millisecond later, and the effects of the last. */
const after = (
  state: ChannelState,
  ...inputs: readonly Input[]
): { readonly state: ChannelState; readonly effects: readonly Effect['_tag'][] } => {
  let last = state;
  let effects: readonly Effect[] = [];
  inputs.forEach((input, i) => {
    [last, effects] = step(last, input, 10_000 + i, TIMES);
  });
  return { state: last, effects: effects.map(({ _tag }) => _tag) };
};

const LIVE = after(START, { _tag: 'Subscribed' }, page(at(1, 5))).state;

t.test('when the first page comes, then the channel is open in the log', async (t) => {
  const begun = after(START, { _tag: 'Subscribed' });
  t.same([begun.state.phase._tag, begun.effects], ['Reading', ['ReadPage']]);
  const { state, effects } = after(begun.state, page(at(1, 5)));
  t.same([state.scope, state.phase._tag, effects], ['cluster', 'Live', ['Open', 'Conclude']]);
});

t.test(
  'when no page comes in time, then the channel opens on the pod, and goes on reading',
  async (t) => {
    const { state, effects } = after(START, { _tag: 'Subscribed' }, { _tag: 'Degraded' });
    t.same([state.scope, state.phase._tag, effects], ['pod', 'Reading', ['OpenOnPod']]);
    t.same(after(state, { _tag: 'Degraded' }).effects, [], 'once');
    const known = after(state, page(at(1, 5)));
    t.equal(known.state.scope, 'cluster');
    t.same(known.effects, ['GapBefore', 'Confirm', 'Compare']);
  },
);

t.test('when the log can never be read, then an unopened channel fails', async (t) => {
  const failed: Input = { _tag: 'ReadFailed', error: { _tag: 'WrongType', detail: 'x' } };
  t.same(after(START, { _tag: 'Subscribed' }, failed).effects, ['Fail']);
  const open = after(LIVE, { _tag: 'Subscribed' }, failed);
  t.same([open.state.phase._tag, open.effects], ['Pausing', ['BackOff']]);
});

t.test('when a message is in doubt, then the log is asked once', async (t) => {
  const { state, effects } = after(LIVE, WAITING);
  t.same([state.phase._tag, effects], ['Asking', ['Ask']]);
  t.same(after(state, WAITING).effects, []);
  t.same(after(LIVE, { ...WAITING, isUnderWay: true }).effects, [], 'not for our own publish');
});

t.test("when the log has the channel's position, then nothing is missing", async (t) => {
  const asked = after(LIVE, WAITING, standing(at(1, 5)));
  t.same([asked.state.phase._tag, asked.effects], ['Live', ['Confirm', 'Compare']]);
  const { effects } = after(asked.state, { _tag: 'Compared', top: at(1, 5), missing: 'Nothing' });
  t.same(effects, ['Conclude']);
});

t.test(
  'when the log is further than the channel, then pushes are awaited, and after 250 ms the log is read',
  async (t) => {
    const coming: Input = { _tag: 'Compared', top: at(1, 7), missing: 'Coming' };
    const { state, effects } = after(LIVE, WAITING, standing(at(1, 7)), coming);
    t.same([state.phase._tag, effects], ['Awaiting', ['Wait']]);
    t.same(after(state, WAITING).effects, []);
    t.same(after(state, { ...WAITING, offset: 7 }).effects, ['Compare']);
    t.equal(after(state, { _tag: 'Elapsed' }).state.phase._tag, 'Reading');
  },
);

t.test('when pushes may have been missed, then nothing is awaited', async (t) => {
  const { state } = after(
    { ...LIVE, mayHaveMissed: true },
    { _tag: 'Compared', top: at(1, 7), missing: 'Coming' },
  );
  t.equal(state.phase._tag, 'Reading');
});

t.test('when the log has another epoch, then the channel goes there with a gap', async (t) => {
  t.equal(after(LIVE, WAITING, standing(at(2, 3))).state.phase._tag, 'Reading');
  const { effects } = after(LIVE, WAITING, standing(at(2, 3)), page(at(2, 3)));
  t.same(effects, ['Gap', 'Confirm', 'Compare']);
});

t.test('when the log went back, then a new epoch is begun', async (t) => {
  const { state, effects } = after(LIVE, WAITING, standing(undefined), page(at(1, 4)));
  t.same([state.phase._tag, effects], ['Renewing', ['Renew']]);
  const top = at(9, 0);
  t.same(after(state, { _tag: 'Renewed', top, known: top }).effects, ['Gap', 'Confirm', 'Compare']);
});

t.test('when a question fails, then it is asked again after a pause that grows', async (t) => {
  const { state, effects } = after(LIVE, WAITING, { _tag: 'AskFailed' });
  t.same(
    [state.phase, effects],
    [{ _tag: 'Pausing', before: 'Asking', failures: 1 }, ['DeliverConfirmed', 'BackOff']],
  );
  const again = after(state, { _tag: 'Elapsed' }, { _tag: 'AskFailed' });
  t.same(again.state.phase, { _tag: 'Pausing', before: 'Asking', failures: 2 });
});

t.test(
  'when a page ends in a hole, then a gap is sent, unless pushes may be on their way',
  async (t) => {
    const filled = (end: 'Top' | 'More' | 'Coming' | 'Lost'): Input => ({
      _tag: 'Filled',
      page: { top: at(1, 9), first: 10, entries: [] },
      end,
    });
    t.same(after(LIVE, filled('Top')).effects, ['Conclude']);
    t.equal(after(LIVE, filled('More')).state.phase._tag, 'Pausing');
    t.equal(after(LIVE, filled('Coming')).state.phase._tag, 'Awaiting');
    t.same(after(LIVE, filled('Lost')).effects, ['GapBefore', 'Fill']);
  },
);

t.test(
  'when the buffer was full, then the messages that did not fit are read from the log',
  async (t) => {
    t.equal(after(LIVE, { _tag: 'Concluded', isFull: true }).state.phase._tag, 'Reading');
    t.same(after(LIVE, { _tag: 'Concluded', isFull: false }).effects, ['Synced', 'AskIfInDoubt']);
  },
);

t.test(
  'when a channel is quiet, then polls ask for the position, and read the log once a minute',
  async (t) => {
    const poll: Input = { _tag: 'Poll', isQuiet: true };
    t.equal(after(LIVE, poll).state.phase._tag, 'Asking');
    t.same(after(LIVE, { ...poll, isQuiet: false }).effects, []);
    const { state, effects } = after({ ...LIVE, readAt: -60_000 }, poll);
    t.same([state.phase._tag, effects], ['Checking', ['Check']]);
    t.same(after(state, poll).effects, []);
    t.equal(after(state, WAITING).state.phase._tag, 'Asking', 'a message in doubt goes first');
    t.equal(after(state, { _tag: 'CheckEnded' }).state.phase._tag, 'Live');
  },
);

t.test('when the subscription is lost and comes back, then the log is read', async (t) => {
  const lost = after(LIVE, WAITING, { _tag: 'Unsubscribed' });
  t.same([lost.state.phase._tag, lost.effects], ['Live', ['Synced']]);
  t.same(after(lost.state, WAITING).effects, [], 'nothing is asked meanwhile');
  const { state, effects } = after(lost.state, { _tag: 'Subscribed' });
  t.same([state.phase._tag, state.mayHaveMissed, effects], ['Reading', true, ['ReadPage']]);
});

t.test('when an outage ends, then a channel that read before its end reads again', async (t) => {
  const { readAt } = LIVE;
  t.same(after(LIVE, { _tag: 'Recovered', since: readAt }).effects, []);
  t.same(after(LIVE, { _tag: 'Recovered', since: readAt + 1 }).effects, ['Synced', 'ReadPage']);
});

t.test(
  'when the log was asked before a message in doubt came, then it is asked again',
  async (t) => {
    const waiting: Input = { _tag: 'Compared', top: at(1, 7), missing: 'Waiting' };
    t.equal(after(LIVE, waiting).state.phase._tag, 'Asking');
    t.equal(after({ ...LIVE, mayHaveMissed: true }, waiting).state.phase._tag, 'Reading');
  },
);

t.test('when the log lacks a message that it had confirmed, then the log went back', async (t) => {
  const furthest = at(1, 8);
  const read = after(LIVE, { _tag: 'Subscribed' }).state;
  const renewed = (input: Input) => after(read, input).effects;
  t.same(renewed({ ...page(at(1, 7)), furthest } as Input), ['Renew'], 'it ends before');
  t.same(
    renewed({ ...page(at(1, 9)), isContradicted: true } as Input),
    ['Renew'],
    'it has another',
  );
  t.same(renewed({ ...page(at(1, 8)), furthest } as Input), ['Confirm', 'Fill'], 'it has it');

  const asked = after(LIVE, WAITING).state;
  const answered = (top: LogPosition) =>
    after(asked, { ...standing(top), furthest } as Input).effects;
  t.same(answered(at(1, 7)), ['ReadPage']);
  t.same(answered(at(1, 8)), ['Confirm', 'Compare']);
});
