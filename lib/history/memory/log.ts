/**
 * The log of a pod without Redis. Frames are copied into chunks of their room: a frame that is not copied
 * would keep alive the 8 KiB buffer that it shares with other frames. A chunk has 1 KiB in a quiet room and
 * 64 KiB in a busy one. It is dropped as a whole when its last message is too old, or when the room has
 * enough messages after it. When all logs together are too large, the oldest chunk is dropped. An append
 * costs 0.2 µs and no timer. No page has a message that is too old. Chunks that are too old are dropped when
 * the next chunk is opened, a page is read, or the size is asked for.
 */
import type { Publication } from '../../protocol/publication.js';
import { type Room, type LogPosition, timeOf } from '../../protocol/position.js';
import { type Chunk, chunkStore, MAX_LOG_BYTES } from './chunks.js';
import { type Page, PAGE_BYTES, pageOf } from '../page.js';

export interface MemoryLogOptions {
  /** Unix ms; may go backwards. */
  readonly wall: () => number;
  /** How many messages of a room are kept (0: none), and for how long. */
  readonly messages: number;
  readonly ttlMs: number;
}

export interface MemoryLog {
  /**
   * Appends a message. It follows `before` directly: the next one of its epoch, or the first one of a new
   * epoch.
   */
  append(room: Room, publication: Publication, before: LogPosition): void;
  /** `Log.page` for a room with the position `top`. */
  page(room: Room, top: LogPosition, from: number, most: number): Page;
  /** Drops the log of a room whose epoch has ended. */
  forget(room: Room): void;
  /** The bytes of all logs. */
  size(): number;
}

/**
 * The messages of one chunk are published within this part of `ttlMs`: so all messages of the oldest chunk
 * are soon too old.
 */
const CHUNK_TIME = 1 / 8;

/** The log of a room: offsets from `first` to before `end`, in chunks. */
interface Shelf {
  first: number;
  /** When the message before `first` was published. */
  beforeMs: number | undefined;
  end: number;
  head: Chunk;
  tail: Chunk;
}

export const memoryLog = ({ wall, messages, ttlMs }: MemoryLogOptions): MemoryLog => {
  const shelves = new Map<Room, Shelf>();
  const chunks = chunkStore();

  /** Drops the first chunk of a room. */
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

  /** Drops the oldest chunk of all, which is the first one of its room. Returns false when there is none. */
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

  /** The log that the next message of a room goes to: its last chunk has the space. */
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

  /** As `shelfFor`, but drops the oldest chunks of all rooms until there is space. */
  const shelfWith = (room: Room, offset: number, ms: number, length: number): Shelf | undefined => {
    const before = chunks.size();
    let shelf = shelfFor(room, offset, ms, length);
    while (shelf === undefined && dropOldest()) shelf = shelfFor(room, offset, ms, length);
    if (chunks.size() === before) return shelf;
    // a new chunk: others may be too old by now
    sweep(wall());
    return shelves.get(room);
  };

  /** Moves a room's `first` past the messages that are too old. Each message is skipped once. */
  const age = (shelf: Shelf, now: number): void => {
    while (shelf.first < shelf.end) {
      const { head, first } = shelf;
      if (head.timeOf(first) + ttlMs >= now) return;
      shelf.beforeMs = head.timeOf(first);
      shelf.first += 1;
      if (shelf.first === head.first + head.count) dropHead(shelf);
    }
  };

  /** Returns copies, as the memory of chunks is used again. */
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
