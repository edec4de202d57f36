import fc from 'fast-check';
import t from 'tap';
import { isOutside, isSameId, readId, tagIn } from '../../lib/protocol/message-id.js';
import { formatId } from '../../lib/protocol/position.js';

const id = fc.record({
  ms: fc.nat(2 ** 31),
  tag: fc.integer({ min: 1, max: 4_094 }),
  offset: fc.maxSafeNat().map((n) => n % 2 ** 40),
  global: fc.boolean(),
  outside: fc.boolean(),
  nonce: fc.nat(0xfffff),
});

t.test('when an id is written, then it is read back, as a whole and in its parts', async (t) => {
  fc.assert(
    fc.property(id, (bits) => {
      const text = formatId(bits);
      t.strictSame(readId(text), { ...bits });
      t.equal(isOutside(text), bits.outside);
      t.equal(Number.parseInt(tagIn(text), 16), bits.tag);
    }),
    { numRuns: 50 },
  );
});

t.test(
  'when two ids are of one log and one epoch, then the later one is the greater text',
  async (t) => {
    fc.assert(
      fc.property(
        id,
        fc.nat(1_000),
        fc.integer({ min: 1, max: 1_000 }),
        fc.nat(0xfffff),
        (bits, ms, more, nonce) => {
          const log = { ...bits, offset: bits.offset % 2 ** 39, outside: false };
          const next = { ...log, ms: log.ms + ms, offset: log.offset + more, nonce };
          t.ok(formatId(log) < formatId(next));
        },
      ),
      { numRuns: 50 },
    );
  },
);

t.test('when a text is no UUIDv7, then it is not read as an id', async (t) => {
  for (const text of ['', 'x', '00000000-0000-4000-8000-000000000000'])
    t.equal(readId(text), undefined);
});

t.test('when two ids differ in any bit, then they are not the same', async (t) => {
  const id = { ms: 5, tag: 6, offset: 7, global: false, outside: false, nonce: 8 };
  t.ok(isSameId(id, { ...id }));
  for (const other of [
    { ms: 1 },
    { tag: 1 },
    { offset: 1 },
    { nonce: 1 },
    { global: true },
    { outside: true },
  ])
    t.notOk(isSameId(id, { ...id, ...other }));
});
