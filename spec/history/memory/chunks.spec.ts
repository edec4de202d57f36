/** Chunks of all logs, in the order of their age. */
import fc from 'fast-check';
import t from 'tap';
import { type Chunk, chunkStore, MAX_LOG_BYTES } from '../../../lib/history/memory/chunks.js';

t.test('when frames are appended, then each is read at its offset with its time', async (t) => {
  const chunk = chunkStore().open('r', 5, 0, 100, undefined);
  t.ok(chunk);
  for (const [i, text] of ['a', 'bb', ''].entries()) chunk?.append(Buffer.from(text), 10 + i);
  t.same(
    [5, 6, 7].map((offset) => chunk?.frame(offset).toString()),
    ['a', 'bb', ''],
  );
  t.same(
    [5, 6, 7].map((offset) => chunk?.timeOf(offset)),
    [10, 11, 12],
  );
});

t.test(
  'when a room is busy, then its next chunk is twice what the last one took, up to 64 KiB',
  async (t) => {
    const { open } = chunkStore();
    const first = open('r', 1, 0, 1_000, undefined);
    t.equal(first?.bytes.length, 1_024);
    first?.append(Buffer.alloc(1_000), 0);
    const second = open('r', 2, 0, 1_000, first);
    t.equal(second?.bytes.length, 2_048);
    t.equal(first?.next, second);
    second!.used = 60_000;
    t.equal(open('r', 3, 0, 1_000, second)?.bytes.length, 65_536);
    t.equal(open('r', 4, 0, 100_000, second)?.bytes.length, 131_072, 'a larger frame has its own');
  },
);

t.test(
  'when any chunks are dropped, then the oldest and the size are those of the remaining chunks',
  async (t) => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 30 }), (gone) => {
        const { open, letGo, oldest, size } = chunkStore();
        const allocated: Chunk[] = [];
        for (let i = 0; i < 10; i++) {
          const chunk = open(`r${i}`, 1, 0, 1_000, undefined);
          if (chunk !== undefined) allocated.push(chunk);
        }
        for (const at of gone) {
          const [chunk] = at < allocated.length ? allocated.splice(at, 1) : [];
          if (chunk !== undefined) letGo(chunk);
          if (oldest() !== allocated[0]) return false;
        }
        const bytes = size();
        for (const chunk of allocated) letGo(chunk);
        return size() === 0 && bytes > 0 === allocated.length > 0;
      }),
    );
    t.pass('for any order');
  },
);

t.test('when all memory is used, then no chunk can be opened until one is dropped', async (t) => {
  const { open, letGo } = chunkStore();
  const whole = open('r', 1, 0, MAX_LOG_BYTES, undefined);
  t.ok(whole);
  t.equal(open('r', 2, 0, 1, undefined), undefined);
  letGo(whole!);
  t.ok(open('r', 2, 0, 1, undefined));
});
