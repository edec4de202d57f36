/**
 * Full jitter: a wait between 0 and a bound that doubles with each failure. So clients do not all come back
 * at the same time.
 */
const FIRST_MS = 250;
const MOST_MS = 30_000;

/**
 * The wait after a failure, in ms. It is never 0: the next try is not made in the same step as the failure.
 * `failures`: how many came before it in a row. `chance`: in [0, 1).
 */
export const fullJitterMs = (failures: number, chance: number): number =>
  Math.max(1, chance * Math.min(MOST_MS, FIRST_MS * 2 ** failures));
