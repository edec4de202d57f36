/** The answer of a hook, whatever form the application chose, as a stream of one value at most. */
import t from 'tap';
import { EMPTY, NEVER, of } from 'rxjs';
import { answerOf, HookLate } from '../lib/hook-answer.js';
import type { MaybeAsync } from '../lib/hooks.js';
import { virtualClock } from './support/virtual-clock.js';

const answered = (call: () => MaybeAsync<number>) => {
  const clock = virtualClock();
  const seen: unknown[] = [];
  answerOf(call, clock).subscribe({
    next: (value) => seen.push(value),
    error: (error: unknown) => seen.push(error),
    complete: () => seen.push('end'),
  });
  return { clock, seen };
};

t.test(
  'when a hook answers with a value or a stream, then its first value is there at once',
  async (t) => {
    t.strictSame(answered(() => 1).seen, [1, 'end']);
    t.strictSame(answered(() => of(1, 2)).seen, [1, 'end']);
    t.strictSame(answered(() => EMPTY).seen, ['end']);
  },
);

t.test('when a hook answers with a promise, then its value comes later', async (t) => {
  const { seen } = answered(async () => 1);
  t.strictSame(seen, []);
  await new Promise(setImmediate);
  t.strictSame(seen, [1, 'end']);
});

t.test('when a hook throws, then the stream errors with the same', async (t) => {
  const error = new Error('of the application');
  const { seen } = answered(() => {
    throw error;
  });
  t.strictSame(seen, [error]);
});

t.test(
  'when a hook does not answer for a second, then it is late, and no timer is left',
  async (t) => {
    const { clock, seen } = answered(() => NEVER);
    clock.advance(999);
    t.strictSame(seen, []);
    clock.advance(1);
    t.type(seen[0], HookLate);
    t.equal(clock.pending(), 0);
  },
);
