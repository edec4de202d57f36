/**
 * Runs seeds in its own tree, up to the first one that finds something, and prints it as a line of JSON.
 * Before each seed it prints what it means if the seed never ends. `client`: seeds with applications on the
 * client library.
 */
import { runClientSeed, runSeed } from '../../spec/support/cluster.js';

const [most = '200', who] = process.argv.slice(2);
const run = who === 'client' ? runClientSeed : runSeed;

const hunt = async (): Promise<object> => {
  for (let seed = 1; seed <= Number(most); seed++) {
    console.log(JSON.stringify({ seed, tag: 'I11', text: 'it never ends' }));
    try {
      const [violation] = (await run({ seed })).violations;
      if (violation !== undefined) return { seed, ...violation };
    } catch (error) {
      return { seed, tag: 'I11', text: `thrown: ${String(error)}` };
    }
  }
  return {};
};

console.log(JSON.stringify(await hunt()));
