import fc from 'fast-check';
import t from 'tap';
import type { SqlRow } from '../../../lib/history/archive/sql-outbox-port.js';
import {
  type Answer,
  type Effect,
  type Input,
  type Reader,
  sizeOf,
  START,
} from '../../../lib/broker/sql-outbox/reader-state.js';
import { step } from '../../../lib/broker/sql-outbox/reader-step.js';
import { sqlRow } from '../../support/sql-outbox.js';

const BEGAN: Input = { _tag: 'Began' };
const NOTIFIED: Input = { _tag: 'Notified' };
const TICK: Input = { _tag: 'Tick' };
const REMOVED: Input = { _tag: 'Removed' };
const ENDING: Input = { _tag: 'Ending' };
const read = (...rows: readonly SqlRow[]): Input => ({ _tag: 'Read', rows });
const slept = (isAsleep: boolean): Input => ({ _tag: 'Slept', isAsleep });
const row = (nth: number, room = 'r'): SqlRow => sqlRow(nth, { room });
const answered = (room: string, over: Partial<Answer>): Input => ({
  _tag: 'Answered',
  room,
  answer: { published: [], rejected: [], refused: undefined, ...over },
});
const elapsed = (room: string): Input => ({ _tag: 'Elapsed', room });

const textOf = (effect: Effect): string => {
  switch (effect._tag) {
    case 'Read':
      return `Read except ${effect.except.join(',')}`;
    case 'Remove':
      return `Remove ${effect.settled.published.join(',')}/${effect.settled.rejected.map(({ nth }) => nth).join(',')}`;
    case 'Publish':
      return `Publish ${effect.rows.map(({ nth }) => nth).join(',')}`;
    case 'Rest':
      return `Rest ${effect.room} ${effect.failures}`;
    default:
      return effect._tag;
  }
};

/** The effects of each input. */
const after = (...inputs: readonly Input[]): readonly string[] => {
  let reader = START;
  return inputs.map((input) => {
    const [next, effects] = step(reader, input);
    reader = next;
    return effects.map(textOf).join(' ');
  });
};

t.test('when rows come, then they are published and removed, and the reader sleeps', async (t) => {
  t.same(
    after(
      BEGAN,
      read(row(1), row(2, 's'), row(3)),
      read(),
      answered('r', { published: [1, 3] }),
      answered('s', { rejected: [{ nth: 2, reason: 'bad' }] }),
      REMOVED,
      REMOVED,
      read(),
      { _tag: 'Paused' },
      read(),
      slept(true),
      read(),
      NOTIFIED,
      read(row(4)),
      { _tag: 'Woken' },
    ),
    [
      'Read except ',
      'Publish 1,3 Publish 2 Read except r,s',
      'Pause',
      'Remove 1,3/',
      '',
      'Remove /2',
      'Read except ',
      '',
      'Read except ',
      'Sleep',
      'Read except ',
      '',
      'Read except ',
      'Publish 4 Wake',
      'Read except r',
    ],
  );
});

t.test('when a row is refused, then its room rests and the others go on', async (t) => {
  t.same(
    after(
      BEGAN,
      read(row(1), row(2), row(3), row(4, 's')),
      read(),
      answered('r', { published: [1], refused: { row: row(2), at: 0 } }),
      REMOVED,
      read(row(5, 't')),
      elapsed('r'),
      answered('r', { refused: { row: row(2), at: 9 } }),
      elapsed('r'),
      answered('r', { published: [2] }),
    ),
    [
      'Read except ',
      'Publish 1,2,3 Publish 4 Read except r,s',
      'Pause',
      'Rest r 0 Remove 1/',
      'Read except r,s',
      'Publish 5 Read except r,s,t',
      'Publish 2',
      'Rest r 1',
      'Publish 2',
      '',
    ],
    'the backoff grows, and what is after the head is read again later',
  );
});

t.test('when a commit is under way, then the reader reads again before it sleeps', async (t) => {
  t.same(
    after(BEGAN, read(), slept(false), TICK, read(), { _tag: 'Paused' }, read(), slept(true)),
    ['Read except ', 'Sleep', 'Pause', 'Read except ', '', 'Read except ', 'Sleep', 'Read except '],
  );
});

t.test(
  'when rows are being published, then it reads again a moment later, as commits do not notify',
  async (t) => {
    t.same(after(BEGAN, read(row(1)), read(), { _tag: 'Paused' }, read(row(2, 's')), read()), [
      'Read except ',
      'Publish 1 Read except r',
      'Pause',
      'Read except r',
      'Publish 2 Read except r,s',
      'Pause',
    ]);
  },
);

t.test('when it can read no more, then it keeps its session each second', async (t) => {
  const many = Array.from({ length: 1_000 }, (_, i) => row(i));
  t.same(after(BEGAN, read(...many), TICK, { _tag: 'Pinged' }, TICK).slice(2), [
    'Ping',
    '',
    'Ping',
  ]);
  const large = Array.from({ length: 70 }, (_, i) =>
    sqlRow(i, { json: `"${'x'.repeat(131_000)}"` }),
  );
  t.same(after(BEGAN, read(...large), TICK).slice(2), ['Ping']);
  const rooms = Array.from({ length: 256 }, (_, i) => `room-${i}`);
  const refused = rooms.map((room, i) => answered(room, { refused: { row: row(i, room), at: 0 } }));
  t.same(
    after(
      BEGAN,
      read(...rooms.map((room, i) => row(i, room))),
      read(),
      ...refused,
      slept(true),
      TICK,
    ).slice(-1),
    ['Ping'],
    'all are refused',
  );
});

t.test('when it ends, then it finishes what is being published, and reads no more', async (t) => {
  t.same(
    after(
      BEGAN,
      read(row(1), row(2, 's')),
      ENDING,
      answered('r', { published: [1] }),
      read(row(3, 't')),
      REMOVED,
      answered('s', { refused: { row: row(2, 's'), at: 0 } }),
    ),
    [
      'Read except ',
      'Publish 1 Publish 2 Read except r,s',
      '',
      '',
      'Remove 1/',
      '',
      'Rest s 0 Finish',
    ],
  );
  t.same(after(ENDING), ['Finish']);
});

/** PostgreSQL and the broker, which answer in any order. */
const played = (
  choices: readonly number[],
): { reader: Reader; published: number[]; gone: number[] } => {
  const rooms = ['a', 'b', 'c'];
  const table = new Map(Array.from({ length: 40 }, (_, i) => [i, row(i, rooms[i % 3] ?? 'a')]));
  const state = {
    reader: START,
    open: [] as Effect[],
    published: [] as number[],
    gone: [] as number[],
  };
  const accept = (input: Input): void => {
    const [next, effects] = step(state.reader, input);
    state.reader = next;
    state.open.push(...effects);
  };
  const answer = (effect: Effect, choice: number): void => {
    switch (effect._tag) {
      case 'Read':
        return accept(
          read(
            ...[...table.values()]
              .filter(({ room }) => !effect.except.includes(room))
              .slice(0, 1 + (choice % 7)),
          ),
        );
      case 'Remove':
        for (const nth of effect.settled.published) {
          if (table.delete(nth)) state.gone.push(nth);
        }
        return accept(REMOVED);
      case 'Publish': {
        const done = effect.rows.slice(0, choice % (effect.rows.length + 1));
        state.published.push(...done.map(({ nth }) => nth));
        const refused = effect.rows[done.length];
        return accept(
          answered(effect.room, {
            published: done.map(({ nth }) => nth),
            refused: refused && { row: refused, at: 0 },
          }),
        );
      }
      case 'Rest':
        return accept(elapsed(effect.room));
      case 'Sleep':
        return accept(slept(choice % 2 === 0));
      case 'Pause':
        return accept({ _tag: 'Paused' });
      case 'Wake':
        return accept({ _tag: 'Woken' });
      case 'Ping':
        return accept({ _tag: 'Pinged' });
      case 'Finish':
        return;
    }
  };
  accept(BEGAN);
  for (const choice of choices) {
    const [effect] = state.open.splice(choice % Math.max(1, state.open.length), 1);
    if (effect === undefined) accept(TICK);
    else answer(effect, choice);
  }
  // then everything is taken
  for (let i = 0; i < 2_000 && table.size > 0; i += 1) {
    const effect = state.open.shift();
    if (effect === undefined) accept(TICK);
    else answer(effect, effect._tag === 'Publish' ? effect.rows.length : 6);
  }
  return state;
};

t.test(
  'when answers come in any order, then each row is published once, in the order of its room, and removed',
  async () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 200 }), (choices) => {
        const { reader, published, gone } = played(choices);
        const inOrder = [0, 1, 2].every((room) => {
          const some = published.filter((nth) => nth % 3 === room);
          return some.every((nth, i) => nth === room + 3 * i);
        });
        return (
          inOrder &&
          published.length === 40 &&
          gone.length === 40 &&
          sizeOf(reader).publishing === 0
        );
      }),
      { numRuns: 500 },
    );
  },
);
