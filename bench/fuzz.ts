/**
 * `npm run fuzz -- SECONDS [SEED]`: sends random handshakes, frames, messages, requests and Redis payloads to
 * the built service, and checks its answers and its state. Input that it does not handle well is added to the
 * corpus, which `npm test` sends again.
 */
import { campaign } from '../spec/fuzz/campaign.js';
import { save } from '../spec/fuzz/corpus.js';

const [secondsText = '60', seedText = `${Date.now() % 1_000_000}`] = process.argv.slice(2);
const [seconds, seed] = [Number(secondsText), Number(seedText)];
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('expected SECONDS [SEED], numbers');

const HEAP_GROWTH = 0.05;
const work: (() => unknown)[] = [];
const test = { teardown: (done: () => unknown): void => void work.push(done) };

console.log(`${seconds} s, seed ${seed}`);
const { attacks, answers, counted, heapBefore, heapAfter, faults, culprits } = await campaign(
  test,
  seed,
  {
    // half of the time: a pod compiles, and its bounded memories fill, for tens of thousands of attacks
    warmUpMs: seconds * 500,
    forMs: seconds * 500,
    heapLooks: 3,
  },
);
for (const done of work.reverse()) await done();

for (const [kind, counts] of answers) {
  const counted = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([label, count]) => `${label} ${count}`);
  console.log(`${kind.padEnd(10)} ${counted.join(', ')}`);
}
console.log(`counted    ${[...counted].map(([name, count]) => `${name}: ${count}`).join(', ')}`);
const growth = heapAfter / heapBefore - 1;
const found = [...faults];
if (culprits.length > 0) found.push(`saved as ${save(culprits)}`);
else if (growth > HEAP_GROWTH) found.push('the heap grew');
console.log(
  `${attacks} attacks; heap ${(heapBefore / 1e6).toFixed(2)} MB before, ${(heapAfter / 1e6).toFixed(2)} MB after: ${(100 * growth).toFixed(1)} %`,
);
for (const fault of found) console.log(fault);
console.log(`verdict: ${found.length === 0 ? 'ok' : 'not ok'}`);
process.exitCode = found.length === 0 ? 0 : 1;
