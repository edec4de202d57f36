import fc from 'fast-check';
import t from 'tap';
import {
  type Breaker,
  type Input,
  refusalOf,
  START,
  step,
} from '../../../lib/history/archive/breaker.js';
import type { ArchiveError } from '../../../lib/history/archive/port.js';

const CAUSE: ArchiveError = { _tag: 'Unavailable', detail: 'down' };
const failed: Input = { _tag: 'Failed', cause: CAUSE, isFinal: false };
const silent: Input = { _tag: 'Failed', cause: CAUSE, isFinal: true };
const succeeded: Input = { _tag: 'Succeeded' };
const elapsed: Input = { _tag: 'Elapsed' };
const probed: Input = { _tag: 'ProbeSucceeded' };
const unprobed: Input = { _tag: 'ProbeFailed', cause: CAUSE };

const after = (...inputs: readonly Input[]): readonly [Breaker['_tag'], readonly string[]] => {
  let breaker = START;
  const effects: string[] = [];
  for (const input of inputs) {
    const [next, effect] = step(breaker, input);
    breaker = next;
    if (effect._tag === 'Wait') effects.push(`Wait ${effect.failures}`);
    else if (effect._tag !== 'Nothing') effects.push(effect._tag);
  }
  return [breaker._tag, effects];
};

t.test('when inputs come, then the breaker is as its diagram says', async (t) => {
  t.strictSame(after(), ['Starting', []]);
  t.strictSame(after(unprobed), ['Open', ['Interrupt']], 'the first probe failed');
  t.strictSame(after(probed), ['Closed', ['Restore']]);
  t.strictSame(after(probed, failed), ['Closed', ['Restore']], 'one failure');
  t.strictSame(after(probed, failed, failed), ['Open', ['Restore', 'Interrupt']]);
  t.strictSame(after(probed, failed, succeeded, failed), ['Closed', ['Restore']], 'not in a row');
  t.strictSame(after(probed, silent), ['Open', ['Restore', 'Interrupt']], 'no answer');
  t.strictSame(after(probed, silent, elapsed), ['Probing', ['Restore', 'Interrupt', 'Probe']]);
  t.strictSame(
    after(unprobed, elapsed, unprobed, elapsed, unprobed, elapsed, probed),
    ['Closed', ['Interrupt', 'Probe', 'Wait 0', 'Probe', 'Wait 1', 'Probe', 'Restore']],
    'the backoff grows',
  );
});

t.test('when a call ends after the breaker has opened, then it changes nothing', async (t) => {
  t.strictSame(after(probed, silent, succeeded, failed, silent, probed, unprobed)[0], 'Open');
  t.strictSame(after(succeeded, failed, silent, elapsed), ['Starting', []]);
});

t.test(
  'when any inputs come, then calls are sent only when it is closed, and it can close',
  async () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(failed, silent, succeeded, elapsed, probed, unprobed)),
        (inputs) => {
          const breaker = inputs.reduce((state, input) => step(state, input)[0], START);
          const closed = [elapsed, probed].reduce((state, input) => step(state, input)[0], breaker);
          return (
            (refusalOf(breaker) === undefined) === (breaker._tag === 'Closed') &&
            closed._tag === 'Closed'
          );
        },
      ),
    );
  },
);
