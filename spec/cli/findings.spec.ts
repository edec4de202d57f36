/** What the check prints, and the exit code that follows from it. */
import t from 'tap';
import {
  exitCodeOf,
  type Finding,
  lineOf,
  openFilesFinding,
  rightsFinding,
  skewFinding,
  summaryOf,
} from '../../lib/cli/findings.js';

t.test(
  'when findings are printed, then the level comes first, and only a failure fails',
  async (t) => {
    const ok: Finding = { level: 'ok', about: 'rights', text: 'all' };
    const warning: Finding = { level: 'warning', about: 'clock', text: 'late' };
    const failed: Finding = { level: 'failed', about: 'Redis', text: 'gone' };
    t.strictSame([ok, warning, failed].map(lineOf), [
      'ok       rights: all',
      'warning  clock: late',
      'failed   Redis: gone',
    ]);
    t.equal(summaryOf([ok, warning, failed]), '1 ok, 1 warning, 1 failed');
    t.equal(summaryOf([ok, ok]), '2 ok, 0 warnings, 0 failed');
    t.equal(exitCodeOf([ok, warning]), 0);
    t.equal(exitCodeOf([ok, failed]), 1);
  },
);

t.test(
  'when the limit of open files is below what connections need, then that fails',
  async (t) => {
    t.match(openFilesFinding(10_200, 10_000), { level: 'ok' });
    t.match(openFilesFinding(undefined, 10_000), { level: 'ok' });
    const { level, text } = openFilesFinding(10_199, 10_000);
    t.equal(level, 'failed');
    t.match(text, /^ulimit -n is 10199, but MAX_CONNECTIONS=10000 needs 10200: raise /);
  },
);

t.test('when clocks differ by a second or more, then that is a warning', async (t) => {
  t.match(skewFinding('Redis', 999, 'why'), { level: 'ok', text: /^Redis is 999 ms ahead of/ });
  t.match(skewFinding('Redis', -2_345, 'why'), {
    level: 'warning',
    text: /is 2\.3 s behind this machine: why; .*NTP/,
  });
});

t.test('when rights are missing, then the line has the rules to add', async (t) => {
  t.match(rightsFinding('h:1', []), { level: 'ok' });
  t.match(rightsFinding('h:1', ['+xadd', '&realtime:*']), {
    level: 'failed',
    text: /at h:1 lacks \+xadd &realtime:\*: add them/,
  });
});
