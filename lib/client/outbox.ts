/**
 * The messages that the application publishes and the server has not answered: pure. Each settles exactly
 * once: acked, refused, timed out, or closed.
 *
 *   publish ──▶ Waiting ── sent on a socket ──▶ Sent ── ack, or error ──▶ settled
 *                  ▲                              │
 *                  └──── the socket has ended ────┘
 *
 * A message that was sent twice has the same id, so the server takes it once (docs/protocol.md, section 4.2).
 * The messages of a room stay in order: a message is not sent on a socket while an earlier one of its room has
 * no answer on another socket.
 */
import type { SocketNumber } from './room-state.js';

/** The answer to a publish. */
export interface Ack {
  /** Absent when an application's hook dropped the message. */
  readonly id?: string;
  /** The server had the message already. */
  readonly duplicate: boolean;
  /** The message reached the members on one pod only. */
  readonly scope?: 'pod';
}

export interface Entry {
  readonly ref: string;
  readonly room: string;
  readonly text: string;
  /** Wall clock, Unix ms. */
  readonly until: number;
  readonly sentOn: SocketNumber | undefined;
}

export type Result =
  | { readonly _tag: 'Acked'; readonly ack: Ack }
  | { readonly _tag: 'Refused'; readonly code: PublishFailure; readonly text: string };

/** Why a publish was rejected: a code of the server (docs/protocol.md, section 6), or one of the client. */
export type PublishFailure = string;

export interface Settled {
  readonly ref: string;
  readonly result: Result;
}

export type Outbox = readonly Entry[];

/** How many publishes wait at most. */
export const MAX_WAITING = 256;
/** The server does not read a socket that has 64 publishes under way. */
const MAX_UNDER_WAY = 48;

export const QUEUE_FULL: Result = {
  _tag: 'Refused',
  code: 'queue_full',
  text: `${MAX_WAITING} messages wait for their ack: publish again when some of them are settled`,
};

const refusedWith = (code: PublishFailure, text: string) =>
  ({ _tag: 'Refused', code, text }) as const;

/** Undefined when the outbox is full. */
export const added = (outbox: Outbox, entry: Entry): Outbox | undefined =>
  outbox.length >= MAX_WAITING ? undefined : [...outbox, entry];

/** What may be sent on a socket now, in order. `isReady`: the room is joined on that socket. */
export const sendable = (
  outbox: Outbox,
  socket: SocketNumber,
  isReady: (room: string) => boolean,
  most: number,
): readonly Entry[] => {
  const blocked = new Set<string>();
  const found: Entry[] = [];
  let underWay = 0;
  for (const entry of outbox) {
    const { room, sentOn } = entry;
    if (sentOn === socket) underWay++;
    else if (sentOn !== undefined || blocked.has(room) || !isReady(room)) blocked.add(room);
    else found.push(entry);
  }
  return found.slice(0, Math.max(0, Math.min(most, MAX_UNDER_WAY - underWay)));
};

export const sent = (outbox: Outbox, entries: readonly Entry[], socket: SocketNumber): Outbox =>
  outbox.map((entry) => (entries.includes(entry) ? { ...entry, sentOn: socket } : entry));

/** Whether a message that was sent on the socket has no answer. */
export const isAwaiting = (outbox: Outbox, socket: SocketNumber): boolean =>
  outbox.some(({ sentOn }) => sentOn === socket);

/** The socket has ended: its messages are sent again. */
export const socketEnded = (outbox: Outbox, socket: SocketNumber): Outbox =>
  isAwaiting(outbox, socket)
    ? outbox.map((entry) => (entry.sentOn === socket ? { ...entry, sentOn: undefined } : entry))
    : outbox;

type Settling = readonly [Outbox, readonly Settled[]];

const settle = (outbox: Outbox, isOf: (entry: Entry) => boolean, result: Result): Settling => {
  const found = outbox.filter(isOf);
  return found.length === 0
    ? [outbox, []]
    : [outbox.filter((entry) => !found.includes(entry)), found.map(({ ref }) => ({ ref, result }))];
};

export const acked = (outbox: Outbox, ref: string, ack: Ack): Settling =>
  settle(outbox, (entry) => entry.ref === ref, { _tag: 'Acked', ack });

export const refusedOne = (
  outbox: Outbox,
  ref: string,
  code: PublishFailure,
  text: string,
): Settling => settle(outbox, (entry) => entry.ref === ref, refusedWith(code, text));

/** The server has refused the join of the room: its messages cannot be sent. */
export const refusedRoom = (
  outbox: Outbox,
  room: string,
  code: PublishFailure,
  text: string,
): Settling => settle(outbox, (entry) => entry.room === room, refusedWith(code, text));

export const timedOut = (outbox: Outbox, now: number): Settling =>
  settle(
    outbox,
    ({ until }) => until <= now,
    refusedWith('timeout', 'the server has not acked the message in time; it may have been sent'),
  );

export const closed = (outbox: Outbox, because: string): Settling =>
  settle(outbox, () => true, refusedWith('closed', `the client is closed: ${because}`));

/** When the next message times out, Unix ms; undefined when none waits. */
export const nextTimeout = (outbox: Outbox): number | undefined =>
  outbox.length === 0 ? undefined : Math.min(...outbox.map(({ until }) => until));
