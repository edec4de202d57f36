/**
 * One reservation of memory that is lent in blocks (a buddy allocator). The system gives real memory only to
 * the parts that were used. With a buffer of its own for each block, V8 would collect its whole heap again
 * and again while logs grow, because it counts new buffers. That would cost 2 µs a message.
 */

/** Bytes of the smallest block. */
const LEAST = 1_024;

export interface BuddyAllocator {
  /** A block of at least this many bytes; undefined when none is free. */
  readonly allocate: (bytes: number) => Buffer | undefined;
  readonly giveBack: (block: Buffer) => void;
}

/** `bytes` must be a power of two, as the size of each block is. */
export const buddyAllocator = (bytes: number): BuddyAllocator => {
  const whole = Buffer.allocUnsafeSlow(bytes);
  const orders = Math.log2(bytes / LEAST);
  /** The offsets of free blocks, by size: LEAST, 2 × LEAST, … */
  const free = Array.from({ length: orders + 1 }, () => new Set<number>());
  free[orders]?.add(0);

  const orderOf = (length: number): number =>
    Math.max(0, Math.ceil(Math.log2(Math.max(length, 1) / LEAST)));

  const find = (order: number): number | undefined => {
    if (order > orders) return undefined;
    const [at] = free[order] ?? [];
    if (at !== undefined) {
      free[order]?.delete(at);
      return at;
    }
    const larger = find(order + 1);
    if (larger !== undefined) free[order]?.add(larger + LEAST * 2 ** order);
    return larger;
  };

  const put = (at: number, order: number): void => {
    const buddy = at ^ (LEAST * 2 ** order);
    if (order < orders && free[order]?.delete(buddy) === true) put(Math.min(at, buddy), order + 1);
    else free[order]?.add(at);
  };

  return {
    allocate: (length) => {
      const order = orderOf(length);
      const at = find(order);
      return at === undefined ? undefined : whole.subarray(at, at + LEAST * 2 ** order);
    },
    giveBack: (block) => put(block.byteOffset - whole.byteOffset, orderOf(block.length)),
  };
};
