/** Replies of the scripts as values; a reply of another form is an error. */
import { isLeft } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import { outcomesOf, pageIn, recalledOf, topOf } from '../../../lib/broker/redis/replies.js';

t.test(
  'when the script answers, then each message is placed, a duplicate, or has a key of another message',
  async (t) => {
    t.same(outcomesOf(['pa', 'db', 'k'], 3), {
      _tag: 'Right',
      right: [{ _tag: 'Placed', id: 'a' }, { _tag: 'Duplicate', id: 'b' }, { _tag: 'KeyReused' }],
    });
    t.match(outcomesOf(0, 1), { left: { _tag: 'Late' } });
    t.match(outcomesOf(-1, 1), { left: { _tag: 'Untold' } });
    t.match(
      outcomesOf(['pa'], 2),
      { left: { _tag: 'Other', detail: /2 outcomes/ } },
      'one too few',
    );
  },
);

t.test('when a log has no message, then its position has no id', async (t) => {
  t.same(topOf([1, 0, 5, '']), { _tag: 'Right', right: { tag: 1, offset: 0, ms: 5, id: null } });
  t.same(topOf([1, 2, 5, 'x']), { _tag: 'Right', right: { tag: 1, offset: 2, ms: 5, id: 'x' } });
});

t.test('when a page has no `beforeMs`, then that time is unknown', async (t) => {
  t.match(pageIn([1, 2, 5, 'x', 3, -1, -1, -1], 1), { right: { first: 3, entries: [] } });
  const page = pageIn([1, 2, 5, 'x', 3, 7, 8, 9], 1);
  t.match(page, { right: { beforeMs: 7, renewedMs: 8, begunMs: 9 } });
});

t.test('when commands are recalled, then each has its age', async (t) => {
  t.same(recalledOf([5, 'a', 0, 'b']), {
    _tag: 'Right',
    right: [
      { ageMs: 5, text: 'a' },
      { ageMs: 0, text: 'b' },
    ],
  });
  t.match(recalledOf(['a', 5]), { left: { _tag: 'Other' } });
});

t.test('when a reply has any other form, then it is an error and nothing throws', async (t) => {
  const reply = fc.oneof(fc.anything(), fc.array(fc.oneof(fc.integer(), fc.string())));
  fc.assert(
    fc.property(reply, (came) =>
      [topOf(came), pageIn(came, 1), recalledOf(came), outcomesOf(came, 1)].every(({ _tag }) =>
        ['Left', 'Right'].includes(_tag),
      ),
    ),
  );
  for (const came of [null, 'OK', 7, {}]) t.ok(isLeft(topOf(came)) && isLeft(pageIn(came, 1)));
});
