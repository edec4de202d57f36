/**
 * The log of a pod without Redis. Frames are copied into chunks of their room: kept as they are, each would hold on to
 * the slab of 8 KiB that it shares with whatever was encoded beside it. A chunk is 1 KiB in a quiet room and 64 KiB in a
 * busy one, and goes as a whole: when its last message is too many or too old, or when all logs together are too large and
 * it is the oldest of all. An append costs 0.2 µs and no timer; what is too old is passed over at once and let go with the
 * next chunk, page or look at the size.
 */
import type { Publication } from '../../protocol/publication.js';
import type { Room, LogPosition } from '../../protocol/position.js';
import { type Chunk, chunkStore, MAX_LOG_BYTES } from './chunks.js';
import { type Page, PAGE_BYTES, pageOf, timeOf } from '../page.js';

export interface MemoryLogOptions {
  /** Unix ms; may jump. */
  readonly wall: () => number;
  /** How many messages of a room are kept (0: none), and for how long. */
  readonly messages: number;
  readonly ttlMs: number;
}

export interface MemoryLog {
  /** Takes the message that was just placed, right behind `before`: the next one of its epoch, or the first of a new one. */
  append(room: Room, publication: Publication, before: LogPosition): void;
  /** As `Log.page`, of a room that stands at `top`. */
  page(room: Room, top: LogPosition, from: number, most: number): Page;
  /** The epoch has ended. */
  forget(room: Room): void;
  /** Bytes that all logs take. */
  size(): number;
}

/** A chunk takes messages of so much of a log's time: the oldest chunk is soon one whose messages are all too old. */
const CHUNK_TIME = 1 / 8;

/** What is kept of a room: offsets from `first` to before `end`, in chunks. */
interface Shelf {
  first: number;
  /** When the message before `first` was said. */
  beforeMs: number | undefined;
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
    if (next === undefined) {
      shelves.delete(room);
      return;
    }
    shelf.head = next;
    if (shelf.first >= next.first) return;
    shelf.beforeMs = head.timeOf(next.first - 1);
    shelf.first = next.first;
  };

  /** Lets the oldest chunk go. False when there is none. */
  const dropOldest = (): boolean => {
    const shelf = shelves.get(chunks.oldest()?.room ?? '');
    if (shelf !== undefined) dropHead(shelf);
    return shelf !== undefined;
  };

  const sweep = (now: number): void => {
    for (let oldest = chunks.oldest(); oldest !== undefined; oldest = chunks.oldest()) {
      if (chunks.size() <= MAX_LOG_BYTES && oldest.until + ttlMs >= now) return;
      if (!dropOldest()) return;
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
  const shelfFor = (room: Room, offset: number, ms: number, length: number): Shelf | undefined => {
    const known = shelves.get(room);
    if (known?.end === offset) {
      const { tail } = known;
      if (tail.used + length <= tail.bytes.length && ms <= tail.until) return known;
      const next = chunks.open(room, offset, ms + ttlMs * CHUNK_TIME, length, tail);
      if (next === undefined) return undefined;
      known.tail = next;
      return known;
    }
    if (known !== undefined) forget(room);
    const chunk = chunks.open(room, offset, ms + ttlMs * CHUNK_TIME, length, undefined);
    if (chunk === undefined) return undefined;
    const shelf = { first: offset, beforeMs: undefined, end: offset, head: chunk, tail: chunk };
    shelves.set(room, shelf);
    return shelf;
  };

  /** Room by room the oldest makes way, until there is space. */
  const shelfWith = (room: Room, offset: number, ms: number, length: number): Shelf | undefined => {
    const before = chunks.size();
    let shelf = shelfFor(room, offset, ms, length);
    while (shelf === undefined && dropOldest()) shelf = shelfFor(room, offset, ms, length);
    if (chunks.size() === before) return shelf;
    // a new chunk: others may be too old
    sweep(wall());
    return shelves.get(room);
  };

  /** Moves a room's `first` over what is too old. Each message is passed over once. */
  const age = (shelf: Shelf, now: number): void => {
    while (shelf.first < shelf.end) {
      const { head, first } = shelf;
      if (head.timeOf(first) + ttlMs >= now) return;
      shelf.beforeMs = head.timeOf(first);
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
    append: (room, { id: { offset, ms }, frame }, before) => {
      if (messages === 0) return;
      const shelf = shelfWith(room, offset, ms, frame.length);
      if (shelf === undefined) return;
      if (shelf.first === offset && offset > 1) shelf.beforeMs = timeOf(before);
      shelf.tail.append(frame, ms);
      shelf.end = offset + 1;
      if (shelf.end - shelf.first <= messages) return;
      const { head } = shelf;
      shelf.beforeMs = head.timeOf(shelf.first);
      shelf.first += 1;
      if (shelf.first === head.first + head.count) dropHead(shelf);
    },
    page: (room, top, from, most) => {
      const now = wall();
      sweep(now);
      const shelf = shelves.get(room);
      if (shelf !== undefined) age(shelf, now);
      if (shelf === undefined || shelf.first === shelf.end)
        return pageOf(top, top.offset + 1, from, []);
      const { first, beforeMs } = shelf;
      return pageOf(top, first, from, framesFrom(shelf, Math.max(from, first), most), { beforeMs });
    },
    forget,
    size: () => {
      sweep(wall());
      return chunks.size();
    },
  };
};
