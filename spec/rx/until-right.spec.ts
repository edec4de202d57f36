/** An answer that is asked for again while it is `Left`. */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { defer, of } from 'rxjs';
import t from 'tap';
import { untilRight } from '../../lib/rx/until-right.js';
import { virtualClock } from '../support/virtual-clock.js';

const TIMEOUT_MS = 2_000;

/** `failures`: how many answers are `Left`. */
const asked = (failures: number) => {
  const clock = virtualClock();
  const at: number[] = [];
  const answers: Either<string, string>[] = [];
  const ask$ = defer(() => {
    at.push(clock.scheduler.now());
    return of<Either<string, string>>(at.length <= failures ? left('no') : right('yes'));
  });
  const asking = untilRight(ask$, clock, TIMEOUT_MS).subscribe((answer) => answers.push(answer));
  return { clock, at, answers, asking };
};

t.test('when the first answer is right, then it is emitted at once', async (t) => {
  const { at, answers } = asked(0);
  t.same([at.length, answers], [1, [right('yes')]]);
});

t.test(
  'when the third answer is right, then there are two waits, the second one longer',
  async (t) => {
    const { clock, at, answers } = asked(2);
    clock.advance(1_000);
    t.same(answers, [right('yes')]);
    const [first = 0, second = 0, third = 0] = at;
    t.ok(second - first <= 50 && third - second <= 100 && third > second, at.join(', '));
  },
);

t.test('when no answer is right in time, then the last one is emitted at the end', async (t) => {
  const { clock, at, answers } = asked(Number.POSITIVE_INFINITY);
  const [begin = 0] = at;
  clock.advance(TIMEOUT_MS - 1);
  t.same(answers, []);
  clock.advance(1);
  t.same(answers, [left('no')]);
  t.equal(at.at(-1), begin + TIMEOUT_MS);
  t.equal(clock.pending(), 0);
});

t.test('when it is unsubscribed, then nothing is asked any more', async (t) => {
  const { clock, at, asking } = asked(Number.POSITIVE_INFINITY);
  asking.unsubscribe();
  clock.advance(TIMEOUT_MS);
  t.same([at.length, clock.pending()], [1, 0]);
});
