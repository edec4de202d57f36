/** The memory of all logs: chunks in the order of their age, cut from one reservation. */
import type { Room } from '../../protocol/position.js';
import { buddyAllocator } from './buddy-allocator.js';

/** Frames of consecutive offsets of a room, one after the other. */
export class Chunk {
  room: Room = '';
  first = 0;
  count = 0;
  used = 0;
  /** The chunk takes no message that is later than this. */
  until = 0;
  /** The next chunk of the room. */
  next: Chunk | undefined = undefined;
  /** The neighbours in age among the chunks of all rooms. */
  older: Chunk | undefined = undefined;
  newer: Chunk | undefined = undefined;
  private readonly ends: number[] = [];
  private readonly times: number[] = [];

  constructor(readonly bytes: Buffer) {}

  append(frame: Buffer, ms: number): void {
    frame.copy(this.bytes, this.used);
    this.used += frame.length;
    this.ends[this.count] = this.used;
    this.times[this.count] = ms;
    this.count += 1;
  }

  frame(offset: number): Buffer {
    const at = offset - this.first;
    return this.bytes.subarray(at === 0 ? 0 : this.ends[at - 1], this.ends[at]);
  }

  timeOf(offset: number): number {
    return this.times[offset - this.first] ?? 0;
  }
}

export interface ChunkStore {
  /**
   * Opens an empty chunk that follows a room's `last`, with space for `length` bytes; undefined when there is
   * no memory left.
   */
  open(
    room: Room,
    first: number,
    until: number,
    length: number,
    last: Chunk | undefined,
  ): Chunk | undefined;
  letGo(chunk: Chunk): void;
  oldest(): Chunk | undefined;
  /** The bytes of all open chunks. */
  size(): number;
}

/** The most bytes of all logs together. */
export const MAX_LOG_BYTES = 67_108_864;
/** The most bytes of a chunk; a larger frame has a chunk of its own. */
const MOST = 65_536;
/** What a chunk costs in addition to its bytes: the objects, and the entry of its room. */
const OVERHEAD = 512;
export const chunkStore = (): ChunkStore => {
  const memory = buddyAllocator(MAX_LOG_BYTES);
  let oldest: Chunk | undefined;
  let newest: Chunk | undefined;
  let size = 0;
  return {
    open: (room, first, until, length, last) => {
      const bytes = memory.allocate(length > MOST ? length : sizeOf(length, last));
      if (bytes === undefined) return undefined;
      const chunk = new Chunk(bytes);
      chunk.room = room;
      chunk.first = first;
      chunk.count = 0;
      chunk.used = 0;
      chunk.until = until;
      chunk.older = newest;
      if (newest === undefined) oldest = chunk;
      else newest.newer = chunk;
      newest = chunk;
      if (last !== undefined) last.next = chunk;
      size += chunk.bytes.length + OVERHEAD;
      return chunk;
    },
    letGo: (chunk) => {
      const { older, newer, bytes } = chunk;
      if (older === undefined) oldest = newer;
      else older.newer = newer;
      if (newer === undefined) newest = older;
      else newer.older = older;
      chunk.older = chunk.newer = chunk.next = undefined;
      size -= bytes.length + OVERHEAD;
      memory.giveBack(bytes);
    },
    oldest: () => oldest,
    size: () => size,
  };
};

/** Twice what the room's last chunk was filled with: small in a quiet room, large in a busy one. */
const sizeOf = (length: number, last: Chunk | undefined): number =>
  Math.min(MOST, Math.max(length, (last?.used ?? 0) * 2));
