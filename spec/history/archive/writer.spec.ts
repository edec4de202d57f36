import { isLeft } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { type Failure, failureOf } from '../../../lib/history/archive/failure.js';
import type { ArchiveError, ArchiveEvent, Outcome } from '../../../lib/history/archive/port.js';
import type { ArchiveRow } from '../../../lib/history/archive/row.js';
import { writer } from '../../../lib/history/archive/writer.js';
import { messages } from '../../support/archive.js';
import { virtualClock } from '../../support/virtual-clock.js';

const BAD_ROW = failureOf(Object.assign(new Error('bad'), { code: '22021' }), true);
const NO_PARTITION = failureOf(
  Object.assign(new Error('no partition of relation'), { code: '23514' }),
  true,
);
const BROKEN = failureOf(new Error('broken'), true);
const DEADLOCK = failureOf(Object.assign(new Error('deadlock'), { code: '40P01' }), true);
const FULL_DISK = failureOf(Object.assign(new Error('no space'), { code: '53100' }), true);

type Answered = readonly string[] | string;

/** A writer whose INSERTs end when the spec says so. */
const world = (bound = { messages: 100, bytes: 1_000_000 }) => {
  const clock = virtualClock();
  const inserts: {
    readonly offsets: readonly number[];
    readonly end: (failure?: Failure) => void;
  }[] = [];
  const made: number[][] = [];
  const aside: string[] = [];
  const events: ArchiveEvent[] = [];
  const current: {
    refusal: ArchiveError | undefined;
    failures: number;
    /** Why no message can be set aside. */
    aside: Failure | undefined;
    /** Why no partition can be made. */
    noRoom: Failure | undefined;
  } = { refusal: undefined, failures: 0, aside: undefined, noRoom: undefined };
  const offsetsOf = (rows: readonly ArchiveRow[]): number[] => rows.map(({ offset }) => offset);
  const archive = writer({
    clock,
    circuit: {
      refusal: () => current.refusal,
      succeeded: () => {
        current.failures = 0;
      },
      failed: ({ detail }) => {
        current.failures += 1;
        if (current.failures < 2) return;
        current.refusal = { _tag: 'Unavailable', detail };
        archive.interrupt(current.refusal);
      },
    },
    report: (event) => events.push(event),
    insert: (rows) => new Promise((end) => inserts.push({ offsets: offsetsOf(rows), end })),
    makeRoom: async (rows) => {
      made.push(offsetsOf(rows));
      return current.noRoom;
    },
    setAside: async (poisoned) => {
      if (current.aside !== undefined) return current.aside;
      aside.push(...poisoned.map(({ detail }) => detail));
      return undefined;
    },
    bound,
    batch: { messages: 10, bytes: 1_000_000 },
  });
  const answers: Answered[] = [];
  const tagsOf = (outcomes: readonly Outcome[]): Answered => outcomes.map(({ _tag }) => _tag);
  const store = (from: number, count: number, nth = answers.push('') - 1): void => {
    archive.store('r', messages('r', count, { from })).subscribe((answer) => {
      answers[nth] = isLeft(answer) ? answer.left._tag : tagsOf(answer.right);
    });
  };
  /** Runs the turn, and what waits for promises. */
  const turn = async (): Promise<void> => {
    clock.advance(0);
    await new Promise(setImmediate);
  };
  const end = async (failure?: Failure): Promise<readonly number[] | undefined> => {
    await turn();
    const insert = inserts.shift();
    insert?.end(failure);
    await turn();
    return insert?.offsets;
  };
  return { archive, answers, store, turn, end, inserts, made, aside, events, current };
};

t.test('when calls come in one turn, then they are one batch', async (t) => {
  const w = world();
  w.store(1, 2);
  w.store(3, 1);
  t.equal(w.inserts.length, 0, 'not before the end of the turn');
  await w.turn();
  w.store(4, 1);
  w.store(5, 9);
  t.strictSame(await w.end(), [1, 2, 3]);
  t.strictSame(w.answers.slice(0, 3), [['Stored', 'Stored'], ['Stored'], ''], 'answered on disk');
  t.strictSame(await w.end(), [4, 5, 6, 7, 8, 9, 10, 11, 12, 13], 'later calls gather meanwhile');
  t.strictSame(await w.end(), undefined);
  t.strictSame(w.archive.size(), { messages: 0, bytes: 0 });
  t.match(w.events, [
    { _tag: 'BatchStored', messages: 3 },
    { _tag: 'BatchStored', messages: 10 },
  ]);
});

t.test('when a row is bad, then the batch is halved until it is found', async (t) => {
  const w = world();
  w.store(1, 4);
  w.store(5, 1);
  const sent: (readonly number[] | undefined)[] = [];
  const answer = async (failure?: Failure): Promise<void> => void sent.push(await w.end(failure));
  await answer(BAD_ROW);
  await answer();
  await answer(BAD_ROW);
  await answer(BAD_ROW);
  await answer();
  t.strictSame(sent, [[1, 2, 3, 4, 5], [1, 2, 3], [4, 5], [4], [5]]);
  t.strictSame(w.answers, [['Stored', 'Stored', 'Stored', 'Poison'], ['Stored']]);
  t.strictSame(w.aside, ['bad (22021)']);
  t.match(w.events, [{ _tag: 'PoisonFound' }, { _tag: 'BatchStored', messages: 4 }]);
});

t.test(
  'when there is no partition, then it is made once, and the batch is sent again',
  async (t) => {
    const w = world();
    w.store(1, 2);
    await w.end(NO_PARTITION);
    t.strictSame(w.made, [[1, 2]]);
    await w.end();
    t.strictSame(w.answers, [['Stored', 'Stored']]);
    w.store(3, 1);
    await w.end(NO_PARTITION);
    await w.end(NO_PARTITION);
    t.strictSame(w.answers[1], ['Poison'], 'no endless loop');
  },
);

t.test('when no partition can be made, then that is a failure for the breaker', async (t) => {
  const w = world();
  w.current.noRoom = failureOf(
    Object.assign(new Error('permission denied'), { code: '42501' }),
    false,
  );
  w.store(1, 1);
  await w.end(NO_PARTITION);
  t.strictSame(w.answers, ['Refused'], 'nothing was written');
  t.equal(w.current.failures, 1);
});

t.test('when the connection breaks, then the batch is sent once more', async (t) => {
  const w = world();
  w.store(1, 2);
  t.strictSame(await w.end(BROKEN), [1, 2]);
  t.strictSame(await w.end(), [1, 2]);
  t.strictSame(w.answers, [['Stored', 'Stored']]);
  t.equal(w.current.failures, 0);
});

t.test(
  'when it breaks again, then what was sent is unsure, and what waits is not stored',
  async (t) => {
    const w = world();
    w.store(1, 2);
    await w.turn();
    w.store(3, 1);
    await w.end(BROKEN);
    await w.end(failureOf(new Error('refused'), false));
    t.strictSame(w.answers, ['Unsure', 'Unavailable'], 'the first try may have stored it');
    w.store(4, 1);
    t.equal(w.answers[2], 'Unavailable', 'at once');
    t.equal(w.inserts.length, 0);
    w.current.refusal = undefined;
    w.store(4, 1);
    t.strictSame(await w.end(), [4]);
  },
);

t.test(
  'when pages are read while each INSERT breaks, then a batch is sent twice, not for ever',
  async (t) => {
    const w = world();
    w.store(1, 1);
    await w.end(BROKEN);
    // a page was read: these failures are not in a row
    w.current.failures = 0;
    await w.end(BROKEN);
    t.strictSame(w.answers, ['Unsure']);
    t.equal(w.inserts.length, 0);
  },
);

t.test('when PostgreSQL refuses, then an operator must act', async (t) => {
  const w = world();
  w.store(1, 1);
  await w.end(FULL_DISK);
  await w.end(FULL_DISK);
  t.strictSame(w.answers, ['Refused']);
});

t.test('when there is a deadlock, then the batch is sent three times more', async (t) => {
  const w = world();
  w.store(1, 1);
  for (let i = 0; i < 3; i += 1) t.strictSame(await w.end(DEADLOCK), [1]);
  await w.end();
  w.store(2, 1);
  for (let i = 0; i < 4; i += 1) await w.end(DEADLOCK);
  t.strictSame(w.answers, [['Stored'], 'Unavailable']);
  t.equal(w.current.failures, 0, 'PostgreSQL answers');
});

t.test('when too many messages wait, then the next call is not taken', async (t) => {
  const w = world({ messages: 5, bytes: 1_000_000 });
  w.store(1, 4);
  w.store(5, 2);
  t.strictSame(w.answers, ['', 'Unavailable']);
  t.equal(w.archive.size().messages, 4);
  await w.end();
  w.store(5, 2);
  t.strictSame(await w.end(), [5, 6]);
});

t.test(
  'when it is drained, then it takes no call, and completes when all are answered',
  async (t) => {
    const w = world();
    let isDone = false;
    w.store(1, 1);
    w.archive.drained().subscribe({ complete: () => (isDone = true) });
    w.store(2, 1);
    t.strictSame(w.answers, ['', 'Unavailable']);
    t.notOk(isDone);
    await w.end();
    t.strictSame(w.answers, [['Stored'], 'Unavailable']);
    t.ok(isDone);
  },
);
