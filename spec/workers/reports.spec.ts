/** One question to all workers, and their answers. */
import t from 'tap';
import type { ToWorker } from '../../lib/workers/frames.js';
import { reports } from '../../lib/workers/reports.js';
import { virtualClock } from '../support/virtual-clock.js';

const made = (count: number) => {
  const clock = virtualClock();
  const { ask, answered } = reports(clock);
  const frames: ToWorker[] = [];
  const workers = Array.from({ length: count }, () => ({
    send: (frame: ToWorker): void => void frames.push(frame),
  }));
  const answers: (readonly unknown[])[] = [];
  ask({ _tag: 'Metrics' }, workers).subscribe((parts) => answers.push(parts));
  return { clock, answered, frames, answers };
};

t.test('when all workers answer, then the asker has all reports at once', async (t) => {
  const { answered, frames, answers } = made(2);
  t.strictSame(frames, [
    { _tag: 'PartAsked', question: 1, about: { _tag: 'Metrics' } },
    { _tag: 'PartAsked', question: 1, about: { _tag: 'Metrics' } },
  ]);
  answered(1, 'a');
  answered(7, 'of another question');
  t.strictSame(answers, []);
  answered(1, 'b');
  t.strictSame(answers, [['a', 'b']]);
});

t.test('when a worker does not answer within a second, then the others are reported', async (t) => {
  const { clock, answered, answers } = made(2);
  answered(1, 'a');
  clock.advance(999);
  t.strictSame(answers, []);
  clock.advance(1);
  t.strictSame(answers, [['a']]);
});
