/** The log of one room of the scripted server: its messages with their ids, and what a client missed. */
import type { Message } from '../client/frames.js';
import type { Page } from '../client/room.js';
import { formatId } from '../protocol/position.js';
import { readId } from '../protocol/message-id.js';
import type { GapReason } from '../protocol/system-event.js';

export interface RoomLog {
  /** Appends a message. */
  append(message: Omit<Message, 'id' | 'timestamp'>, now: number): Message;
  /** An id outside the log: for control messages, errors, pongs and the server's presence. */
  controlId(now: number): string;
  /** The id of the last message. */
  lastId(): string | undefined;
  /** What a client gets that resumes from an id. With an id of a lost log it gets only the gap. */
  after(id: string): { readonly gap: GapReason | undefined; readonly messages: readonly Message[] };
  /** A part of the log, as HTTP answers it: the last messages, or those before an id. */
  page(before: string | null, limit: number): Page<unknown>;
  /** All messages are lost, as by a Redis that restarts empty. */
  lose(): void;
  /** Only the last messages stay. */
  trim(keep: number): void;
}

export const roomLog = (room: string): RoomLog => {
  const global = room === '';
  let tag = 1;
  let offset = 0;
  let controls = 0;
  let ms = 0;
  let messages: Message[] = [];
  const issued = new Set<string>();

  const idAt = (now: number, outside: boolean, nonce: number): string => {
    ms = Math.max(ms, Math.floor(now));
    return formatId({ ms, tag, offset, global, outside, nonce });
  };
  const offsetOf = (id: string): number => readId(id)?.offset ?? 0;

  return {
    append: (message, now) => {
      offset += 1;
      const placed = {
        ...message,
        id: idAt(now, false, 0),
        timestamp: new Date(now).toISOString(),
      };
      messages.push(placed);
      issued.add(placed.id);
      return placed;
    },
    controlId: (now) => idAt(now, true, ++controls % 0x80000),
    lastId: () => messages.at(-1)?.id,
    after: (id) => {
      const from = readId(id);
      if (from === undefined) return { gap: 'unknown_id', messages: [] };
      if (from.tag !== tag) return { gap: 'log_lost', messages: [] };
      // an id of another room. Ids outside the log are not remembered, so they are not checked
      if (!from.outside && !issued.has(id)) return { gap: 'unknown_id', messages: [] };
      const first = offset - messages.length + 1;
      const gap = from.offset < first - 1 ? 'expired' : undefined;
      return { gap, messages: messages.filter((one) => offsetOf(one.id) > from.offset) };
    },
    page: (before, limit) => {
      const end = before === null ? Infinity : offsetOf(before);
      const earlier = messages.filter((one) => offsetOf(one.id) < end);
      const page = earlier.slice(-limit);
      return { messages: page, next: (page.length < earlier.length && page[0]?.id) || null };
    },
    lose: () => {
      tag += 1;
      offset = 0;
      messages = [];
    },
    trim: (keep) => {
      messages = messages.slice(Math.max(0, messages.length - keep));
    },
  };
};
