/** The publish queue of a room, as data: a table of its steps, and what holds after any inputs. */
import fc from 'fast-check';
import t from 'tap';
import { mayHaveRun, type RedisError } from '../../../lib/broker/redis/port.js';
import {
  type Conditions,
  type Effect,
  type Input,
  type RoomQueue,
  START,
  step,
} from '../../../lib/broker/cluster/room-queue.js';

const error = (_tag: RedisError['_tag']): RedisError => ({ _tag, detail: _tag });

const UP: Conditions = { route: 'cluster', link: { _tag: 'Usable' }, lastProbe: 7 };
const CUT: Conditions = { ...UP, link: { _tag: 'Absent' } };
const DENIED: Conditions = { ...UP, link: { _tag: 'Refused', error: error('OutOfMemory') } };
const OUTAGE: Conditions = { ...UP, route: 'pod' };
const STARTING: Conditions = { ...UP, route: 'wait' };

const head = (kind: 'None' | 'Known' | 'New', leftMs = 2_000): Input => ({
  _tag: 'Head',
  head: kind,
  leftMs,
});
const failed = (_tag: RedisError['_tag'], isReceived = false): Input => ({
  _tag: 'Failed',
  error: error(_tag),
  received: isReceived ? [{ _tag: 'Placed', id: 'x' }] : undefined,
});
const NEW = head('New');
const ANSWERED: Input = { _tag: 'Answered', outcomes: [] };
const TIMED_OUT: Input = { _tag: 'TimedOut', error: error('Unreachable') };
const returned = (number: number): Input => ({ _tag: 'ProbeReturned', number });

type Row = readonly [
  title: string,
  inputs: readonly (readonly [Input, Conditions])[],
  state: Partial<RoomQueue>,
  effects: readonly (Effect['_tag'] | Partial<Effect>)[],
];

const TABLE: readonly Row[] = [
  [
    'when a message comes and Redis answers, then the queue sends it and is idle again',
    [
      [NEW, UP],
      [ANSWERED, UP],
      [head('None'), UP],
    ],
    { _tag: 'Idle' },
    [{ _tag: 'Send', hasWaited: false }, { _tag: 'Settle', isUnsure: false }, 'Rest'],
  ],
  [
    'when a call is under way, then the next message waits',
    [
      [NEW, UP],
      [NEW, UP],
    ],
    { _tag: 'Sending' },
    ['Send', 'Nothing'],
  ],
  [
    'when a key is known, then its message is answered without Redis',
    [[head('Known'), UP]],
    { _tag: 'Idle' },
    ['AnswerHead'],
  ],
  [
    'when no probe was answered yet, then a message waits',
    [[NEW, STARTING]],
    { _tag: 'Idle' },
    ['Nothing'],
  ],
  [
    'when there is an outage, then a message goes to the members of this pod',
    [[NEW, OUTAGE]],
    { _tag: 'Idle' },
    ['FallBackHead'],
  ],
  [
    'when there is no connection, then a message waits for one, and its call has no time added',
    [
      [NEW, CUT],
      [{ _tag: 'ProbeAnswered' }, UP],
      [NEW, UP],
    ],
    { _tag: 'Sending' },
    [{ _tag: 'AwaitConnection', leftMs: 2_000 }, 'Resume', { _tag: 'Send', hasWaited: true }],
  ],
  [
    'when no connection comes in time, then the room falls back',
    [
      [NEW, CUT],
      [head('New', 0), CUT],
      [NEW, UP],
    ],
    { _tag: 'Fallback', since: 7 },
    ['AwaitConnection', 'ReportHead', 'FallBackHead'],
  ],
  [
    'when Redis refuses the probe, then the room falls back at once',
    [[NEW, DENIED]],
    { _tag: 'Fallback' },
    [{ _tag: 'ReportHead', error: error('OutOfMemory') }],
  ],
  [
    'when Redis refuses a call, then it did not run, and the room falls back',
    [
      [NEW, UP],
      [failed('OutOfMemory'), UP],
    ],
    { _tag: 'Fallback', since: 7 },
    ['Send', { _tag: 'GiveUp', isUnsure: false }],
  ],
  [
    'when a call breaks off, then it is asked for again a moment later, and may have run',
    [
      [NEW, UP],
      [failed('Unreachable'), UP],
      [{ _tag: 'Elapsed' }, UP],
      [ANSWERED, UP],
    ],
    { _tag: 'Idle' },
    [
      'Send',
      { _tag: 'AskLater', failures: 0 },
      { _tag: 'Ask', isUnsure: true },
      { _tag: 'Settle', isUnsure: true },
    ],
  ],
  [
    'when a call breaks off and there is no connection, then it waits for one',
    [
      [NEW, UP],
      [failed('Unreachable'), CUT],
      [{ _tag: 'Elapsed' }, CUT],
      [{ _tag: 'ProbeAnswered' }, CUT],
      [{ _tag: 'ProbeAnswered' }, UP],
    ],
    { _tag: 'Sending' },
    ['Send', 'AskLater', 'Nothing', 'Nothing', 'Ask'],
  ],
  [
    'when a call breaks off whose messages the channel showed, then it is answered with them',
    [
      [NEW, UP],
      [failed('Unreachable', true), CUT],
    ],
    { _tag: 'Idle' },
    ['Send', { _tag: 'Settle', outcomes: [{ _tag: 'Placed', id: 'x' }], isUnsure: true }],
  ],
  [
    'when a call is late, then it is asked for again after a probe, and falls back the second time',
    [
      [NEW, UP],
      [failed('Late'), UP],
      [{ _tag: 'Elapsed' }, UP],
      [failed('Late'), UP],
    ],
    { _tag: 'Fallback' },
    ['Send', 'AskAfterProbe', 'Ask', { _tag: 'GiveUp', isUnsure: false }],
  ],
  [
    'when a call pauses, then an answered probe does not shorten the pause',
    [
      [NEW, UP],
      [failed('Unreachable'), UP],
      [{ _tag: 'ProbeAnswered' }, UP],
    ],
    { _tag: 'Pausing' },
    ['Send', 'AskLater', 'Nothing'],
  ],
  [
    'when a call under way has no time left, then it may have run',
    [
      [NEW, UP],
      [TIMED_OUT, UP],
    ],
    { _tag: 'Fallback' },
    ['Send', { _tag: 'GiveUp', isUnsure: true }],
  ],
  [
    'when a probe was sent before the failure, then its return does not end the fallback',
    [
      [NEW, DENIED],
      [returned(7), UP],
    ],
    { _tag: 'Fallback' },
    ['ReportHead', 'Nothing'],
  ],
  [
    'when a probe that was sent after the failure returns, then the room is on the cluster again',
    [
      [NEW, DENIED],
      [returned(8), OUTAGE],
      [returned(8), UP],
    ],
    { _tag: 'Idle' },
    ['ReportHead', 'Nothing', 'Resume'],
  ],
  [
    'when an outage ends, then a room in fallback is on the cluster again; when it begins, not',
    [
      [NEW, DENIED],
      [{ _tag: 'RouteChanged' }, OUTAGE],
      [{ _tag: 'RouteChanged' }, UP],
    ],
    { _tag: 'Idle' },
    ['ReportHead', 'Resume', 'Resume'],
  ],
  [
    'when nothing waits in fallback, then the room stays there',
    [
      [NEW, DENIED],
      [head('None'), UP],
    ],
    { _tag: 'Fallback' },
    ['ReportHead', 'Rest'],
  ],
];

for (const [title, inputs, state, effects] of TABLE)
  t.test(title, async (t) => {
    let queue = START;
    const seen: Effect[] = [];
    for (const [input, conditions] of inputs) {
      const [after, effect] = step(queue, input, conditions);
      queue = after;
      seen.push(effect);
    }
    t.match(queue, state);
    t.match(
      seen,
      effects.map((effect) => (typeof effect === 'string' ? { _tag: effect } : effect)),
    );
    t.equal(seen.length, effects.length);
  });

const CALLING: ReadonlySet<RoomQueue['_tag']> = new Set(['Sending', 'Pausing', 'Reconnecting']);
const ENDS: ReadonlySet<Effect['_tag']> = new Set(['Settle', 'GiveUp']);
const OF_CALL: ReadonlySet<Effect['_tag']> = new Set([...ENDS, 'Ask', 'AskAfterProbe', 'AskLater']);

const tags = ['Late', 'Unreachable', 'Untold', 'OutOfMemory', 'Other', 'ReadOnly'] as const;
const anyInput: fc.Arbitrary<Input> = fc.oneof(
  fc.constantFrom(NEW, NEW, head('New', 0), head('None'), head('Known')),
  fc.constantFrom<Input>(ANSWERED, TIMED_OUT, { _tag: 'Elapsed' }, { _tag: 'ProbeAnswered' }),
  fc
    .tuple(fc.constantFrom(...tags), fc.boolean())
    .map(([tag, isReceived]) => failed(tag, isReceived)),
  fc.nat(9).map(returned),
  fc.constant<Input>({ _tag: 'RouteChanged' }),
);
const anyConditions: fc.Arbitrary<Conditions> = fc.record({
  route: fc.constantFrom('cluster', 'cluster', 'pod', 'wait'),
  link: fc.constantFrom(UP.link, UP.link, CUT.link, DENIED.link),
  lastProbe: fc.nat(9),
});

t.test('when any inputs come, then each call begins once and ends once', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyInput, anyConditions), { maxLength: 40 }), (inputs) => {
      let queue = START;
      /** Whether a try of the call may have run, by the errors that came. */
      let unsure = false;
      for (const [input, conditions] of inputs) {
        const [after, effect] = step(queue, input, conditions);
        const had = CALLING.has(queue._tag);
        const has = CALLING.has(after._tag);
        if (input._tag === 'Failed' && queue._tag === 'Sending') {
          if (input.error._tag === 'Late') unsure = false;
          else if (mayHaveRun(input.error)) unsure = true;
        }
        if (input._tag === 'TimedOut' && queue._tag === 'Sending') unsure = true;
        if (effect._tag === 'Send' && (had || !has)) return false;
        if (OF_CALL.has(effect._tag) && !had) return false;
        if (had !== has && effect._tag !== 'Send' && !ENDS.has(effect._tag)) return false;
        if (had && has && ENDS.has(effect._tag)) return false;
        if ('isUnsure' in effect && effect.isUnsure !== unsure) return false;
        if (effect._tag === 'GiveUp' && after._tag !== 'Fallback') return false;
        if (effect._tag === 'Send' || effect._tag === 'Ask')
          if (conditions.link._tag !== 'Usable' || after._tag !== 'Sending') return false;
        if (queue._tag === 'Fallback' && after !== queue)
          if (input._tag !== 'RouteChanged' && input._tag !== 'ProbeReturned') return false;
        if (!has) unsure = false;
        queue = after;
      }
      // whatever came: time ends the call, the outage's end the fallback, and nothing is left
      for (const last of [TIMED_OUT, { _tag: 'RouteChanged' }, head('None')] as const)
        [queue] = step(queue, last, UP);
      return queue === START;
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
