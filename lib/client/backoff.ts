/**
 * Full jitter: a wait between 0 and a bound that doubles with each failure. So clients do not all come back
 * at the same time.
 */
const FIRST_MS = 250;
const MOST_MS = 30_000;

/**
 * The wait after a failure, in ms; never 0, so a step that fails is not the step of the next try.
 * `failures`: how many came before it in a row. `chance`: in [0, 1).
 */
export const fullJitterMs = (failures: number, chance: number): number =>
  Math.max(1, chance * Math.min(MOST_MS, FIRST_MS * 2 ** failures));
