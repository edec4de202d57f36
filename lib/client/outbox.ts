/**
 * The messages that the application publishes and the server has not answered: pure. Each settles exactly
 * once: acked, refused, timed out, or closed.
 *
 *   publish ──▶ waits ── sent on a connection ──▶ sent ── ack, or error ──▶ settled
 *                 ▲                                │
 *                 └──── the connection has ended ──┘
 *
 * A message that was sent twice has the same id, so the server takes it once (docs/protocol.md, section 14).
 * The messages of a room stay in order: a message is not sent on a connection while an earlier one of its
 * room has no answer on another connection. At most as many as the server takes in a second are sent and not
 * yet answered: a pod that has stood still reads all of them at once, and would refuse more.
 */
import { paced } from './pace.js';
import type { Failure } from './connection.js';
import {
  type Ack,
  type Change,
  connectionOf,
  effect,
  type Entry,
  type State,
  wake,
} from './state.js';

/** How many publishes may be unanswered. Those that wait to be sent count too. */
const MAX_WAITING = 256;

const answered = (state: State, ref: string, result: Ack | Failure): State =>
  effect(state, { _tag: 'Settle', to: ref, what: result });

export const settled = (
  state: State,
  isOf: (entry: Entry) => boolean,
  result: Ack | Failure,
): State =>
  state.outbox.filter(isOf).reduce<State>((at, { ref }) => answered(at, ref, result), {
    ...state,
    outbox: state.outbox.filter((entry) => !isOf(entry)),
  });

export const published =
  (ref: string, room: string, text: string, timeoutMs: number): Change =>
  (state) => {
    const entry: Entry = { ref, room, text, until: state.nowMs + timeoutMs };
    return state.outbox.length < MAX_WAITING
      ? { ...state, outbox: [...state.outbox, entry] }
      : answered(state, ref, {
          code: 'queue_full',
          message: `${MAX_WAITING} messages wait: publish later`,
        });
  };

/** Rule: what has waited for too long is given up. */
export const expire: Change = (state) => {
  const next = Math.min(...state.outbox.map(({ until }) => until));
  return state.nowMs < next
    ? wake(state, next)
    : settled(state, ({ until }) => until <= state.nowMs, {
        code: 'timeout',
        message: 'no ack: may have been sent',
      });
};

/** Rule: sends what may be sent. What the server would not take is refused. */
export const deliver: Change = (state) => {
  /** Rooms with an earlier message that has to wait. */
  const blocked = new Set<string>();
  return state.outbox.reduce((at, entry) => {
    const { room, text, sentOn } = entry;
    // the second connection of a handover first: what is sent on the old one delays its end
    const connection = at.connections.findLast(({ rooms }) => rooms.get(room)?._tag === 'Joined');
    if (connectionOf(at, sentOn)) {
      if (sentOn !== connection?.socket) blocked.add(room);
      return at;
    }
    const isOf = (one: Entry): boolean => one === entry;
    const membership = at.connections[0]?.rooms.get(room);
    if (!connection && membership?.again === Infinity) return settled(at, isOf, membership.because);
    if (!connection || blocked.has(room)) {
      blocked.add(room);
      return at;
    }
    const most = connection.session?.limits.message_bytes ?? 0;
    if (new TextEncoder().encode(text).length > most)
      return settled(at, isOf, {
        code: 'invalid_message',
        message: `message: more than ${most} bytes`,
      });
    const next = paced(at, connection, text, (then) => ({
      ...then,
      outbox: then.outbox.map((one) => (isOf(one) ? { ...one, sentOn: connection.socket } : one)),
    }));
    if (next.outbox === at.outbox) blocked.add(room);
    return next;
  }, state);
};
