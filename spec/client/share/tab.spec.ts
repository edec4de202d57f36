/** A tab among those that share a socket: its machine, step by step, without a browser. */
import t from 'tap';
import {
  announced,
  closeSocket,
  deposed,
  elected,
  entered,
  exited,
  fromLeader,
  left,
  openSocket,
  sendText,
  tabStep,
} from '../../../lib/client/share/tab.js';
import { newTab, type TabChange, type TabState } from '../../../lib/client/share/tab-state.js';

const nothing: TabChange = (state) => state;

/** Steps at the given times (ms); `effects` are those of the last step. */
const steps = (...inputs: readonly (readonly [number, TabChange])[]): TabState =>
  inputs.reduce((state, [at, input]) => tabStep(state, input, at, 0), newTab('b'));

const tags = ({ effects }: TabState): readonly string[] => effects.map(({ _tag }) => _tag);

const LOOKING = [
  [0, openSocket('s', 'id-1')],
  [1, entered],
] as const;
const FOLLOWING = [
  ...LOOKING,
  [2, announced('a 0', 0)],
  [3, fromLeader('a 0', { _tag: 'Ready' })],
] as const;

t.test('when the client opens a socket, then the tab enters and looks for a leader', async (t) => {
  t.strictSame(tags(steps([0, openSocket('s', undefined)])), ['Enter']);
  t.strictSame(tags(steps([0, openSocket('s', undefined)], [1, openSocket('s2', undefined)])), []);
  t.strictSame(tags(steps(...LOOKING)), ['Who']);
});

t.test('when a leader listens, then the tab opens its sockets there with their ids', async (t) => {
  t.strictSame(tags(steps(...LOOKING, [2, announced('a 0', 0)])), ['Follow', 'Who']);
  t.match(steps(...FOLLOWING).effects, [
    {
      _tag: 'ToLeader',
      leader: 'a 0',
      message: { _tag: 'Open', socket: 's', lastId: 'id-1' },
    },
  ]);
  const sent = steps(...FOLLOWING, [4, sendText('s', 'hello')]);
  t.match(sent.effects, [{ _tag: 'ToLeader', message: { _tag: 'Send', text: 'hello' } }]);
  t.strictSame(tags(steps(...LOOKING, [2, sendText('s', 'hello')])), [], 'no leader yet');
  const closed = steps(...FOLLOWING, [4, closeSocket('s')]);
  t.match(closed.effects, [{ _tag: 'ToLeader', message: { _tag: 'Close', socket: 's' } }]);
});

t.test(
  "when the leader does not answer, then the tab takes the leader's lock after 5 s",
  async (t) => {
    t.equal(steps(...LOOKING).wakeAt, 5_001);
    t.strictSame(tags(steps(...LOOKING, [5_000, nothing])), []);
    t.strictSame(tags(steps(...LOOKING, [5_001, nothing])), ['Steal']);
    const leading = steps(...LOOKING, [5_001, nothing], [5_002, elected]);
    t.match(leading.effects, [
      { _tag: 'Lead', leader: 'b 5002' },
      { _tag: 'ToLeader', leader: 'b 5002', message: { _tag: 'Open', socket: 's' } },
    ]);
  },
);

t.test('when the tab itself slept, then it asks once more before it takes the lock', async (t) => {
  const woken = [...LOOKING, [60_000, nothing]] as const;
  t.strictSame(tags(steps(...woken)), ['Who']);
  t.strictSame(tags(steps(...woken, [64_999, nothing])), []);
  t.strictSame(tags(steps(...woken, [65_000, nothing])), ['Steal']);
  t.strictSame(tags(steps(...woken, [600_000, nothing])), ['Steal'], 'only once');
});

t.test(
  'when a leader falls silent, then it is asked after 10 s and loses the lock 5 s later',
  async (t) => {
    t.equal(steps(...FOLLOWING, [4, nothing]).wakeAt, 10_003);
    const asked = [...FOLLOWING, [10_003, nothing]] as const;
    t.match(steps(...asked).effects, [{ _tag: 'ToLeader', message: { _tag: 'Ping' } }]);
    t.strictSame(tags(steps(...asked, [15_003, nothing])), ['Steal']);
    const answered = steps(
      ...asked,
      [12_000, fromLeader('a 0', { _tag: 'Pong' })],
      [15_003, nothing],
    );
    t.strictSame(tags(answered), []);
  },
);

t.test(
  'when another tab leads, then the sockets end with 1001 and come back at once, and only a later leader counts',
  async (t) => {
    const later = steps(...FOLLOWING, [4, announced('c 9', 9)]);
    t.match(later.effects, [
      { _tag: 'Ended', socket: 's', code: 1001, retryInMs: 0 },
      { _tag: 'Follow', leader: 'c 9' },
      { _tag: 'Who' },
    ]);
    const woken = steps(...FOLLOWING, [4, announced('c -1', -1)]);
    t.strictSame([tags(woken), woken.leader], [[], 'a 0'], 'a frozen one that woke');
    t.equal(
      steps(...FOLLOWING, [4, announced('c 0', 0)]).leader,
      'c 0',
      'a 0 has resigned at once',
    );
    const old = steps(
      ...FOLLOWING,
      [4, announced('c 9', 9)],
      [5, fromLeader('a 0', { _tag: 'Frame', sockets: ['s'], text: 'late' })],
    );
    t.strictSame(tags(old), [], 'a frame of the old leader is not shown');
  },
);

t.test(
  'when the lock is stolen from a tab that leads, then it resigns and looks again',
  async (t) => {
    const leading = [...LOOKING, [2, elected]] as const;
    t.strictSame(tags(steps(...leading, [3, announced('c 9', 9)])), [], 'the lock decides');
    const after = steps(...leading, [3, deposed]);
    t.strictSame(tags(after), ['Ended', 'Resign', 'Who']);
    t.equal(after.leader, undefined);
    t.strictSame(tags(steps(...FOLLOWING, [4, deposed])), [], 'it did not lead');
  },
);

t.test('when the clock was set back, then a later leader has a later time', async (t) => {
  const behind = steps(...LOOKING, [2, announced('a 9000', 9_000)], [3, elected]);
  t.match(behind.effects.at(-2), { _tag: 'Lead', leader: 'b 9001', since: 9_001 });
});

t.test('when frames come, then each socket shows its own, and every 64th is counted', async (t) => {
  const frame = (...sockets: readonly string[]): TabChange =>
    fromLeader('a 0', { _tag: 'Frame', sockets, text: 'f' });
  t.match(steps(...FOLLOWING, [4, frame('s', 'gone')]).effects, [{ _tag: 'Text', socket: 's' }]);
  let state = steps(...FOLLOWING);
  for (let i = 1; i < 64; i++) state = tabStep(state, frame('s'), 4, 0);
  t.strictSame(tags(state), ['Text']);
  const counted = tabStep(state, frame('s'), 4, 0);
  t.match(counted.effects, [{ _tag: 'ToLeader', message: { _tag: 'Got', frames: 64 } }, {}]);
});

t.test('when the leader ends a socket, then its client gets the code and the delay', async (t) => {
  const end = { _tag: 'End', sockets: ['s', 'x'], code: 1013, reason: 'r', retryInMs: 7 } as const;
  const ended = steps(...FOLLOWING, [4, fromLeader('a 0', end)]);
  t.strictSame(ended.effects, [
    { _tag: 'Ended', socket: 's', code: 1013, reason: 'r', retryInMs: 7 },
  ]);
  t.equal(ended.sockets.size, 0);
});

t.test(
  'when the page is frozen or closed, then all its sockets end and it gives the locks back',
  async (t) => {
    t.strictSame(tags(steps(...FOLLOWING, [4, exited])), ['Ended', 'Exit']);
    t.strictSame(tags(steps(...LOOKING, [4, exited])), ['Ended', 'Exit'], 'also one that waits');
    const out = steps(...FOLLOWING, [4, exited]);
    t.equal(out.wakeAt, Infinity);
    t.strictSame(tags(tabStep(out, exited, 5, 0)), []);
    t.strictSame(tags(tabStep(out, elected, 5, 0)), [], 'a lock that comes too late');
  },
);

t.test(
  'when the server has closed the client of the leading tab, then the tab keeps the lock for 1 s',
  async (t) => {
    const leading = [...LOOKING, [2, elected]] as const;
    const end = (code: number): TabChange =>
      fromLeader('b 2', { _tag: 'End', sockets: ['s'], code, reason: 'r', retryInMs: undefined });
    const keepMs = (...inputs: readonly (readonly [number, TabChange])[]): unknown =>
      steps(...leading, ...inputs).effects.map((one) => one._tag === 'Exit' && one.keepMs);
    t.strictSame(keepMs([3, end(4503)], [3, left]), [1_000]);
    t.strictSame(keepMs([3, end(4001)], [3, left]), [1_000]);
    t.strictSame(keepMs([3, end(1006)], [3, left]), [0]);
    t.strictSame(keepMs([3, end(4503)], [3, exited]), [0], 'a page that freezes');
    t.strictSame(keepMs([3, end(4001)], [4, openSocket('s2', undefined)], [5, left]), [false, 0]);
  },
);
