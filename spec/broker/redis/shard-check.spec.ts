/** The check of a Cluster's node: whether it is alive, and whether it still owns the slots of the subscribed channels. */
import t from 'tap';
import {
  type CheckEffect,
  type CheckInput,
  type ShardCheck,
  step,
  UNCHECKED,
} from '../../../lib/broker/redis/shard-check.js';

const TICK: CheckInput = { _tag: 'Tick', asksSlots: false };
const LOOK: CheckInput = { _tag: 'Tick', asksSlots: true };
const MOVED: CheckInput = { _tag: 'SlotMoved' };
const READ: CheckInput = { _tag: 'SlotsRead' };
const pingEnded = (isAnswer: boolean): CheckInput => ({ _tag: 'PingEnded', isAnswer });
const slotsFailed = (isAnswer: boolean): CheckInput => ({ _tag: 'SlotsFailed', isAnswer });

/** What each input makes the subscriber do, and the state after the last. */
const after = (
  ...inputs: readonly CheckInput[]
): { readonly effects: readonly CheckEffect[]; readonly check: ShardCheck } => {
  let check = UNCHECKED;
  const effects: CheckEffect[] = [];
  for (const input of inputs) {
    const [next, effect] = step(check, input);
    check = next;
    effects.push(effect);
  }
  return { effects, check };
};

const TABLE: readonly (readonly [
  title: string,
  inputs: readonly CheckInput[],
  effects: readonly CheckEffect[],
  check: ShardCheck,
])[] = [
  [
    'when a ping is answered, then the next tick pings again',
    [TICK, pingEnded(true), TICK],
    ['Ping', undefined, 'Ping'],
    { silentTicks: 1, isPinged: true, slots: 'Idle' },
  ],
  [
    'when a node answers nothing for three ticks, then the fourth gives its connection up',
    [TICK, TICK, TICK, TICK],
    ['Ping', undefined, undefined, 'GiveUp'],
    { silentTicks: 3, isPinged: true, slots: 'Idle' },
  ],
  [
    'when a ping fails without an answer of Redis, then the next tick pings again, and counts on',
    [TICK, pingEnded(false), TICK],
    ['Ping', undefined, 'Ping'],
    { silentTicks: 2, isPinged: true, slots: 'Idle' },
  ],
  [
    'when a tick asks for the slots, then no ping is sent before they are read',
    [LOOK, TICK, READ],
    ['ReadSlots', undefined, undefined],
    UNCHECKED,
  ],
  [
    'when a routine look fails, then the connection stays',
    [LOOK, slotsFailed(false)],
    ['ReadSlots', undefined],
    { silentTicks: 1, isPinged: false, slots: 'Idle' },
  ],
  [
    'when a routine look is refused, then the node is alive',
    [LOOK, slotsFailed(true)],
    ['ReadSlots', undefined],
    UNCHECKED,
  ],
  [
    'when a slot moved, then the slots are read at once, and a ping stays under way',
    [TICK, MOVED, pingEnded(true), READ],
    ['Ping', 'ReadSlots', undefined, undefined],
    UNCHECKED,
  ],
  [
    'when slots move during a look, then one more look follows, however many they are',
    [LOOK, MOVED, MOVED, READ, READ],
    ['ReadSlots', undefined, undefined, 'ReadSlots', undefined],
    UNCHECKED,
  ],
  [
    'when a look for a moved slot fails, then the connection is given up',
    [MOVED, slotsFailed(true)],
    ['ReadSlots', 'GiveUp'],
    UNCHECKED,
  ],
  [
    'when a slot moves during a routine look that fails, then the connection is given up',
    [LOOK, MOVED, slotsFailed(false)],
    ['ReadSlots', undefined, 'GiveUp'],
    { silentTicks: 1, isPinged: false, slots: 'Idle' },
  ],
  [
    'when a tick asks for the slots while they are read for a moved slot, then it pings',
    [MOVED, LOOK],
    ['ReadSlots', 'Ping'],
    { silentTicks: 1, isPinged: true, slots: 'Moved' },
  ],
];

for (const [title, inputs, effects, check] of TABLE)
  t.test(title, async (t) => {
    t.same(after(...inputs), { effects, check });
  });
