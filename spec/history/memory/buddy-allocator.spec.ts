/** Blocks of one reservation: none overlap, and all that is given back is one block again. */
import fc from 'fast-check';
import t from 'tap';
import { buddyAllocator } from '../../../lib/history/memory/buddy-allocator.js';

const WHOLE = 65_536;

t.test(
  'when a block is allocated, then it has a power of two of bytes, and at least what was asked',
  async (t) => {
    const { allocate } = buddyAllocator(WHOLE);
    t.equal(allocate(0)?.length, 1_024);
    t.equal(allocate(1_024)?.length, 1_024);
    t.equal(allocate(1_025)?.length, 2_048);
    t.equal(allocate(WHOLE), undefined, 'no longer free');
    t.equal(buddyAllocator(WHOLE).allocate(WHOLE)?.length, WHOLE);
    t.equal(buddyAllocator(WHOLE).allocate(WHOLE + 1), undefined);
  },
);

t.test('when any blocks come and go, then none overlap, and in the end all is free', async (t) => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.constant(-1)), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, fc.nat(), (all, which) => {
      const { allocate, giveBack } = buddyAllocator(WHOLE);
      const allocated: Buffer[] = [];
      for (const bytes of all) {
        if (bytes < 0) {
          const [block] = allocated.splice(which % Math.max(1, allocated.length), 1);
          if (block !== undefined) giveBack(block);
          continue;
        }
        const block = allocate(bytes);
        if (block === undefined) continue;
        if (block.length < bytes) return false;
        const end = block.byteOffset + block.length;
        if (
          allocated.some(
            (one) => one.byteOffset < end && block.byteOffset < one.byteOffset + one.length,
          )
        )
          return false;
        allocated.push(block);
      }
      for (const block of allocated) giveBack(block);
      return allocate(WHOLE)?.length === WHOLE;
    }),
    { numRuns: 200 },
  );
  t.pass('for any order');
});
