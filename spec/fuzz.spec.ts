/**
 * Random attacks for a few seconds, and the corpus: attacks that a pod once did not handle well, or that are
 * known to end servers.
 */
import t from 'tap';
import { campaign, frontOf, survives } from './fuzz/campaign.js';
import { corpus, save } from './fuzz/corpus.js';
import { startRedis } from './support/redis.js';

t.test(
  'when an attack of the corpus comes, then the pod gives an allowed answer and goes on working',
  async (t) => {
    const redis = await startRedis();
    t.teardown(redis.stop);
    const front = await frontOf(t, redis);
    for (const [name, attacks] of corpus()) {
      const { faults } = await survives(front, attacks);
      t.strictSame(faults, [], name);
    }
    t.strictSame(await front.pod.end(), []);
  },
);

t.test(
  'when random attacks come, then the pod gives allowed answers and goes on working',
  async (t) => {
    const seed = Date.now() % 1_000_000;
    t.comment(`seed ${seed}: \`npm run fuzz -- 5 ${seed}\` draws the same`);
    const { attacks, faults, culprits } = await campaign(t, seed, {
      warmUpMs: 1_000,
      forMs: 4_000,
      heapLooks: 1,
    });
    t.comment(`${attacks} attacks`);
    t.strictSame(faults, [], culprits.length === 0 ? 'survived' : `saved as ${save(culprits)}`);
  },
);
