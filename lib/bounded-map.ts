/**
 * A map that holds at most `max` entries: beyond it the entry that was put first goes. Over a `Map`, which is
 * walked in the order of insertion, so it costs nothing while it is empty (`lru-cache` sets space aside for
 * `max` entries).
 */
export class BoundedMap<K, V> {
  private readonly entries = new Map<K, V>();

  constructor(private readonly max: number) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: K): V | undefined {
    return this.entries.get(key);
  }

  has(key: K): boolean {
    return this.entries.has(key);
  }

  /**
   * Answers the entry that goes for this one, if one does. A key that is there keeps its turn: delete it
   * first, and it is the newest.
   */
  put(key: K, value: V): readonly [K, V] | undefined {
    this.entries.set(key, value);
    if (this.entries.size <= this.max) return undefined;
    for (const oldest of this.entries) {
      this.entries.delete(oldest[0]);
      return oldest;
    }
    return undefined;
  }

  delete(key: K): boolean {
    return this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }

  /** The entry that was put first, first. Entries may be deleted meanwhile. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries[Symbol.iterator]();
  }
}
