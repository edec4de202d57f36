/**
 * The log of a pod without Redis. Frames are copied into chunks of their room: kept as they are, each would hold on to
 * the slab of 8 KiB that it shares with whatever was encoded beside it. A chunk is 1 KiB in a quiet room and 64 KiB in a
 * busy one, and goes as a whole: when its last message is too many or too old, or when all logs together are too large and
 * it is the oldest of all. An append costs 0.2 µs and no timer; what is too old is passed over at once and let go with the
 * next chunk, page or look at the size.
 */
import type { Publication } from '../codec.js';
import type { Room, Top } from '../position.js';
import { type Chunk, chunkStore } from './chunks.js';
import { type Page, PAGE_BYTES, pageOf } from './page.js';

export interface MemoryLogOptions {
  /** Unix ms; may jump. */
  readonly wall: () => number;
  /** How many messages of a room are kept (0: none), and for how long. */
  readonly messages: number;
  readonly ttlMs: number;
}

export interface MemoryLog {
  /** Takes the message that was just placed: the next one of its epoch, or the first of a new one. */
  append(room: Room, publication: Publication): void;
  /** As `Log.page`, of a room that stands at `top`. */
  page(room: Room, top: Top, from: number, most: number): Page;
  /** The epoch has ended. */
  forget(room: Room): void;
  /** Bytes that all logs take. */
  size(): number;
}

/** Of all logs together. */
export const MAX_LOG_BYTES = 67_108_864;
/** A chunk takes messages of so much of a log's time: the oldest chunk is soon one whose messages are all too old. */
const CHUNK_TIME = 1 / 8;

/** What is kept of a room: offsets from `first` to before `end`, in chunks. */
interface Shelf {
  first: number;
  end: number;
  head: Chunk;
  tail: Chunk;
}

export const memoryLog = ({ wall, messages, ttlMs }: MemoryLogOptions): MemoryLog => {
  const shelves = new Map<Room, Shelf>();
  const chunks = chunkStore();

  /** A room's chunks are in the order of age: the oldest of all is its room's first. */
  const dropHead = (shelf: Shelf): void => {
    const { head } = shelf;
    const { room, next } = head;
    chunks.letGo(head);
    if (next === undefined) shelves.delete(room);
    else {
      shelf.head = next;
      shelf.first = Math.max(shelf.first, next.first);
    }
  };

  const sweep = (now: number): void => {
    for (;;) {
      const oldest = chunks.oldest();
      const shelf = oldest === undefined ? undefined : shelves.get(oldest.room);
      if (oldest === undefined || shelf === undefined) return;
      if (chunks.size() <= MAX_LOG_BYTES && oldest.until + ttlMs >= now) return;
      dropHead(shelf);
    }
  };

  const forget = (room: Room): void => {
    let chunk = shelves.get(room)?.head;
    shelves.delete(room);
    while (chunk !== undefined) {
      const { next } = chunk;
      chunks.letGo(chunk);
      chunk = next;
    }
  };

  /** Where the next message of a room goes: the last chunk of its shelf has the space. */
  const shelfFor = (room: Room, offset: number, ms: number, length: number): Shelf => {
    const known = shelves.get(room);
    if (known?.end === offset) {
      const { tail } = known;
      if (tail.used + length <= tail.bytes.length && ms <= tail.until) return known;
      known.tail = chunks.open(room, offset, ms + ttlMs * CHUNK_TIME, length, tail);
      sweep(wall());
      return known;
    }
    if (known !== undefined) forget(room);
    const chunk = chunks.open(room, offset, ms + ttlMs * CHUNK_TIME, length, undefined);
    const shelf = { first: offset, end: offset, head: chunk, tail: chunk };
    shelves.set(room, shelf);
    sweep(wall());
    return shelf;
  };

  /** Moves a room's `first` over what is too old. Each message is passed over once. */
  const age = (shelf: Shelf, now: number): void => {
    while (shelf.first < shelf.end) {
      const { head, first } = shelf;
      if (head.timeOf(first) + ttlMs >= now) return;
      shelf.first += 1;
      if (shelf.first === head.first + head.count) dropHead(shelf);
    }
  };

  /** Copies: chunks are used again. */
  const framesFrom = (shelf: Shelf, from: number, most: number): readonly Buffer[] => {
    const frames: Buffer[] = [];
    let bytes = 0;
    let chunk: Chunk | undefined = shelf.head;
    for (let offset = from; offset < shelf.end && frames.length < most; offset += 1) {
      while (chunk !== undefined && offset >= chunk.first + chunk.count) chunk = chunk.next;
      const frame = chunk?.frame(offset);
      if (frame === undefined) break;
      bytes += frame.length;
      if (bytes > PAGE_BYTES && frames.length > 0) break;
      frames.push(frame);
    }
    const copy = Buffer.concat(frames);
    let at = 0;
    return frames.map(({ length }) => {
      at += length;
      return copy.subarray(at - length, at);
    });
  };

  return {
    append: (room, { id: { offset, ms }, frame }) => {
      if (messages === 0) return;
      const shelf = shelfFor(room, offset, ms, frame.length);
      shelf.tail.append(frame, ms);
      shelf.end = offset + 1;
      if (shelf.end - shelf.first <= messages) return;
      shelf.first += 1;
      const { head } = shelf;
      if (shelf.first === head.first + head.count) dropHead(shelf);
    },
    page: (room, top, from, most) => {
      const now = wall();
      sweep(now);
      const shelf = shelves.get(room);
      if (shelf !== undefined) age(shelf, now);
      if (shelf === undefined || shelf.first === shelf.end)
        return pageOf(top, top.offset + 1, from, []);
      return pageOf(top, shelf.first, from, framesFrom(shelf, Math.max(from, shelf.first), most));
    },
    forget,
    size: () => {
      sweep(wall());
      return chunks.size();
    },
  };
};
