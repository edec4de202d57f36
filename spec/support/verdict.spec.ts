/** The judge of what clients were told finds each fault that is planted, and nothing where all is well. */
import t from 'tap';
import { formatId, type Id } from '../../lib/position.js';
import { type Ear, type Entry, judge, type Said, type Word } from './verdict.js';

const ID: Id = {
  ms: 1_700_000_000_000,
  tag: 7,
  offset: 0,
  global: false,
  outside: false,
  nonce: 0,
};
const at = (offset: number, over: Partial<Id> = {}): Id => ({
  ...ID,
  offset,
  nonce: offset,
  ...over,
});

/** The saying `n` of the room, at this place. */
const word = (n: number, id: Id = at(n)): Word => ({
  idText: formatId(id),
  id,
  room: 'r',
  text: `${n}`,
  from: 'alice',
  n,
  type: 'chat',
});
const heard = (n: number, id?: Id): Entry => ({ _tag: 'Word', word: word(n, id), at: 10 + n });
const gap = (when: number): Entry => ({
  _tag: 'Gap',
  reason: 'broker_outage',
  id: at(0),
  at: when,
});
const ear = (entries: readonly Entry[], over: Partial<Ear> = {}): Ear => ({
  who: 'a#1',
  pod: 'a',
  room: 'r',
  since: 0,
  from: at(0),
  until: undefined,
  entries: [...entries],
  ...over,
});
const saying = (n: number, over: Partial<Said> = {}, id: Id = at(n)): Said => ({
  n,
  room: 'r',
  pod: 'a',
  from: 'alice',
  at: n,
  answers: [{ idText: formatId(id), id, onPod: id.outside, isDuplicate: false, at: 10 + n }],
  refused: undefined,
  ...over,
});

const verdictOf = (
  sayings: readonly Said[],
  ears: readonly Ear[],
  strangers: readonly string[] = [],
) => judge(new Map(sayings.map((each) => [each.n, each])), ears, new Set(strangers));

const three = [1, 2, 3].map((n) => saying(n));
const all = [1, 2, 3].map((n) => heard(n));
const onPod = at(1, { outside: true, nonce: 99 });

t.test('all is well', async (t) => {
  const verdict = verdictOf(three, [ear(all), ear(all, { who: 'b#2', pod: 'b' })]);
  t.match(verdict, {
    sent: 3,
    acked: 3,
    ackedOnPod: 0,
    delivered: 6,
    missingTold: 0,
    missingUnsaid: 0,
    doubled: 0,
    faultCount: 0,
  });
});

t.test('what is no fault', async (t) => {
  const cases: Readonly<
    Record<string, readonly [readonly Said[], readonly Ear[], (readonly string[])?]>
  > = {
    'a hole behind a gap': [three, [ear([heard(1), gap(12), heard(3)])]],
    'a hole at the end, told': [three, [ear([heard(1), gap(20)])]],
    'a new epoch behind a gap': [
      [saying(1), saying(2, {}, at(1, { tag: 8 }))],
      [ear([heard(1), gap(12), heard(2, at(1, { tag: 8 }))])],
    ],
    'what was said before the join': [three, [ear([heard(3)], { since: 2.5, from: at(2) })]],
    'what was said on another pod alone': [
      [saying(2, {}, onPod)],
      [ear([], { pod: 'b' }), ear([heard(2, onPod)], { from: at(1) })],
    ],
    'who left is not waited for': [three, [ear([heard(1)], { until: 5 })]],
    'another program': [[], [ear([heard(5)])], [formatId(at(5))]],
  };
  for (const [name, [said, ears, strangers]] of Object.entries(cases))
    t.strictSame(verdictOf(said, ears, strangers).faults, [], name);
});

t.test('an id outside the log that shows an earlier place is counted', async (t) => {
  const early = { ...saying(2, {}, onPod), at: 0 };
  t.match(verdictOf([early], [ear([heard(2, onPod)], { from: at(2) })]), {
    behind: 1,
    faultCount: 0,
  });
});

t.test('each planted fault is found', async (t) => {
  const cases: Readonly<Record<string, readonly [RegExp, readonly Said[], readonly Ear[]]>> = {
    'a hole': [/at 7\/1 heard 7\/3 without a gap/, three, [ear([heard(1), heard(3)])]],
    'a hole at the end': [/never told of 3/, three, [ear([heard(1), heard(2)])]],
    'a hole at the end, and a gap long before': [
      /never told of 3/,
      three,
      [ear([gap(1), heard(1), heard(2)])],
    ],
    'a hole, and a gap elsewhere': [/without a gap/, three, [ear([gap(1), heard(1), heard(3)])]],
    'a new epoch unsaid': [
      /heard 8\/1 without a gap/,
      [saying(1), saying(2, {}, at(1, { tag: 8 }))],
      [ear([heard(1), heard(2, at(1, { tag: 8 }))])],
    ],
    'the same id twice': [/twice/, [saying(1)], [ear([heard(1), heard(1)])]],
    'the same saying under two ids': [/twice/, [saying(1)], [ear([heard(1), heard(1, at(2))])]],
    'two orders': [
      /in no one order/,
      [saying(1, {}, at(1, { outside: true })), saying(2, {}, at(1, { outside: true, nonce: 2 }))],
      [1, -1].map((turn) =>
        ear(
          [heard(1, at(1, { outside: true })), heard(2, at(1, { outside: true, nonce: 2 }))].sort(
            () => turn,
          ),
          { from: at(1) },
        ),
      ),
    ],
    'nobody said it': [/nobody said/, [], [ear([heard(1)])]],
    'another room': [/said in s and heard in r/, [saying(1, { room: 's' })], [ear([heard(1)])]],
    'another name': [/said by bob/, [saying(1, { from: 'bob' })], [ear([heard(1)])]],
    'on the pod, and a member of the pod did not hear it': [
      /never told of 2/,
      [saying(2, {}, onPod)],
      [ear([], { from: at(1) })],
    ],
    'on the pod under an id of the log': [
      /has an id of/,
      [
        saying(1, {
          answers: [
            { idText: formatId(at(1)), id: at(1), onPod: true, isDuplicate: false, at: 11 },
          ],
        }),
      ],
      [ear([heard(1)])],
    ],
    'two acks': [
      /2 acks/,
      [saying(1, { answers: [...saying(1).answers, ...saying(1).answers] })],
      [ear([heard(1)])],
    ],
    'outside the log at another place': [
      /has not reached/,
      [saying(2, {}, onPod)],
      [ear([heard(2, onPod)])],
    ],
  };
  for (const [name, [fault, said, ears]] of Object.entries(cases)) {
    const { faults } = verdictOf(said, ears);
    t.match(faults.join('\n'), fault, name);
  }
});
