/**
 * Random numbers from a seed (mulberry32): the same seed gives the same numbers; the times of events differ.
 */
export interface Chance {
  /** In [0, 1). */
  readonly real: () => number;
  /** A whole number, both ends included. */
  readonly whole: (from: number, to: number) => number;
  readonly one: <A>(of: readonly A[]) => A;
  readonly some: <A>(of: readonly A[], count: number) => readonly A[];
}

export const chance = (seed: number): Chance => {
  let state = seed >>> 0;
  const real = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
  const whole = (from: number, to: number): number => from + Math.floor(real() * (to - from + 1));
  const one = <A>(of: readonly A[]): A => {
    const drawn = of[whole(0, of.length - 1)];
    if (drawn === undefined) throw new Error('expected something to draw from, got nothing');
    return drawn;
  };
  const some = <A>(of: readonly A[], count: number): readonly A[] => {
    const left = [...of];
    return Array.from({ length: Math.min(count, left.length) }, () => {
      const [drawn] = left.splice(whole(0, left.length - 1), 1);
      return drawn;
    }).filter((drawn): drawn is A => drawn !== undefined);
  };
  return { real, whole, one, some };
};
