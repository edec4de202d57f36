/**
 * The memory of all logs: chunks in the order of their age, used again when they are let go: fresh buffers would
 * live long enough to be old to V8, and what is old costs a collection of the whole heap for every 64 MB.
 */
import type { Room } from '../position.js';

/** Frames of a room's consecutive offsets, one behind the other. */
export class Chunk {
  room: Room = '';
  first = 0;
  count = 0;
  used = 0;
  /** Takes no message that is younger. */
  until = 0;
  /** The room's next one. */
  next: Chunk | undefined = undefined;
  /** Its neighbours in age among those of all rooms. */
  older: Chunk | undefined = undefined;
  newer: Chunk | undefined = undefined;
  // keep their length when the chunk is used again
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
  /** An empty one behind a room's `last`, with space for `length` bytes. */
  open(room: Room, first: number, until: number, length: number, last: Chunk | undefined): Chunk;
  letGo(chunk: Chunk): void;
  oldest(): Chunk | undefined;
  /** Bytes of those that are open. */
  size(): number;
}

/** The least and the most of a chunk's bytes; a larger frame has one of its own. */
const LEAST = 1_024;
const MOST = 65_536;
/** What a chunk costs beside its bytes: the objects, and the entry of its room. */
const OVERHEAD = 512;
/** Bytes of those that wait to be used again. */
const MAX_SPARE = 8_388_608;

export const chunkStore = (): ChunkStore => {
  const spares = new Map<number, Chunk[]>();
  let oldest: Chunk | undefined;
  let newest: Chunk | undefined;
  let size = 0;
  let spare = 0;

  const take = (length: number): Chunk => {
    const chunk = spares.get(length)?.pop();
    if (chunk === undefined) return new Chunk(Buffer.allocUnsafeSlow(length));
    spare -= length;
    return chunk;
  };

  return {
    open: (room, first, until, length, last) => {
      const chunk = take(length > MOST ? length : sizeOf(length, last));
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
      if (bytes.length > MOST || spare + bytes.length > MAX_SPARE) return;
      spare += bytes.length;
      const waiting = spares.get(bytes.length);
      if (waiting === undefined) spares.set(bytes.length, [chunk]);
      else waiting.push(chunk);
    },
    oldest: () => oldest,
    size: () => size,
  };
};

/** Twice what the room's last one took, as a power of two, so that there are few sizes. */
const sizeOf = (length: number, last: Chunk | undefined): number => {
  const wanted = Math.max(length, LEAST, (last?.used ?? 0) * 2);
  return wanted > MOST ? MOST : 2 ** Math.ceil(Math.log2(wanted));
};
