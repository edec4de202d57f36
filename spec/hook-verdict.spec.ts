/** What `onMessage` decided: read once, whatever the application answered. */
import t from 'tap';
import { EMPTY } from 'rxjs';
import { type Verdict, verdictOf } from '../lib/hook-verdict.js';
import type { Hooks } from '../lib/hooks.js';
import { virtualClock } from './support/virtual-clock.js';

const MESSAGE = { type: 'chat', room: 'r', data: 1 } as const;

const verdict = (answer: () => unknown): Verdict | undefined => {
  let found: Verdict | undefined;
  const hook = answer as NonNullable<Hooks['onMessage']>;
  verdictOf(hook, MESSAGE, { via: 'program', from: 'server' }, virtualClock()).subscribe((one) => {
    found = one;
  });
  return found;
};

t.test(
  'when a hook passes a message on, drops it or rejects it, then that is the verdict',
  async (t) => {
    t.strictSame(
      verdict(() => ({ ...MESSAGE, data: 2 })),
      {
        _tag: 'Passed',
        message: { room: 'r', data: 2 },
      },
    );
    t.strictSame(verdict(() => ({ room: '', data: 2 }))?._tag, 'Passed', 'for everybody');
    t.strictSame(
      verdict(() => null),
      { _tag: 'Dropped' },
    );
    t.strictSame(
      verdict(() => ({ rejected: 'too rude' })),
      { _tag: 'Rejected', text: 'too rude' },
    );
  },
);

t.test(
  'when a rejection is long or has half a character, then the sender gets valid text of bounded length',
  async (t) => {
    t.equal(
      (verdict(() => ({ rejected: 'x'.repeat(5_000) })) as { text: string }).text.length,
      1_024,
    );
    t.equal((verdict(() => ({ rejected: '\ud800' })) as { text: string }).text, '\ufffd');
  },
);

t.test(
  'when the answer is no message, then the hook has failed and nothing is thrown',
  async (t) => {
    const getter = {
      room: 'r',
      get data(): never {
        throw new Error('of the application');
      },
    };
    for (const bad of [
      undefined,
      5,
      'text',
      {},
      { room: 7 },
      { room: 'a b' },
      { rejected: 5 },
      getter,
    ])
      t.match(
        verdict(() => bad),
        { _tag: 'Failed', how: 'unusable' },
      );
    t.match(
      verdict(() => EMPTY),
      { _tag: 'Failed', how: 'unusable' },
    );
    t.match(
      verdict(() => {
        throw new Error('of the application');
      }),
      { _tag: 'Failed', how: 'threw' },
    );
  },
);
