// Two versions of the service at the same time: this one, and the one in another directory (with its dist/).
// Other work of the machine disturbs both alike, so a ratio differs by 2 % from run to run; with turns it
// differs by 10 %. The version that starts first is a little better off, so the order changes with each turn,
// and the result is the geometric mean of the medians of the two orders.
import { resolve } from 'node:path';
import { load } from '../support/load.mjs';
import { figure, machine, median, note, table } from '../support/report.mjs';
import { pod, redis } from '../support/server.mjs';

const [directory, wanted = ''] = process.argv.slice(2);
if (directory === undefined)
  throw new Error(
    'usage: npm run bench -- beside DIRECTORY [LOAD]; DIRECTORY has the dist/ of another version',
  );
const repeats = Number(process.env.REPEATS ?? 4);
const seconds = Number(process.env.SECONDS_EACH ?? 8);
const warmup = Number(process.env.WARM_UP ?? 3);

const rooms20 = {
  mode: 'fanout',
  field: 'deliveries_per_cpu_s',
  conns: 400,
  rooms: 20,
  publishers: 20,
};
const pairs = {
  mode: 'fanout',
  field: 'deliveries_per_cpu_s',
  conns: 400,
  rooms: 200,
  publishers: 400,
};
const loads = {
  'one pod, 20 rooms of 20': { ...rooms20, pods: 1, rate: 600 },
  'one pod, 200 rooms of 2': { ...pairs, pods: 1, rate: 2000 },
  'two pods, 20 rooms of 20': { ...rooms20, pods: 2, rate: 250 },
  'two pods, 200 rooms of 2': { ...pairs, pods: 2, rate: 700 },
  'one pod, come and go': {
    mode: 'churn',
    field: 'cycles_per_cpu_s',
    conns: 50,
    rooms: 50,
    pods: 1,
  },
};

/** The servers of one version, ready. */
const started = async (where, pods) => {
  const shared = pods > 1 ? await redis() : undefined;
  const env = shared === undefined ? {} : { REDIS_URL: shared.url };
  const all = [];
  for (let i = 0; i < pods; i++) all.push(await pod(env, where));
  return {
    pods: all,
    stop: () => Promise.all([...all, ...(shared ? [shared] : [])].map((one) => one.stop())),
  };
};

const turnOf = async ({ mode, field, pods, ...options }, order) => {
  const sides = [];
  for (const where of order) sides.push(await started(where, pods));
  const results = await Promise.all(
    sides.map((side) => load(mode, side.pods, { ...options, warmup, seconds })),
  );
  await Promise.all(sides.map((side) => side.stop()));
  return results.map((result) => result[field]);
};

machine();
console.log(
  `this version beside ${directory}, at the same time: ${seconds} s after ${warmup} s of warm-up, ${repeats} turns of each order`,
);
const [here, there] = [undefined, resolve(directory)];
const rows = [['load', 'other, per CPU-second', 'this', 'this to other']];
for (const [title, options] of Object.entries(loads)) {
  if (!title.includes(wanted)) continue;
  const found = { first: [], second: [] };
  const figures = { here: [], there: [] };
  for (let turn = 1; turn <= 2 * repeats; turn++) {
    note(`${title}: turn ${turn} of ${2 * repeats}`);
    const isFirst = turn % 2 === 1;
    const values = await turnOf(options, isFirst ? [here, there] : [there, here]);
    const [mine, other] = isFirst ? values : values.toReversed();
    found[isFirst ? 'first' : 'second'].push(mine / other);
    figures.here.push(mine);
    figures.there.push(other);
  }
  const ratio = Math.sqrt(median(found.first) * median(found.second));
  rows.push([title, figure(median(figures.there)), figure(median(figures.here)), figure(ratio, 3)]);
}
table(rows);
console.log('\nNot shown: memory, latency, a network, TLS, tokens.');
