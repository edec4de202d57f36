/**
 * Runs of a cluster with applications on the client library, each drawn by a seed: client, network and pods
 * together. The invariants judge what applications get: messages, gaps and answers to publishes.
 * `CLIENT_SEEDS=1000` runs more seeds, `CLIENT_FIRST=61` others; `npm run seed -- client 123` prints one of
 * them line by line.
 */
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { type Outcome, runClientSeed } from '../support/cluster.js';

const SEEDS = Number(process.env['CLIENT_SEEDS'] ?? 60);
const FIRST = Number(process.env['CLIENT_FIRST'] ?? 1);
const SHOWN = 10;

const reportOf = ({ seed, climate, violations, found, faults }: Outcome): string =>
  [
    `seed ${seed} (${climate}: ${[...faults.keys()].join('; ')}) found ${found}; npm run seed -- client ${seed}`,
    ...violations.slice(0, 3).map(({ tag, client, text }) => `  ${tag} ${client}: ${text}`),
  ].join('\n');

t.test('when a seed is run twice, then both runs are the same to the last byte', async (t) => {
  const first = await runClientSeed({ seed: 1 });
  const again = await runClientSeed({ seed: 1, note: () => undefined });
  t.equal(again.hash, first.hash);
  t.not((await runClientSeed({ seed: 2 })).hash, first.hash, 'and another is another');
});

t.test(
  `when ${SEEDS} seeds run, then what applications are shown is true, and in the end all is well`,
  async (t) => {
    t.setTimeout(SEEDS * 10_000);
    const bad: string[] = [];
    const met = new Map<string, number>();
    const sum = (name: string, count: number): void =>
      void met.set(name, (met.get(name) ?? 0) + count);
    const startedAt = performance.now();
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const outcome = await runClientSeed({ seed });
      const { counts, faults } = outcome;
      if (outcome.found > 0) bad.push(reportOf(outcome));
      for (const [name, count] of faults) sum(name, count);
      for (const [name, count] of Object.entries(counts.gaps)) sum(`gap ${name}`, count);
      for (const [name, count] of Object.entries(counts.closes)) sum(`close ${name}`, count);
      for (const name of ['resent', 'ackedOnPod', 'recovered'] as const) sum(name, counts[name]);
      // tap needs a turn of the event loop, too
      await turn();
    }
    const ms = (performance.now() - startedAt) / SEEDS;
    t.comment(`${ms.toFixed(1)} ms a seed; ${[...met].map((each) => each.join(' ')).join(', ')}`);
    t.equal(bad.length, 0, `${bad.length} of ${SEEDS} seeds`);
    for (const report of bad.slice(0, SHOWN)) t.comment(report);
    if (SEEDS < 60) return;
    const never = [
      ...['a pod is killed', 'a pod is drained', 'a pod stands still'],
      ...['gap expired', 'gap log_lost', 'gap broker_outage'],
      ...['close 1000', 'close 1001', 'close 1006'],
      ...['resent', 'ackedOnPod', 'recovered'],
    ].filter((name) => (met.get(name) ?? 0) === 0);
    t.same(never, [], 'everything that is to be survived came');
  },
);
