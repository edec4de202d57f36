/** Which fault comes when, drawn from the seed: the same seed gives the same plan. */
import type { Chance } from './chance.js';
import type { Fault } from './fault.js';

/**
 * Rounds without end. Each round has every fault once: every fifth round, from the first on, one at a time;
 * the others in pairs.
 */
export function* plan(faults: readonly Fault[], chance: Chance): Generator<readonly Fault[]> {
  for (let round = 0; ; round++) {
    const left = [...chance.some(faults, faults.length)];
    const alone = round % ROUNDS_IN_PAIRS === 0;
    for (let first = left.shift(); first !== undefined; first = left.shift()) {
      const { claims } = first;
      const other = alone
        ? -1
        : left.findIndex((fault) => fault.claims.every((claim) => !claims.includes(claim)));
      yield other < 0 ? [first] : [first, ...left.splice(other, 1)];
    }
  }
}

const ROUNDS_IN_PAIRS = 5;
