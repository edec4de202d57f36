/**
 * `npm run schemathesis -- [requests an operation] [seed]`: needs PyPI, so it is no spec. Ends with 1
 * when schemathesis has found something.
 */
import { startPod } from '../spec/support/pod.js';
import { installSchemathesis, schemathesis } from '../spec/support/schemathesis.js';
import { SECRET } from '../spec/support/tokens.js';

const [examplesText = '500', seedText = String(Date.now() % 1_000_000)] = process.argv.slice(2);
const examples = Number(examplesText);
const seed = Number(seedText);
if (!(examples > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run schemathesis -- [requests an operation] [seed]');
  process.exit(2);
}

const API_KEY = 'the-key-of-schemathesis-0123456789abcdef';
const program = await installSchemathesis();
const ends: (() => unknown)[] = [];
const test = { teardown: (work: () => unknown): void => void ends.push(work) };
const open = await startPod(test, { access: { authEnabled: false, apiKeys: [] } });
const guarded = await startPod(test, {
  access: { authEnabled: true, jwtSecret: SECRET, apiKeys: [API_KEY] },
});
let isGood = true;
for (const [name, options] of [
  ['without tokens', { port: open.port }],
  ['with tokens', { port: guarded.port, apiKey: API_KEY }],
] as const) {
  console.log(`\n# ${name}, seed ${seed}`);
  const found = await schemathesis(program, { ...options, examples, seed });
  console.log(found.output);
  isGood &&= found.isGood;
}
for (const end of ends) await end();
process.exit(isGood ? 0 : 1);
