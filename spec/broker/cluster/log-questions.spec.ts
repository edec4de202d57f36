/** What a channel asks the log, in virtual time: each question ends as one input, or is stopped. */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { NEVER, Subject } from 'rxjs';
import t from 'tap';
import type { Input } from '../../../lib/broker/cluster/channel-events.js';
import { type LogOfRoom, LONG, logQuestions } from '../../../lib/broker/cluster/log-questions.js';
import { reorderBuffer } from '../../../lib/broker/cluster/reorder-buffer.js';
import type { RedisError, RedisReply } from '../../../lib/broker/redis/port.js';
import type { Page } from '../../../lib/history/page.js';
import type { LogPosition } from '../../../lib/protocol/position.js';
import { at, topAt } from '../../support/channel-world.js';
import { sequenceWorld } from '../../support/sequence-world.js';

const TIMEOUT_MS = 2_000;

const world = (log: Partial<LogOfRoom> = {}) => {
  const { order, clock } = sequenceWorld();
  const buffer = reorderBuffer();
  const inputs: Input[] = [];
  const asked: string[] = [];
  const questions = logQuestions({
    log: {
      page: (from, most) => {
        asked.push(`page ${from} ${most}`);
        return log.page?.(from, most) ?? NEVER;
      },
      renew: (old) => log.renew?.(old) ?? NEVER,
      position: () => log.position?.() ?? NEVER,
    },
    times: { timeoutMs: TIMEOUT_MS, readEveryMs: 60_000 },
    scheduler: clock.scheduler,
    order,
    buffer,
    dispatch: (input) => inputs.push(input),
    failed: (reason) => {
      throw reason;
    },
  });
  return { order, clock, buffer, inputs, asked, questions };
};

const byHand = <A>(): { readonly give: (answer: A) => void; readonly reply$: RedisReply<A> } => {
  const reply$ = new Subject<Either<RedisError, A>>();
  return { give: (answer) => reply$.next(right(answer)), reply$ };
};

const PAGE: Page = { top: topAt(1, 7), first: 1, entries: [at(1, 6), at(1, 7)] };

t.test(
  "when the log is asked for its position, then the input has the channel's position at that time",
  async (t) => {
    const { give, reply$ } = byHand<LogPosition | undefined>();
    const w = world({ position: () => reply$ });
    w.buffer.add(at(1, 7));
    w.questions.ask();
    t.equal(w.buffer.countAsked(), 1, 'what waits now is what the answer is about');
    w.order.advance(at(1, 6));
    give(topAt(1, 7));
    t.match(w.inputs, [{ _tag: 'LogTop', asked: { offset: 5 }, top: { offset: 7 } }]);
    t.equal(w.inputs.length, 1);
  },
);

t.test(
  "when the log is read, then from the channel's position on; the first read asks for the position only",
  async (t) => {
    const { give, reply$ } = byHand<Page>();
    const w = world({ page: () => reply$ });
    w.questions.read(true);
    w.questions.stop();
    w.questions.read(false);
    t.same(w.asked, ['page 1 0', 'page 5 256']);
    give(PAGE);
    t.match(w.inputs, [{ _tag: 'PageRead', page: PAGE, position: { offset: 5 } }]);
    t.equal(w.inputs.length, 1, 'the one that was stopped is heard no more');
  },
);

t.test('when a read takes too long, then it fails, once', async (t) => {
  const w = world();
  w.questions.read(false);
  w.clock.advance(LONG * TIMEOUT_MS - 1);
  t.same(w.inputs, []);
  w.clock.advance(1);
  t.match(w.inputs, [{ _tag: 'ReadFailed', error: { _tag: 'Unreachable' } }]);
});

t.test(
  'when the channel has moved during a poll, then the page of the poll is dropped',
  async (t) => {
    for (const moves of ['nothing', 'position', 'buffer'] as const) {
      const { give, reply$ } = byHand<Page>();
      const w = world({ page: () => reply$ });
      w.questions.check();
      if (moves === 'position') w.order.advance(at(1, 6));
      if (moves === 'buffer') w.buffer.add(at(1, 6));
      give(PAGE);
      t.match(w.inputs, [{ _tag: moves === 'nothing' ? 'PageRead' : 'CheckEnded' }], moves);
    }
    const w = world();
    w.questions.check();
    w.clock.advance(TIMEOUT_MS);
    t.match(w.inputs, [{ _tag: 'CheckEnded' }], 'nor is a poll without an answer a failure');
  },
);

t.test("when an epoch is renewed, then the input has the channel's position in it", async (t) => {
  const { give, reply$ } = byHand<LogPosition>();
  const w = world({ renew: (old) => (old === 1 ? reply$ : NEVER) });
  w.questions.renew(1);
  give(topAt(2, 0));
  t.match(w.inputs, [{ _tag: 'Renewed', top: { tag: 2 }, known: { tag: 2, offset: 0 } }]);
});

t.test(
  'when a wait ends, then it is an input; when it is stopped, then nothing is left',
  async (t) => {
    const w = world();
    w.questions.wait(250);
    w.clock.advance(249);
    t.same(w.inputs, []);
    w.clock.advance(1);
    t.match(w.inputs, [{ _tag: 'Elapsed' }]);
    w.questions.wait(250);
    w.questions.stop();
    t.equal(w.clock.pending(), 0);
  },
);

t.test('when Redis refuses, then the input has the error', async (t) => {
  const error = { _tag: 'WrongType', detail: 'refused' } as const;
  const refused$ = new Subject<Either<RedisError, never>>();
  const w = world({ page: () => refused$, position: () => refused$ });
  w.questions.read(false);
  refused$.next(left(error));
  t.match(w.inputs, [{ _tag: 'ReadFailed', error }]);
  w.questions.stop();
  w.questions.ask();
  refused$.next(left(error));
  t.match(w.inputs[1], { _tag: 'AskFailed' });
});
