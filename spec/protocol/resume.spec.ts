/** Where a connection resumes in each of its two logs. */
import fc from 'fast-check';
import t from 'tap';
import { formatId, type MessageId, NO_EPOCH } from '../../lib/protocol/position.js';
import { earliestMs, replaysFrom, resumeAfter, resumesOf } from '../../lib/protocol/resume.js';

const idOf = (over: Partial<MessageId> = {}): string =>
  formatId({ tag: 1, offset: 7, ms: 9_000, global: false, outside: false, nonce: 0, ...over });

const ROOM = idOf();
const GLOBAL_ID = idOf({ global: true, offset: 3, ms: 8_000 });

t.test('when an id names no log, then no log resumes after it', async (t) => {
  t.equal(resumeAfter(undefined), undefined);
  t.equal(resumeAfter(''), undefined);
  t.equal(resumeAfter('7'), undefined);
  t.equal(resumeAfter(idOf({ tag: NO_EPOCH })), undefined);
  t.match(resumeAfter(ROOM.toUpperCase()), { _tag: 'After', id: { offset: 7 }, text: ROOM });
});

t.test(
  'when one id comes, then its log resumes after it, and the other log by its time',
  async (t) => {
    t.match(resumesOf(ROOM), { room: { _tag: 'After' }, global: { _tag: 'Since', ms: 9_000 } });
    t.match(resumesOf(GLOBAL_ID), {
      room: { _tag: 'Since', ms: 8_000 },
      global: { _tag: 'After' },
    });
    t.same(resumesOf(null), { room: undefined, global: undefined });
    t.match(resumesOf(idOf({ tag: NO_EPOCH })), {
      room: { _tag: 'Since', ms: 9_000 },
      global: { _tag: 'Since', ms: 9_000 },
    });
  },
);

t.test('when two ids come in either order, then each log resumes after its own id', async (t) => {
  for (const text of [`${ROOM},${GLOBAL_ID}`, `${GLOBAL_ID},${ROOM}`])
    t.match(resumesOf(text), {
      room: { _tag: 'After', text: ROOM },
      global: { _tag: 'After', text: GLOBAL_ID },
    });
  const later = idOf({ offset: 8, ms: 9_500 });
  t.match(resumesOf(`${later},${ROOM}`), { room: { text: later } }, 'two of one log: the later');
});

t.test('when any ids come, then the earliest time is that of the earliest id', async (t) => {
  const ids = fc.record({ ms: fc.integer({ min: 1, max: 2 ** 40 }), global: fc.boolean() });
  fc.assert(
    fc.property(ids, ids, (one, other) => {
      const resumes = resumesOf(`${idOf(one)},${idOf(other)}`);
      const times = one.global === other.global ? [Math.max(one.ms, other.ms)] : [one.ms, other.ms];
      return (
        earliestMs(resumes) === Math.min(...times) && replaysFrom(resumes) === earliestMs(resumes)
      );
    }),
  );
  t.equal(earliestMs(resumesOf(null)), Infinity);
});
