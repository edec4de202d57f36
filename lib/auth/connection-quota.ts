/** A limit on the connections of one user, or of one client address. */

/**
 * Counts one connection of this user or address. Returns the function that releases it; a second call of that
 * function does nothing. `undefined`: the limit is reached.
 */
export type ConnectionQuota = (name: string) => (() => void) | undefined;

export const connectionQuota = (most: number): ConnectionQuota => {
  const taken = new Map<string, number>();
  return (name) => {
    const count = taken.get(name) ?? 0;
    if (count >= most) return undefined;
    taken.set(name, count + 1);
    let holds = true;
    return () => {
      if (!holds) return;
      holds = false;
      const left = (taken.get(name) ?? 1) - 1;
      if (left === 0) taken.delete(name);
      else taken.set(name, left);
    };
  };
};
