/** A histogram in the text format of Prometheus. */
import fc from 'fast-check';
import t from 'tap';
import { histogram } from '../../lib/telemetry/histogram.js';

const BOUNDS = [0.1, 1, 10];

t.test('when values are observed, then each bucket counts those up to its bound', async (t) => {
  const one = histogram('took_seconds', 'How long', BOUNDS);
  for (const value of [0.1, 0.2, 1, 11]) one.observe(value);
  t.equal(
    one.text(),
    `# HELP took_seconds How long
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 1
took_seconds_bucket{le="1"} 3
took_seconds_bucket{le="10"} 3
took_seconds_bucket{le="+Inf"} 4
took_seconds_sum 12.3
took_seconds_count 4
`,
  );
});

t.test(
  'when any values are observed, then buckets never fall, and the last one is the count',
  async (t) => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), (values) => {
        const one = histogram('h', 'h', BOUNDS);
        for (const value of values) one.observe(value);
        const buckets = [...one.text().matchAll(/le="(.*)"\} (\d+)/g)].map(([, , count]) =>
          Number(count),
        );
        return (
          buckets.at(-1) === values.length &&
          buckets.every((count, i) => count >= (buckets[i - 1] ?? 0)) &&
          BOUNDS.every((bound, i) => buckets[i] === values.filter((value) => value <= bound).length)
        );
      }),
    );
    t.pass('for any values');
  },
);
