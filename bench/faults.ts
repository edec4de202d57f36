/** `npm run faults`: the faults of `spec/support/fault-cases.ts`, and a table of what clients got. */
import { FAULTS } from '../spec/support/fault-cases.js';
import { sufferAll } from '../spec/support/faults.js';
import { tableOf } from '../spec/support/fault-table.js';

const [wanted = ''] = process.argv.slice(2);
const chosen = FAULTS.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()));
const rows = await sufferAll(chosen, Number(process.env['AT_ONCE'] ?? 2), ({ name, verdict }) => {
  console.error(`${name}: ${verdict.faultCount} faults`);
  for (const fault of verdict.faults) console.error(`  ${fault}`);
});
console.log(tableOf(rows));
process.exitCode = rows.some(({ verdict }) => verdict.faultCount > 0) ? 1 : 0;
