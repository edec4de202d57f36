/** What a signal means, by the one before it. */
import t from 'tap';
import { SAME_SIGNAL_MS, signals } from '../lib/signals.js';

const judged = (...received: readonly (readonly [ms: number, signal: string])[]) => {
  let now = 0;
  const meaningOf = signals(() => now);
  return received.map(([ms, signal]) => {
    now = 1_000 + ms;
    return meaningOf(signal);
  });
};

t.test(
  'when npm passes on a Ctrl-C that the process got already, then it counts as one signal',
  async (t) => {
    t.strictSame(judged([0, 'SIGINT'], [1, 'SIGINT'], [SAME_SIGNAL_MS - 1, 'SIGINT']), [
      'drain',
      'repeated',
      'repeated',
    ]);
  },
);

t.test('when the same signal comes again later, then the process ends at once', async (t) => {
  t.strictSame(judged([0, 'SIGTERM'], [SAME_SIGNAL_MS, 'SIGTERM']), ['drain', 'end']);
  t.strictSame(
    judged([0, 'SIGINT'], [400, 'SIGINT'], [600, 'SIGINT']),
    ['drain', 'repeated', 'end'],
    'a key that is held down ends it too: the time counts from the first signal',
  );
});

t.test('when another signal follows, then the process ends at once', async (t) => {
  t.strictSame(judged([0, 'SIGINT'], [1, 'SIGTERM']), ['drain', 'end']);
});
