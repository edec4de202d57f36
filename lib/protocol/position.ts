/** The position of a log, and the ids that contain it (`message-id.ts` has their bits). */
import * as O from 'fp-ts/lib/Option.js';
import {
  GLOBAL_BIT,
  isSameId,
  LOW_OFFSETS,
  type MessageId,
  OUTSIDE_BIT,
  type Position,
  readId,
} from './message-id.js';

export { GLOBAL_BIT, isSameId, type MessageId, OUTSIDE_BIT, type Position };

/** The name of a room. The empty string stands for the global log; no room can have it. */
export type Room = string;
/** The name of the global log, which every connection is in. */
export const GLOBAL: Room = '';

/**
 * Whether a position is that of an id with `TIME_OF_OTHER_LOG`: the message at its offset may be later than
 * `ms`.
 */
export const isTimeOfOtherLog = ({
  nonce = 0,
}: Position & Partial<Pick<MessageId, 'nonce'>>): boolean => (nonce & TIME_OF_OTHER_LOG) !== 0;

/** A position in no log: a tag is never 0. */
export const NO_POSITION: Position = Object.freeze({ tag: 0, offset: 0, ms: 0 });

/** A position with the id of the message there; `id` is null when there is none, or it is not known. */
export interface LogPosition extends Position {
  readonly id: string | null;
}

export const TAGS = 0x1000;
/**
 * The tag of an id that names no log: its connection had no position in the room yet. In a `join` such an id
 * counts as none. In the handshake both logs resume by its time, if it has one (`resume.ts`). No epoch has
 * this tag.
 */
export const NO_EPOCH = 0xfff;
export const NONCES = 0x80000;
/**
 * One of the 20 bits, set only in ids outside the log. It says that the milliseconds are those of the
 * connection's other log, which is behind: they may be earlier than the message at the offset.
 */
export const TIME_OF_OTHER_LOG = 0x80000;

/** The two flags of an id. */
export const flagsOf = (global: boolean, outside: boolean): number =>
  (global ? GLOBAL_BIT : 0) | (outside ? OUTSIDE_BIT : 0);

/**
 * The three hexadecimal digits of each value of 12 bits. The milliseconds, the tag and the last group of an
 * id are written in such parts. `toString(16)` is slow for a number of more than 32 bits: 0.7 µs an id.
 */
const HEX = Array.from({ length: TAGS }, (_, bits) => bits.toString(16).padStart(3, '0'));
const hex = (bits: number): string => HEX[bits & 0xfff] ?? '';

/** The first digits of ids of one millisecond, cached: many ids are written in one. */
let headMs = Number.NaN;
let head = '';

const headOf = (ms: number): string => {
  if (ms !== headMs) {
    // two halves of 24 bits, as in `formatId`
    const early = Math.floor(ms / 0x1000000);
    const late = Math.floor(ms - early * 0x1000000);
    const digits = hex(early >> 12) + hex(early) + hex(late >> 12) + hex(late);
    headMs = ms;
    head = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
  }
  return head;
};

/** The 14 high bits of the offset, after the variant: 0 for the first 67 million messages of a room. */
const highOf = (offset: number): string =>
  offset < LOW_OFFSETS ? '-8000-' : `-${(0x8000 | Math.floor(offset / LOW_OFFSETS)).toString(16)}-`;

/** Writes an id in its 36 characters. */
export const formatId = ({ ms, tag, offset, global, outside, nonce }: MessageId): string => {
  // the last 48 bits as two halves that fit a small integer: 24 bits of the offset; then its last 2 bits, the
  // flags and the nonce
  const low = offset % LOW_OFFSETS;
  const front = low >>> 2;
  const back = ((low & 3) << 22) | flagsOf(global, outside) | nonce;
  return (
    headOf(ms) +
    (hex(tag) + highOf(offset) + hex(front >> 12)) +
    (hex(front) + hex(back >> 12) + hex(back))
  );
};

/** ASCII of a hexadecimal digit. */
const DIGIT = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Writes the last `digits` hexadecimal digits of a whole number, ending before `end`. */
const writeDigits = (bytes: Uint8Array, end: number, digits: number, value: number): void => {
  let rest = value;
  for (let i = 1; i <= digits; i++) {
    bytes[end - i] = DIGIT[rest & 0xf] ?? 0;
    rest >>>= 4;
  }
};

/**
 * Writes an id into the bytes of a message, at `at`, over 36 bytes that have its dashes, version and variant
 * (`BLANK_ID`). A string that nobody reads would cost 0.5 µs.
 */
export const writeId = (
  { ms, tag, offset, global, outside, nonce }: MessageId,
  bytes: Uint8Array,
  at: number,
): void => {
  const early = Math.floor(ms / 0x1000000);
  const late = Math.floor(ms - early * 0x1000000);
  writeDigits(bytes, at + 6, 6, early);
  writeDigits(bytes, at + 8, 2, late >>> 16);
  writeDigits(bytes, at + 13, 4, late);
  writeDigits(bytes, at + 18, 3, tag);
  if (offset >= LOW_OFFSETS)
    writeDigits(bytes, at + 23, 4, 0x8000 | Math.floor(offset / LOW_OFFSETS));
  const low = offset % LOW_OFFSETS;
  const back = ((low & 3) << 22) | flagsOf(global, outside) | nonce;
  writeDigits(bytes, at + 30, 6, low >>> 2);
  writeDigits(bytes, at + 36, 6, back);
};

export const BLANK_ID = '00000000-0000-7000-8000-000000000000';

/** The position of a log after the message with this id. The id's text is written only when it is read. */
export class LastMessage implements LogPosition {
  readonly tag: number;
  readonly offset: number;
  readonly ms: number;

  constructor(private readonly last: MessageId) {
    this.tag = last.tag;
    this.offset = last.offset;
    this.ms = last.ms;
  }

  get id(): string {
    return formatId(this.last);
  }
}

/** Reads an id; none when the text is no UUIDv7. Whether the log has its position is not checked. */
export const parseId = (text: string): O.Option<MessageId> => O.fromNullable(readId(text));

/**
 * A tag for an epoch, from a random number in [0, 1): 1–4094, as 0 is no tag and `NO_EPOCH` names no epoch.
 */
export const drawTag = (random: () => number): number => 1 + Math.floor(random() * (NO_EPOCH - 1));

/** The pod's 20 bits of an id, without `TIME_OF_OTHER_LOG`: 19 bits are drawn. */
export const drawNonce = (random: () => number): number => Math.floor(random() * NONCES);

/**
 * The next nonce. Half a million consecutive nonces differ; of a thousand random nonces, two are probably
 * equal.
 */
export const nextNonce = (nonce: number): number => (nonce + 1) % NONCES;

/** The nonce for another program's message: FNV-1a of its id, folded. All pods compute the same one. */
export const nonceOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++)
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return ((hash >>> 20) ^ hash) & (NONCES - 1);
};

/** What a room's name looks like, but for reserved names. */
export const ROOM_NAME = /^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$/;
const RESERVED = new Set(['stats']);

/**
 * Whether a text may be the name of a room (docs/protocol.md, section 1.1). No such name is a Redis pattern,
 * a path or a log line.
 */
export const isRoomName = (name: string): boolean => ROOM_NAME.test(name) && !RESERVED.has(name);

/**
 * The copy of a name that V8 keeps for property names. Equal names are then the same string, and a lookup in
 * a map compares no text, which saves 0.1 µs when the texts are not in the cache.
 */
export const interned = (name: Room): Room => Object.keys({ [name]: 0 })[0] ?? name;

/** What a room's name may look like, for error texts. */
export const ROOM_RULE =
  '1 to 128 characters of A-Z a-z 0-9 _ . : @ -, the first a letter or digit, and not "stats"';

/**
 * When the last message of a log was published. `ms` of the position may be later, as messages outside the
 * log advance it too. A client that resumes by a time between the two has missed nothing.
 */
export const timeOf = ({ id, ms }: LogPosition): number => {
  const last = id === null ? undefined : parseId(id);
  return last === undefined || O.isNone(last) ? ms : last.value.ms;
};
