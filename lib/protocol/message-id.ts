/**
 * The bits of a message id (docs/protocol.md, section 3.2), for the server and for the client: a UUIDv7
 * (RFC 9562) whose random bits are not random. The layout after the 48 bits of Unix milliseconds and the
 * version:
 *
 *   rand_a  12 bit  tag of the log's epoch, never 0
 *   rand_b  40 bit  offset in the room: 1, 2, 3 … without holes; 0 before the first message
 *            1 bit  of the global log
 *            1 bit  outside the log: control messages, errors, presence, foreign messages, and messages that
 *                   reached the members on one pod only
 *           20 bit  chosen by the publishing pod, which recognises its own message by them
 *
 * Within one epoch of a log, the ids of its messages sort as strings in the order of delivery, because the
 * milliseconds of a log never go back.
 */

/**
 * A position in a log: the tag of its epoch (1–4094; 0 and 4095 are of no log), the offset of a message (0:
 * before the first), its Unix ms.
 */
export interface Position {
  readonly tag: number;
  readonly offset: number;
  readonly ms: number;
}

/** The fields of an id. */
export interface MessageId extends Position {
  readonly global: boolean;
  readonly outside: boolean;
  readonly nonce: number;
}

/** 26 of the 40 bits of the offset are in the last group. */
export const LOW_OFFSETS = 0x4000000;
export const GLOBAL_BIT = 0x200000;
export const OUTSIDE_BIT = 0x100000;

/**
 * The tag of an id's epoch, as text. Of two messages in one log, with one tag, the later one has the greater
 * id.
 */
export const tagIn = (text: string): string => text.slice(15, 18);

/** Whether the id is of a message outside the log. The bit is the last one of its digit. */
export const isOutside = (text: string): boolean =>
  (Number.parseInt(text.charAt(30), 16) & 1) === 1;

/** The value of the hexadecimal digits from `start` to `end`; NaN when one of them is none. */
const hexIn = (text: string, start: number, end: number): number => {
  let value = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    // 0 to 9, else a to f in either case
    const digit = code < 58 ? code - 48 : (code | 32) - 87;
    if (digit < 0 || digit > 15 || (code > 57 && digit < 10)) return Number.NaN;
    value = value * 16 + digit;
  }
  return value;
};

/**
 * Reads an id; undefined when the text is no UUIDv7. Any UUIDv7 has some position. No regular expression:
 * each message of another pod is read twice, and a regular expression with slices costs 1 µs.
 */
export const readId = (text: string): MessageId | undefined => {
  const shape =
    text.charAt(8) + text.charAt(13) + text.charAt(14) + text.charAt(18) + text.charAt(23);
  if (text.length !== 36 || shape !== '--7--') return undefined;
  const ms = hexIn(text, 0, 8) * 0x10000 + hexIn(text, 9, 13);
  const tag = hexIn(text, 15, 18);
  const high = hexIn(text, 19, 23);
  const front = hexIn(text, 24, 30);
  const back = hexIn(text, 30, 36);
  // the two bits of the variant are 10
  if (Number.isNaN(ms + tag + front + back) || high >> 14 !== 2) return undefined;
  return {
    ms,
    tag,
    offset: (high & 0x3fff) * LOW_OFFSETS + front * 4 + (back >> 22),
    global: (back & GLOBAL_BIT) !== 0,
    outside: (back & OUTSIDE_BIT) !== 0,
    nonce: back % OUTSIDE_BIT,
  };
};

/** Whether two ids have the same text: these fields are all of its bits. */
export const isSameId = (one: MessageId, other: MessageId): boolean =>
  one.offset === other.offset &&
  one.tag === other.tag &&
  one.ms === other.ms &&
  one.nonce === other.nonce &&
  one.global === other.global &&
  one.outside === other.outside;
