/** The phases of a room's channel: what they mean, and the changes that several steps share. */
import t from 'tap';
import {
  ask,
  awaitPushes,
  type ChannelState,
  compare,
  conclude,
  failed,
  isAwaitingFirst,
  isCatchingUp,
  isFree,
  isUnanswered,
  type Phase,
  read,
  START,
} from '../../../lib/broker/cluster/channel-phase.js';
import { topAt } from '../../support/channel-world.js';

const TIMES = { timeoutMs: 2_000, readEveryMs: 60_000 };
const TOP = topAt(1, 9);

const OPEN: ChannelState = { ...START, scope: 'cluster', subscribed: true, readAt: 100 };
const inPhase = (phase: Phase): ChannelState => ({ ...OPEN, phase });

const PHASES: readonly Phase[] = [
  { _tag: 'Live' },
  { _tag: 'Checking' },
  { _tag: 'Asking', failures: 0 },
  { _tag: 'Awaiting', top: TOP },
  { _tag: 'Reading', failures: 0 },
  { _tag: 'Renewing' },
  { _tag: 'Pausing', before: 'Asking', failures: 1 },
  { _tag: 'Pausing', before: 'Reading', failures: 1 },
];

/** The phases of which a statement is true. */
const phasesWith = (is: (state: ChannelState) => boolean): readonly string[] =>
  PHASES.filter((phase) => is(inPhase(phase))).map((phase) =>
    phase._tag === 'Pausing' ? `Pausing ${phase.before}` : phase._tag,
  );

t.test('when the log is read or will be read, then received messages wait', async (t) => {
  t.same(phasesWith(isCatchingUp), ['Reading', 'Renewing', 'Pausing Reading']);
});

t.test('when no question but a poll is open, then the log can be asked at once', async (t) => {
  t.same(phasesWith(isFree), ['Live', 'Checking']);
  t.same(phasesWith(isUnanswered), ['Pausing Asking']);
});

t.test('when all pushes were received, then they are awaited for 250 ms', async (t) => {
  t.ok(isAwaitingFirst(OPEN, 1_000));
  const awaiting = { ...OPEN, awaitingSince: 1_000 };
  t.ok(isAwaitingFirst(awaiting, 1_249));
  t.notOk(isAwaitingFirst(awaiting, 1_250));
  t.notOk(isAwaitingFirst({ ...OPEN, mayHaveMissed: true }, 1_000));
});

t.test('when pushes are on their way, then the wait ends 250 ms after they began', async (t) => {
  const [first, effects] = awaitPushes(OPEN, TOP, 1_000, TIMES);
  t.match(first, { phase: { _tag: 'Awaiting', top: TOP }, awaitingSince: 1_000 });
  t.same(effects, [{ _tag: 'Wait', ms: 250 }]);
  t.same(awaitPushes(first, TOP, 1_100, TIMES), [first, []], 'one wait');
  const again = { ...first, phase: OPEN.phase };
  t.same(awaitPushes(again, TOP, 1_100, TIMES)[1], [{ _tag: 'Wait', ms: 150 }]);
  t.same(awaitPushes(again, TOP, 1_300, TIMES)[1], [{ _tag: 'Wait', ms: 1_700 }], 'the timeout');
});

t.test('when a question fails, then the pause has the number of failures in a row', async (t) => {
  const [asking] = ask(OPEN, 0);
  const [once, first] = failed(asking, 'Asking');
  t.same(once.phase, { _tag: 'Pausing', before: 'Asking', failures: 1 });
  t.same(first, [{ _tag: 'BackOff', failures: 0 }]);
  const [, second] = failed(ask(once, 1)[0], 'Asking');
  t.same(second, [{ _tag: 'BackOff', failures: 1 }]);
  t.same(failed(OPEN, 'Reading')[1], [{ _tag: 'BackOff', failures: 0 }], 'a first failure');
});

t.test('when the log is read, then the page may be the first of the channel', async (t) => {
  const isFirst = (scope: ChannelState['scope']): unknown => {
    const [state, effects] = read({ ...OPEN, scope }, 500);
    t.match(state, { phase: { _tag: 'Reading', failures: 0 }, readAt: 500 });
    return effects;
  };
  t.same(isFirst('none'), [{ _tag: 'ReadPage', isFirst: true }]);
  t.same(isFirst('pod'), [{ _tag: 'ReadPage', isFirst: true }]);
  t.same(isFirst('cluster'), [{ _tag: 'ReadPage', isFirst: false }]);
});

t.test('when no message is in doubt any more, then the channel is live', async (t) => {
  const doubtful = { ...inPhase({ _tag: 'Awaiting', top: TOP }), awaitingSince: 7 };
  const [state, effects] = conclude({ ...doubtful, mayHaveMissed: true });
  t.same(state, { ...OPEN, phase: { _tag: 'Live' } });
  t.same(effects, [{ _tag: 'Conclude' }]);
  t.equal(conclude(state)[0], state, 'it stays the same object');
});

t.test(
  'when the log has answered with its position, then this is confirmed, and compared with what was received',
  async (t) => {
    const [state, effects] = compare(inPhase({ _tag: 'Asking', failures: 2 }), TOP);
    t.equal(state.phase._tag, 'Live');
    t.same(effects, [
      { _tag: 'Confirm', top: TOP, entries: [] },
      { _tag: 'Compare', top: TOP },
    ]);
  },
);
