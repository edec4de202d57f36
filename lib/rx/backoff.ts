/**
 * Waits between tries: 50 ms, doubled up to 1 s. Half of each wait is random, so pods do not reconnect all
 * together.
 */
const FIRST_MS = 50;
const MOST_MS = 1_000;

/** The wait after a failure. `failures`: how many failures in a row came before it. */
export const backoffMs = (failures: number, random: () => number): number =>
  Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 10)) * (0.5 + random() / 2);
