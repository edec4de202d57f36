/**
 * Many short runs of a cluster in virtual time, each drawn by a seed: pods, clients and faults. The
 * invariants judge what clients get. After the faults every client must have the position of the log, and
 * when all have left, nothing may be left. `CLUSTER_SEEDS=20000` runs more seeds, `CLUSTER_FIRST=1001`
 * others; `npm run seed -- 123` shows one of them line by line.
 */
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { type Outcome, runSeed } from './support/cluster.js';
import { TRICK_NAMES } from './support/cluster/neighbour.js';
import { FAULT_NAMES } from './support/cluster/weather.js';
import type { Violation } from './support/invariants.js';

const SEEDS = Number(process.env['CLUSTER_SEEDS'] ?? 400);
const FIRST = Number(process.env['CLUSTER_FIRST'] ?? 1);
const SHOWN = 10;
/** 25 s on a quiet machine; a busy one is no fault. */
t.setTimeout(600_000);

const lineOf = ({ tag, client, room, text, at }: Violation): string =>
  `  ${tag} at ${at.toFixed(0)} ms, ${client ?? 'nobody'}${room === undefined || room === '' ? '' : ` in ${room}`}: ${text}`;

const reportOf = ({ seed, climate, violations, found, faults }: Outcome): string =>
  [
    `seed ${seed} (${climate}: ${[...faults.keys()].join('; ')}) found ${found}; npm run seed -- ${seed}`,
    ...violations.slice(0, 3).map(lineOf),
  ].join('\n');

const sum = (into: Map<string, number>, name: string, count: number): void =>
  void into.set(name, (into.get(name) ?? 0) + count);

t.test('when a seed is run twice, then both runs are the same to the last byte', async (t) => {
  const seeds = [1, 2, 3, 4, 5];
  const first = seeds.map((seed) => runSeed({ seed }).hash);
  t.same(
    seeds.map((seed) => runSeed({ seed, note: () => undefined }).hash),
    first,
  );
  t.equal(new Set(first).size, seeds.length, 'and another is another');
});

t.test(
  `when ${SEEDS} seeds run, then no invariant is broken, and in the end nothing is left`,
  async (t) => {
    t.setTimeout(590_000);
    const bad: string[] = [];
    const met = new Map<string, number>();
    const startedAt = performance.now();
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const outcome = runSeed({ seed });
      const { counts, faults, tricks, found } = outcome;
      if (found > 0) bad.push(reportOf(outcome));
      for (const [name, count] of tricks) sum(met, name, count);
      for (const [name, count] of faults) sum(met, name, count);
      for (const [name, count] of Object.entries(counts.gaps)) sum(met, `gap ${name}`, count);
      for (const [name, count] of Object.entries(counts.closes)) sum(met, `close ${name}`, count);
      for (const [name, count] of Object.entries(counts))
        if (typeof count === 'number') sum(met, name, count);
      // tap is alive, too
      if (seed % 20 === 0) await turn();
    }
    const ms = (performance.now() - startedAt) / SEEDS;
    t.comment(`${ms.toFixed(1)} ms a seed; ${[...met].map((each) => each.join(' ')).join(', ')}`);
    t.equal(bad.length, 0, `${bad.length} of ${SEEDS} seeds`);
    for (const report of bad.slice(0, SHOWN)) t.comment(report);
    if (SEEDS < 400) return;
    const never = [
      ...FAULT_NAMES,
      ...TRICK_NAMES,
      ...['expired', 'log_lost', 'broker_outage'].map((reason) => `gap ${reason}`),
      ...['1000', '1001', '1006', '1013'].map((code) => `close ${code}`),
      ...['resent', 'ackedOnPod', 'recovered', 'repeats', 'strays', 'missedWithGap'],
    ].filter((name) => (met.get(name) ?? 0) === 0);
    t.same(never, [], 'everything that is to be survived came');
  },
);
