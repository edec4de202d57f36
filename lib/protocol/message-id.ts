/**
 * The bits of a message id (docs/protocol.md, section 3.2), for the server and for the client: a UUIDv7
 * (RFC 9562) whose random bits are not random. The layout after the 48 bits of Unix milliseconds and the
 * version:
 *
 *   rand_a  12 bit  tag of the log's epoch, never 0
 *   rand_b  40 bit  offset in the room: 1, 2, 3 … without holes; 0 before the first message
 *            1 bit  of the global log
 *            1 bit  outside the log: control, presence, messages that reached the members on one pod only
 *           20 bit  chosen by the publishing pod, which recognises its own message by them
 *
 * Ids of one epoch sort as strings in the order of delivery, because the milliseconds of a log never go back.
 */

/**
 * A position in a log: the tag of its epoch (1–4094), the offset of a message (0: before the first), its Unix
 * ms.
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
const FLAGS_AND_NONCE = 0x400000;
export const GLOBAL_BIT = 0x200000;
export const OUTSIDE_BIT = 0x100000;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/**
 * The tag of an id's epoch, as text. Of two ids of one log and with one tag the later one is the greater
 * text.
 */
export const tagIn = (text: string): string => text.slice(15, 18);

/** Whether the id is of a message outside the log. The bit is the last one of its digit. */
export const isOutside = (text: string): boolean =>
  (Number.parseInt(text.charAt(30), 16) & 1) === 1;

/** Reads an id; undefined when the text is no UUIDv7. Any UUIDv7 has some position. */
export const readId = (text: string): MessageId | undefined => {
  if (!UUID_V7.test(text)) return undefined;
  const last = Number.parseInt(text.slice(24), 16);
  const flags = last % FLAGS_AND_NONCE;
  return {
    ms: Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16),
    tag: Number.parseInt(tagIn(text), 16),
    offset:
      (Number.parseInt(text.slice(19, 23), 16) & 0x3fff) * LOW_OFFSETS +
      Math.floor(last / FLAGS_AND_NONCE),
    global: (flags & GLOBAL_BIT) !== 0,
    outside: (flags & OUTSIDE_BIT) !== 0,
    nonce: flags % OUTSIDE_BIT,
  };
};
