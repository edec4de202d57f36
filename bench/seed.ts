/** `npm run seed -- 123`: one run of the cluster in virtual time, line by line, then what was found. */
import { runSeed } from '../spec/support/cluster.js';

const [argument] = process.argv.slice(2);
const seed = Number(argument);
if (argument === undefined || !Number.isInteger(seed))
  throw new Error('expected the number of a seed');
const { climate, violations, found, faults, counts, hash } = runSeed({
  seed,
  note: (line) => console.log(line),
});
console.log(`\nseed ${seed}, ${climate}, trace ${hash}: ${[...faults.keys()].join('; ')}`);
console.log(counts);
for (const { tag, client = '', room = '', text, at } of violations)
  console.log(`${tag} at ${at.toFixed(1)} ${client} ${room === '' ? '' : `in ${room} `}${text}`);
console.log(`${found} violations`);
process.exitCode = found > 0 ? 1 : 0;
