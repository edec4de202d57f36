/** Where messages of ended epochs are missing. */
import fc from 'fast-check';
import t from 'tap';
import { knownTo, type Known, step, UNKNOWN } from '../../../lib/room/recovery/whole-runs.js';
import { at } from '../../support/channel-world.js';

/** `/`: messages are missing here. */
const textOf = (known: Known, ...offsets: readonly (readonly [number, number])[]): string =>
  step(
    known,
    offsets.map(([tag, offset]) => at(tag, offset)),
  )[1]
    .map(
      ({ isAfterHole, messages }) =>
        `${isAfterHole ? '/ ' : ''}${messages.map(({ id }) => `${id.tag}:${id.offset}`).join(' ')}`,
    )
    .join(' ');

t.test('when offsets follow each other, then all is one run', async (t) => {
  t.equal(textOf(knownTo(1, 5), [1, 6], [1, 7]), '1:6 1:7');
  t.equal(textOf(knownTo(1, 5), [1, 6], [2, 1], [2, 2]), '1:6 2:1 2:2');
});

t.test('when an offset is missing, then a new run begins after a hole', async (t) => {
  t.equal(textOf(knownTo(1, 5), [1, 7], [1, 8]), '/ 1:7 1:8');
  t.equal(textOf(knownTo(1, 5), [1, 6], [2, 2]), '1:6 / 2:2', 'an epoch begins with 1');
});

t.test('when nothing was read before, then the first message may have any offset', async (t) => {
  t.equal(textOf(UNKNOWN, [1, 7], [1, 8], [2, 2]), '1:7 1:8 / 2:2');
});

t.test('when messages come in pages of any size, then the holes are the same', async (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 10 }),
      (some, size) => {
        const offsets = some.toSorted((a, b) => a - b);
        let known = knownTo(1, 0);
        const holes: number[] = [];
        for (let i = 0; i < offsets.length; i += size) {
          const page = offsets.slice(i, i + size).map((offset) => at(1, offset));
          const [next, runs] = step(known, page);
          known = next;
          for (const { isAfterHole, messages } of runs)
            if (isAfterHole) holes.push(messages[0]?.id.offset ?? 0);
        }
        t.strictSame(
          holes,
          offsets.filter((offset, i) => offset > (offsets[i - 1] ?? 0) + 1),
        );
      },
    ),
  );
});
