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
  chain,
  type Entry,
  type Input,
  type Moment,
  type Result,
  type State,
  type Step,
  wake,
} from './state.js';

/** How many publishes wait at most. */
const MAX_WAITING = 256;
/** The server does not read a socket that has 64 publishes under way. */
const MAX_UNDER_WAY = 48;

export const failed = (code: string, text: string): Result => ({ _tag: 'Failed', code, text });

export const settled = (state: State, isOf: (entry: Entry) => boolean, result: Result): Step => [
  { ...state, outbox: state.outbox.filter((entry) => !isOf(entry)) },
  ...state.outbox.filter(isOf).map(({ ref }) => ({ _tag: 'Settle', ref, result }) as const),
];

export const published = (
  state: State,
  { ref, room, text, timeoutMs }: Extract<Input, { readonly _tag: 'Publish' }>,
  now: number,
): Step => {
  if (state.outbox.length < MAX_WAITING) {
    const entry: Entry = { ref, room, text, until: now + timeoutMs, sentOn: undefined };
    return [{ ...state, outbox: [...state.outbox, entry] }];
  }
  const result = failed(
    'queue_full',
    `${MAX_WAITING} messages wait: publish when some are settled`,
  );
  return [state, { _tag: 'Settle', ref, result }];
};

/** Rule: what has waited for too long is given up. */
export const expire = (state: State, { now }: Moment): Step => {
  const next = Math.min(...state.outbox.map(({ until }) => until));
  return now < next
    ? [wake(state, next)]
    : settled(
        state,
        ({ until }) => until <= now,
        failed('timeout', 'not acked in time; it may have been sent'),
      );
};

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Rule: sends what may be sent; what can never be sent is refused. */
export const deliver = (state: State, { now }: Moment): Step => {
  if (!state.outbox[0]) return [state];
  const sockets = state.connections.map(({ socket }) => socket);
  const changes: ((state: State) => Step)[] = [];
  // the second connection of a handover first: what is sent on the old one delays its end
  for (const connection of [...state.connections].reverse()) {
    const { socket, session } = connection;
    if (!session) continue;
    const blocked = new Set<string>();
    let underWay = state.outbox.filter(({ sentOn }) => sentOn === socket).length;
    for (const entry of state.outbox) {
      const { room, sentOn, text } = entry;
      const membership = state.rooms.get(room)?.memberships.get(socket);
      const isSent = sentOn !== undefined && sockets.includes(sentOn);
      if (isSent && sentOn === socket) continue;
      if (isSent || blocked.has(room)) blocked.add(room);
      else if (membership?._tag === 'Refused' && membership.again === undefined && !sockets[1])
        changes.push((at) =>
          settled(at, (one) => one === entry, failed(membership.code, membership.text)),
        );
      else if (membership?._tag !== 'Joined' || underWay >= MAX_UNDER_WAY) blocked.add(room);
      else if (text.length > session.maxBytes / 3 && bytesOf(text) > session.maxBytes)
        changes.push((at) =>
          settled(
            at,
            (one) => one === entry,
            failed('invalid_message', `the message has more than ${session.maxBytes} bytes`),
          ),
        );
      else {
        underWay++;
        changes.push((at) =>
          at.outbox.includes(entry)
            ? paced(at, connection, text, now, (then) => ({
                ...then,
                outbox: then.outbox.map((one) =>
                  one === entry ? { ...one, sentOn: socket } : one,
                ),
              }))
            : [at],
        );
      }
    }
  }
  return chain(state, ...changes);
};
