/** The rate limit of one connection. */
import fc from 'fast-check';
import t from 'tap';
import { RATES } from '../support/connection-world.js';
import { TokenBucket } from '../../lib/connection/token-bucket.js';

t.test(
  'when a bucket names a wait, then a message passes after exactly that wait; bytes count too',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.nat(70_000), ms: fc.nat(60) }), { maxLength: 60 }),
        (messages) => {
          const bucket = new TokenBucket({ ...RATES, rateLimitBytes: 100_000 }, 0);
          let now = 0;
          for (const { bytes, ms } of messages) {
            now += ms;
            const wait = bucket.take(bytes, now);
            if (wait === 0) continue;
            if (wait < 0 || !Number.isInteger(wait)) return false;
            // a hair: floating point
            now += wait + 0.001;
            if (bucket.take(bytes, now) !== 0) return false;
          }
          return true;
        },
      ),
      { numRuns: 500 },
    );
    const bucket = new TokenBucket({ ...RATES, rateLimitBytes: 100 }, 0);
    t.equal(bucket.take(5_000, 0), 0, 'larger than a second holds: passes when the bucket is full');
    t.equal(bucket.take(1, 0), 10);
  },
);
