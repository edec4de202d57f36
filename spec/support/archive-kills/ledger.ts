/**
 * What a publisher has sent, and the answers: a few bytes for each message, as there may be a million. The
 * messages of a publisher have the numbers 1, 2, 3 …
 */
import { randomBytes } from 'node:crypto';
import type { Room } from '../../../lib/protocol/position.js';

/** Counts what publishers send and get, all in one order. */
export interface Steps {
  now: number;
}

export interface Ledger {
  readonly publisher: number;
  readonly room: Room;
  /** The last number. */
  readonly count: number;
  /** By number: the step in which the message was sent for the first time; 0: never. */
  readonly sentAt: Uint32Array;
  /** The step of its first ack; 0: none. */
  readonly ackedAt: Uint32Array;
  /** Whether it was ever refused, as with `unavailable`, or may have been: its connection ended first. */
  readonly refused: Uint8Array;
  /** Whether its ack had a `scope`: no log and no archive has such a message. */
  readonly podOnly: Uint8Array;
  /** From the first sending to the ack, in ms. */
  readonly ackMs: Float32Array;
  /** 16 bytes for each number: the id in its ack. */
  readonly ids: Buffer;
  /** Part of its idempotency keys, different in each run. */
  readonly run: string;
}

const ID_BYTES = 16;

export const ledger = (publisher: number, room: Room, count: number): Ledger => ({
  publisher,
  room,
  count,
  sentAt: new Uint32Array(count + 1),
  ackedAt: new Uint32Array(count + 1),
  refused: new Uint8Array(count + 1),
  podOnly: new Uint8Array(count + 1),
  ackMs: new Float32Array(count + 1),
  ids: Buffer.alloc((count + 1) * ID_BYTES),
  run: randomBytes(4).toString('hex'),
});

/** The idempotency key of a message. Without a user only a UUID is a key. */
export const keyOf = ({ run, publisher }: Ledger, n: number): string =>
  `${run}-${hex(publisher, 4)}-4000-8000-${hex(n, 12)}`;

export const numberOf = (key: string): number => Number.parseInt(key.slice(-12), 16);

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

const TEXT = 'x'.repeat(100);

/** The data of a message, as JSON. */
export const dataOf = ({ publisher }: Pick<Ledger, 'publisher'>, n: number): string =>
  `{"publisher":${publisher},"n":${n},"text":"${TEXT}"}`;

export const noteId = ({ ids }: Ledger, n: number, id: string): void => {
  ids.write(id.replaceAll('-', ''), n * ID_BYTES, 'hex');
};

/** The id of its ack, without hyphens. */
export const idOf = ({ ids }: Ledger, n: number): string =>
  ids.toString('hex', n * ID_BYTES, (n + 1) * ID_BYTES);

/** Acknowledged, so that the archive must have it. */
export const isAcked = ({ ackedAt, podOnly }: Ledger, n: number): boolean =>
  ackedAt[n] !== 0 && podOnly[n] === 0;
