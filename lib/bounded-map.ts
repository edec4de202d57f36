/**
 * A map of at most `max` entries: beyond that, the oldest entry is removed, as a `Map` keeps the order of
 * insertion. An empty one costs next to nothing (`lru-cache` reserves space for `max` entries).
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
   * Returns the entry that was removed for this one, if any. A key that exists keeps its age: delete it first
   * to make it the newest.
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

  /** Entries, the oldest first. Entries may be deleted during the iteration. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries[Symbol.iterator]();
  }
}
