/**
 * What searching through arrays costs while `run` runs: the number of elements that `indexOf` and `splice`
 * may read or move. rxjs removes a subscriber from a Subject or from a parent subscription with both, so to
 * leave one of n costs n. This must not happen where many leave. The work is counted, not timed, so a slow
 * machine changes nothing.
 */
export const arrayWork = (run: () => void): number => {
  let elements = 0;
  const { indexOf, splice } = Array.prototype;
  const counting = <F extends (this: unknown[], ...args: never[]) => unknown>(method: F): F =>
    function (this: unknown[], ...args: Parameters<F>) {
      elements += this.length;
      return method.apply(this, args);
    } as F;
  Array.prototype.indexOf = counting(indexOf);
  Array.prototype.splice = counting(splice);
  try {
    run();
  } finally {
    Array.prototype.indexOf = indexOf;
    Array.prototype.splice = splice;
  }
  return elements;
};
