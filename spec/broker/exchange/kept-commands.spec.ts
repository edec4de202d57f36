/** The commands that a worker reads after its start. */
import t from 'tap';
import { keptCommands } from '../../../lib/broker/exchange/kept-commands.js';

const made = () => {
  let now = 1_000;
  const commands = keptCommands(() => now);
  return { ...commands, pass: (ms: number) => void (now += ms) };
};

t.test('when a name comes again, then its last text is kept, and an end removes it', async (t) => {
  const { keep, recall, pass } = made();
  keep('a1', { name: 'a', ms: 100, isOver: false });
  pass(10);
  keep('a2', { name: 'a', ms: 100, isOver: false });
  keep('b1', { name: 'b', ms: 100, isOver: false });
  pass(5);
  t.strictSame(recall(100), [
    { text: 'a2', ageMs: 5 },
    { text: 'b1', ageMs: 5 },
  ]);
  t.strictSame(recall(5), [], 'what is too old is not returned');
  keep('a3', { name: 'a', ms: 100, isOver: true });
  t.strictSame(recall(100), [{ text: 'b1', ageMs: 5 }]);
});

t.test(
  'when there are too many names, then old ones make place; else recall shows that one is missing',
  async (t) => {
    const { keep, recall, pass } = made();
    for (let i = 0; i < 4_096; i += 1) keep(`t${i}`, { name: `n${i}`, ms: 100, isOver: false });
    keep('new', { name: 'new', ms: 100, isOver: false });
    t.equal(recall(1_000).length, 4_097);
    t.strictSame(recall(1_000).at(-1), { text: '', ageMs: 0 }, 'an empty text');
    pass(101);
    keep('new', { name: 'new', ms: 100, isOver: false });
    t.strictSame(
      recall(100).map(({ text }) => text),
      ['new'],
    );
  },
);
