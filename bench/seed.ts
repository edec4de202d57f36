/**
 * `npm run seed -- 123`: one run of the cluster in virtual time, line by line, then what was found.
 * `npm run seed -- client 123`: the same with applications on the client library.
 * `npm run seed -- client 1 1000`: these seeds, and what was found in each of them.
 */
import { type Outcome, runClientSeed, runSeed, type RunOptions } from '../spec/support/cluster.js';
import type { Violation } from '../spec/support/invariants.js';

const SHOWN = 4;

const texts = process.argv.slice(2);
const isClient = texts[0] === 'client';
const [first = Number.NaN, last = first] = texts.slice(isClient ? 1 : 0).map(Number);
if (!Number.isInteger(first) || !Number.isInteger(last))
  throw new Error('expected the number of a seed, or of the first and the last one');

const run = async (options: RunOptions): Promise<Outcome> =>
  isClient ? await runClientSeed(options) : runSeed(options);

const lineOf = ({ tag, client = '', room = '', text, at }: Violation): string =>
  `${tag} at ${at.toFixed(1)} ${client} ${room === '' ? '' : `in ${room} `}${text}`;

const faultsOf = ({ faults }: Outcome): string => [...faults.keys()].join('; ');

let bad = 0;
if (last > first) {
  const startedAt = performance.now();
  for (let seed = first; seed <= last; seed++) {
    const outcome = await run({ seed });
    if (outcome.found === 0) continue;
    bad++;
    console.log(`seed ${seed}, ${outcome.climate}, found ${outcome.found}: ${faultsOf(outcome)}`);
    for (const each of outcome.violations.slice(0, SHOWN)) console.log(`  ${lineOf(each)}`);
  }
  const count = last - first + 1;
  const ms = (performance.now() - startedAt) / count;
  console.log(`${bad} of ${count} seeds found something; ${ms.toFixed(0)} ms a seed`);
} else {
  const outcome = await run({ seed: first, note: (line) => console.log(line) });
  bad = outcome.found;
  console.log(`\nseed ${first}, ${outcome.climate}, trace ${outcome.hash}: ${faultsOf(outcome)}`);
  console.log(outcome.counts);
  for (const each of outcome.violations) console.log(lineOf(each));
  console.log(`${bad} violations`);
}
process.exitCode = bad > 0 ? 1 : 0;
