/**
 * `npm run kills`: 10,000 messages on three pods while connections to Redis are killed five times a second,
 * on each kind of Redis; a table of what clients got. Each ack must be without `scope`. `npm run kills --
 * Sentinel`: this kind only.
 */
import { sufferAll } from '../spec/support/faults.js';
import { tableOf } from '../spec/support/fault-table.js';
import { kills } from '../spec/support/kills.js';

/** The kills; with the messages before and after them there are 10,000 messages. */
const TIMES = 50;
const SENT_PER_TICK = 50;

const [wanted = ''] = process.argv.slice(2);
const cases = kills({ times: TIMES, sentPerTick: SENT_PER_TICK });
const chosen = cases.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()));
const rows = await sufferAll(chosen, 1, ({ name, verdict }) => {
  console.error(`${name}: ${verdict.faultCount} faults, ${verdict.ackedOnPod} acks with scope`);
  for (const fault of verdict.faults) console.error(`  ${fault}`);
});
console.log(tableOf(rows));
process.exitCode = rows.some(({ verdict }) => verdict.faultCount + verdict.ackedOnPod > 0) ? 1 : 0;
