/**
 * One room as all its hearers saw it: which message stands at which place, and one order for all. What is kept is a number
 * a message and one a pair of neighbours, however many heard it.
 */
import type { Room } from '../../../lib/protocol/position.js';
import { placeText, roomText } from './frame.js';
import type { Findings } from './violation.js';
import type { Word } from './word.js';

/** What the log of a room holds in the end. */
export interface LogContent {
  readonly room: Room;
  readonly tag: number;
  readonly offset: number;
  /** The id at the top; null when it holds none. */
  readonly id: string | null;
  /** The oldest offset that can be read. */
  readonly first: number;
  /** The texts of its messages, by offset. */
  readonly texts: readonly string[];
}

export interface Order {
  readonly room: Room;
  /** This tag is of an epoch of the log, now. */
  readonly sawTag: (tag: number) => void;
  readonly isEpoch: (tag: number) => boolean;
  /** Whether an epoch is over: another began after it. */
  readonly isOlder: (tag: number, than: number) => boolean;
  readonly saw: (word: Word) => void;
  /** What was heard there last. */
  readonly at: (tag: number, offset: number) => Word | undefined;
  /** All that was ever heard there: what Redis lost gives its place to another before the epoch ends. */
  readonly allAt: (tag: number, offset: number) => readonly Word[];
  /** The furthest that anyone heard of, in the last epoch. */
  readonly furthest: () => Word | undefined;
  /** Heard right after one another; `next`: and their offsets follow on each other, with nothing told in between. */
  readonly follows: (before: Word, after: Word, next: boolean, client: string, at: number) => void;
  /** What the log says in the end. */
  readonly holds: (words: readonly Word[], at: number) => void;
  readonly judge: (at: number) => void;
}

/** Two numbers of words as one, below 2^53. */
const PAIR = 2 ** 26;

export const order = (room: Room, findings: Findings): Order => {
  const tags = new Map<number, number>();
  const places = new Map<number, Map<number, Word>>();
  /** Those that gave their place to another. */
  const replaced = new Map<string, readonly Word[]>();
  let last: Word | undefined;
  const words = new Map<number, Word>();
  const pairs = new Set<number>();
  /** The word before each, where offsets follow on each other. */
  const befores = new Map<number, Word>();

  const add = (tag: 'I1' | 'I3', text: string, at: number, client?: string): void =>
    findings.add({ tag, client, room, text, at });

  const follow = (before: Word, after: Word, who: string, at: number, client?: string): void => {
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
    saw: (word) => {
      const { tag, offset, outside } = word.id;
      if (outside || word.stranger) return;
      const offsets = places.get(tag) ?? new Map<number, Word>();
      places.set(tag, offsets);
      const known = offsets.get(offset);
      if (known !== undefined && known !== word) {
        const name = placeText(word.id);
        const others = replaced.get(name) ?? [];
        if (!others.includes(known)) replaced.set(name, [...others, known]);
      }
      offsets.set(offset, word);
      if (tag !== last?.id.tag || offset > last.id.offset) last = word;
    },
    furthest: () => last,
    at: (tag, offset) => places.get(tag)?.get(offset),
    allAt: (tag, offset) => {
      const word = places.get(tag)?.get(offset);
      if (word === undefined) return [];
      return [word, ...(replaced.get(placeText(word.id)) ?? [])];
    },
    follows: (before, after, next, client, at) => {
      words.set(before.n, before);
      words.set(after.n, after);
      pairs.add(before.n * PAIR + after.n);
      if (next) follow(before, after, client, at, client);
    },
    holds: (held, at) => {
      held.forEach((word, i) => {
        const before = held[i - 1];
        if (before !== undefined) follow(before, word, 'the log', at);
      });
    },
    judge: (at) => {
      const circle = circleIn(pairs);
      if (circle.length > 0)
        add(
          'I3',
          `${circle.length} of ${words.size} messages of ${roomText(room)} are in no one order: ${circle
            .slice(0, 6)
            .map((n) => nameOf(words.get(n)))
            .join(', ')}`,
          at,
        );
    },
  };
};

const nameOf = (word: Word | undefined): string =>
  word === undefined ? '?' : `${word.saying?.data ?? word.idText} at ${placeText(word.id)}`;

/** Those that no order puts right: each of them comes after another of them. */
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
