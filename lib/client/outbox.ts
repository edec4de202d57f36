/**
 * The messages that the application publishes and the server has not answered: pure. Each settles exactly
 * once: acked, refused, timed out, or closed.
 *
 *   publish ──▶ waits ── sent on a connection ──▶ sent ── ack, or error ──▶ settled
 *                 ▲                                │
 *                 └──── the connection has ended ──┘
 *
 * A message that was sent twice has the same id, so the server takes it once (docs/protocol.md, section 4.2).
 * The messages of a room stay in order: a message is not sent on a connection while an earlier one of its room
 * has no answer on another one.
 */
import { paced } from './pace.js';
import {
  type Change,
  type Connection,
  effect,
  type Entry,
  isOpen,
  type Result,
  type State,
  wake,
} from './state.js';

/** How many publishes wait at most. */
const MAX_WAITING = 256;
/** The server does not read a socket that has 64 publishes under way. */
const MAX_UNDER_WAY = 48;

export const failed = (code: string, text: string): Result => ({ _tag: 'Failed', code, text });

export const settled = (state: State, isOf: (entry: Entry) => boolean, result: Result): State =>
  effect(
    { ...state, outbox: state.outbox.filter((entry) => !isOf(entry)) },
    ...state.outbox.filter(isOf).map(({ ref }) => ({ _tag: 'Settle', ref, result }) as const),
  );

export const published =
  (ref: string, room: string, text: string, timeoutMs: number): Change =>
  (state) => {
    const entry: Entry = { ref, room, text, until: state.now + timeoutMs, sentOn: undefined };
    const next = { ...state, outbox: [...state.outbox, entry] };
    return state.outbox.length < MAX_WAITING
      ? next
      : settled(next, (one) => one === entry, failed('queue_full', `${MAX_WAITING} messages wait`));
  };

/** Rule: what has waited for too long is given up. */
export const expire: Change = (state) => {
  const { now } = state;
  const next = Math.min(...state.outbox.map(({ until }) => until));
  return now < next
    ? wake(state, next)
    : settled(
        state,
        ({ until }) => until <= now,
        failed('timeout', 'no ack; it may have been sent'),
      );
};

/** Rule: sends what may be sent; what can never be sent is refused. */
export const deliver: Change = (state) =>
  // the second connection of a handover first: what is sent on the old one delays its end
  [...state.connections]
    .reverse()
    .reduce(
      (at, connection) =>
        at.outbox.reduce<readonly [State, readonly string[]]>(
          ([then, blocked], entry) => delivered(then, blocked, entry, connection),
          [at, []],
        )[0],
      state,
    );

/** `blocked`: the rooms that have an earlier message which has to wait. */
const delivered = (
  state: State,
  blocked: readonly string[],
  entry: Entry,
  connection: Connection,
): readonly [State, readonly string[]] => {
  const { room, text, sentOn } = entry;
  const { socket, session } = connection;
  const { outbox, connections } = state;
  const membership = state.rooms.get(room)?.memberships.get(socket);
  const waits = [state, [...blocked, room]] as const;
  const refused = (code: string, because: string) =>
    [settled(state, (one) => one === entry, failed(code, because)), blocked] as const;

  if (!session || sentOn === socket) return [state, blocked];
  if (isOpen(state, sentOn) || blocked.includes(room)) return waits;
  if (membership?._tag === 'Refused' && membership.again === Infinity && !connections[1])
    return refused(membership.code, membership.text);
  if (membership?._tag !== 'Joined') return waits;
  if (outbox.filter((one) => one.sentOn === socket).length >= MAX_UNDER_WAY) return waits;
  if (new TextEncoder().encode(text).length > session.maxBytes)
    return refused('invalid_message', `the message has more than ${session.maxBytes} bytes`);
  const next = paced(state, connection, text, (at) => ({
    ...at,
    outbox: outbox.map((one) => (one === entry ? { ...one, sentOn: socket } : one)),
  }));
  return next.outbox === outbox ? waits : [next, blocked];
};
