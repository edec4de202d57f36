/**
 * What searching through arrays costs while something runs: elements that `indexOf` and `splice` may look at or move.
 * rxjs leaves a Subject, or a parent subscription, by both, so leaving one of n costs n; that must not be where many
 * leave. Counted, not timed: a slow machine changes nothing.
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
