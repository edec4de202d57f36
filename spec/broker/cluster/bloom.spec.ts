/** A Bloom filter of texts that were too many to keep. */
import fc from 'fast-check';
import t from 'tap';
import { bloomFilter } from '../../../lib/broker/cluster/bloom.js';
import { virtualClock } from '../../support/virtual-clock.js';

const KEEP_MS = 1_000;

t.test('when nothing was added, then it is empty and has nothing', async (t) => {
  const filter = bloomFilter(virtualClock(), KEEP_MS);
  t.ok(filter.isEmpty());
  t.notOk(filter.mayHave('a'));
});

t.test('when any texts were added, then it has each of them', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 50 }), (texts) => {
      const filter = bloomFilter(virtualClock(), KEEP_MS);
      for (const text of texts) filter.add(text);
      return texts.every((text) => filter.mayHave(text));
    }),
    { numRuns: 20 },
  );
  t.pass('it never says no of what was added');
});

t.test('when 2,000 texts were added, then hardly any other text is found', async (t) => {
  const filter = bloomFilter(virtualClock(), KEEP_MS);
  for (let i = 0; i < 2_000; i++) filter.add(`in ${i}`);
  const wrong = Array.from({ length: 5_000 }, (_, i) => filter.mayHave(`out ${i}`)).filter(Boolean);
  t.ok(wrong.length < 5, `${wrong.length} of 5,000`);
});

t.test(
  'when a text was added, then it is found for the given time, and for at most twice that time',
  async (t) => {
    const clock = virtualClock();
    const filter = bloomFilter(clock, KEEP_MS);
    filter.add('early');
    clock.advance(KEEP_MS - 1);
    filter.add('late');
    clock.advance(KEEP_MS);
    t.ok(filter.mayHave('late'), 'for its time');
    clock.advance(2 * KEEP_MS);
    t.notOk(filter.mayHave('early'));
    t.notOk(filter.mayHave('late'));
    t.ok(filter.isEmpty(), 'and its memory is given back');
  },
);
