/** The tries of a call of the publish script. */
import t from 'tap';
import {
  type NextTry,
  sent,
  step,
  type Tries,
  UNTRIED,
} from '../../../lib/broker/cluster/call-tries.js';
import type { RedisError } from '../../../lib/broker/redis/port.js';

const TABLE: readonly (readonly [
  title: string,
  errors: readonly RedisError['_tag'][],
  next: readonly NextTry[],
  tries: Partial<Tries>,
])[] = [
  ['when a call is refused, then it did not run', ['OutOfMemory'], ['GiveUp'], { isUnsure: false }],
  [
    'when a call comes too late twice, then it is given up, and did not run',
    ['Late', 'Late'],
    ['AskAfterProbe', 'GiveUp'],
    { isUnsure: false },
  ],
  [
    'when the connection breaks, then the call is asked for again, however often',
    ['Unreachable', 'Unreachable', 'Unreachable'],
    ['AskLater', 'AskLater', 'AskLater'],
    { isUnsure: true, count: 3 },
  ],
  [
    'when an unsure call comes too late, then no try of it has run',
    ['Unreachable', 'Late'],
    ['AskLater', 'AskAfterProbe'],
    { isUnsure: false },
  ],
  [
    'when an error says nothing about the call, then the log is asked once',
    ['Other', 'Other'],
    ['Ask', 'GiveUp'],
    { isUnsure: true },
  ],
  [
    'when the log does not reach back, then the call is given up, and may have run',
    ['Unreachable', 'Untold'],
    ['AskLater', 'GiveUp'],
    { isUnsure: true },
  ],
  [
    'when an unsure call is refused, then an earlier try may have run',
    ['Unreachable', 'ReadOnly'],
    ['AskLater', 'GiveUp'],
    { isUnsure: true },
  ],
];

for (const [title, errors, expected, last] of TABLE)
  t.test(title, async (t) => {
    let tries = UNTRIED;
    const nexts: NextTry[] = [];
    for (const _tag of errors) {
      const [after, next] = step(sent(tries), { _tag, detail: '' });
      tries = after;
      nexts.push(next);
    }
    t.same(nexts, expected);
    t.match(tries, last);
  });
