/**
 * One room as all its receivers saw it: which message has which offset, and one order for all. A message
 * takes one number, and so does a pair of neighbours, however many clients got it.
 */
import type { Room } from '../../../lib/protocol/position.js';
import { positionText, roomText } from './frame.js';
import type { Findings } from './violation.js';
import type { ReceivedMessage } from './message.js';

/** What the log of a room has at the end. */
export interface LogContent {
  readonly room: Room;
  readonly tag: number;
  readonly offset: number;
  /** The id of the last message; null: none. */
  readonly id: string | null;
  /** The oldest offset that can be read. */
  readonly first: number;
  /** The texts of its messages, by offset. */
  readonly texts: readonly string[];
}

export interface Order {
  readonly room: Room;
  /** The log has an epoch with this tag, now. */
  readonly sawTag: (tag: number) => void;
  readonly isEpoch: (tag: number) => boolean;
  /** Whether an epoch is over: another began after it. */
  readonly isOlder: (tag: number, than: number) => boolean;
  readonly saw: (message: ReceivedMessage) => void;
  /** The message that was received last with this offset. */
  readonly at: (tag: number, offset: number) => ReceivedMessage | undefined;
  /**
   * All messages that were ever received with this offset: when Redis loses a message, another one gets its
   * offset before the epoch ends.
   */
  readonly allAt: (tag: number, offset: number) => readonly ReceivedMessage[];
  /** The message with the highest offset that was received in the last epoch. */
  readonly furthest: () => ReceivedMessage | undefined;
  /**
   * A client received the two messages one directly after the other. `next`: their offsets are consecutive,
   * and nothing came between.
   */
  readonly follows: (
    before: ReceivedMessage,
    after: ReceivedMessage,
    next: boolean,
    client: string,
    at: number,
  ) => void;
  /** The messages that the log has at the end. */
  readonly holds: (messages: readonly ReceivedMessage[], at: number) => void;
  readonly judge: (at: number) => void;
}

/** Two numbers of messages as one, below 2^53. */
const PAIR = 2 ** 26;

export const order = (room: Room, findings: Findings): Order => {
  const tags = new Map<number, number>();
  const positions = new Map<number, Map<number, ReceivedMessage>>();
  /** The messages whose offset another one got later. */
  const replaced = new Map<string, readonly ReceivedMessage[]>();
  let last: ReceivedMessage | undefined;
  const messages = new Map<number, ReceivedMessage>();
  const pairs = new Set<number>();
  /** The message before each, for consecutive offsets. */
  const befores = new Map<number, ReceivedMessage>();

  const add = (tag: 'I1' | 'I3', text: string, at: number, client?: string): void =>
    findings.add({ tag, client, room, text, at });

  const follow = (
    before: ReceivedMessage,
    after: ReceivedMessage,
    who: string,
    at: number,
    client?: string,
  ): void => {
    const known = befores.get(after.n);
    if (known === undefined) befores.set(after.n, before);
    else if (known !== before)
      add(
        'I1',
        `${who} has ${before.idText} before ${after.idText}, others ${known.idText}: one of the two was eaten`,
        at,
        client,
      );
  };

  return {
    room,
    sawTag: (tag) => {
      if (!tags.has(tag)) tags.set(tag, tags.size);
    },
    isEpoch: (tag) => tags.has(tag),
    isOlder: (tag, than) => {
      const [one, other] = [tags.get(tag), tags.get(than)];
      return one !== undefined && other !== undefined && one < other;
    },
    saw: (message) => {
      const { tag, offset, outside } = message.id;
      if (outside || message.isForeign) return;
      const offsets = positions.get(tag) ?? new Map<number, ReceivedMessage>();
      positions.set(tag, offsets);
      const known = offsets.get(offset);
      if (known !== undefined && known !== message) {
        const name = positionText(message.id);
        const others = replaced.get(name) ?? [];
        if (!others.includes(known)) replaced.set(name, [...others, known]);
      }
      offsets.set(offset, message);
      if (tag !== last?.id.tag || offset > last.id.offset) last = message;
    },
    furthest: () => last,
    at: (tag, offset) => positions.get(tag)?.get(offset),
    allAt: (tag, offset) => {
      const message = positions.get(tag)?.get(offset);
      if (message === undefined) return [];
      return [message, ...(replaced.get(positionText(message.id)) ?? [])];
    },
    follows: (before, after, next, client, at) => {
      messages.set(before.n, before);
      messages.set(after.n, after);
      pairs.add(before.n * PAIR + after.n);
      if (next) follow(before, after, client, at, client);
    },
    holds: (logged, at) => {
      logged.forEach((message, i) => {
        const before = logged[i - 1];
        if (before !== undefined) follow(before, message, 'the log', at);
      });
    },
    judge: (at) => {
      const circle = circleIn(pairs);
      if (circle.length > 0)
        add(
          'I3',
          `${circle.length} of ${messages.size} messages of ${roomText(room)} are in no one order: ${circle
            .slice(0, 6)
            .map((n) => nameOf(messages.get(n)))
            .join(', ')}`,
          at,
        );
    },
  };
};

const nameOf = (message: ReceivedMessage | undefined): string =>
  message === undefined
    ? '?'
    : `${message.sent?.data ?? message.idText} at ${positionText(message.id)}`;

/** The messages that no order fits: each of them comes after another of them. */
const circleIn = (pairs: ReadonlySet<number>): readonly number[] => {
  const after = new Map<number, number[]>();
  const befores = new Map<number, number>();
  for (const pair of pairs) {
    const [one, other] = [Math.floor(pair / PAIR), pair % PAIR];
    if (one === other) continue;
    const those = after.get(one);
    if (those === undefined) after.set(one, [other]);
    else those.push(other);
    befores.set(one, befores.get(one) ?? 0);
    befores.set(other, (befores.get(other) ?? 0) + 1);
  }
  const free = [...befores].flatMap(([n, count]) => (count === 0 ? [n] : []));
  for (let n = free.pop(); n !== undefined; n = free.pop()) {
    befores.delete(n);
    for (const next of after.get(n) ?? []) {
      const left = (befores.get(next) ?? 0) - 1;
      befores.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  return [...befores.keys()];
};
