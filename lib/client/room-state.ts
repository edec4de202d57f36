/**
 * What the client knows of one room, and what each frame changes: pure. The global log is a room, too: every
 * connection is in it, so it needs no join.
 *
 *            used            sent                joined
 *   Outside ──────▶ Wanted ────────▶ Joining ──────────▶ Joined ── refused, or left ──▶ Refused
 *      ▲              ▲                 │                  │
 *      │ not used     └─ socket ended ──┴──────────────────┘
 *      └── from each of them
 *
 * During a handover two sockets receive the room. Each socket alone gets the messages of the log in order and
 * without a hole. So a message is delivered when it is after the last one, whichever socket it comes on. Only
 * a socket that has reported a gap may have a hole: its messages wait until the other socket has ended, or
 * has come as far.
 */
import { type MessageId, readId } from '../protocol/message-id.js';
import type { Message, ServerFrame } from './frames.js';
import type { RoomEvent } from './room-event.js';

/** The number of a socket: each has another. */
export type SocketNumber = number;

export type Membership =
  | { readonly _tag: 'Wanted' }
  | { readonly _tag: 'Joining'; readonly socket: SocketNumber; readonly ref: string }
  | { readonly _tag: 'Joined'; readonly socket: SocketNumber }
  | { readonly _tag: 'Refused'; readonly code: string; readonly text: string };

export interface RoomState {
  readonly room: string;
  readonly membership: Membership;
  /** The join on the second socket of a handover. */
  readonly next: Membership | undefined;
  /** The id to resume from. */
  readonly lastId: string | undefined;
  /** The last message of the log that was delivered. */
  readonly last: MessageId | undefined;
  /** The latest ids of messages outside the log. */
  readonly outside: readonly string[];
  readonly afterGap: AfterGap | undefined;
}

/** What a socket sent after it had reported a gap, while another socket is live. */
interface AfterGap {
  readonly socket: SocketNumber;
  readonly gap: Extract<RoomEvent, { readonly _tag: 'Gap' }>;
  readonly messages: readonly Message[];
}

export type Step = readonly [RoomState, readonly RoomEvent[]];

/** How many ids outside the log are remembered, to know a repeat on another socket. */
const MAX_OUTSIDE = 64;
/** How many messages wait for the other socket. When there are more, the gap is reported at once. */
const MAX_AFTER_GAP = 1_024;
const WANTED: Membership = { _tag: 'Wanted' };
const NONE: readonly RoomEvent[] = [];

export const roomState = (room: string, after: string | undefined): RoomState => ({
  room,
  membership: WANTED,
  next: undefined,
  lastId: after,
  last: inLog(after),
  outside: [],
  afterGap: undefined,
});

const inLog = (id: string | undefined): MessageId | undefined => {
  const read = id === undefined ? undefined : readId(id);
  return read?.outside === false ? read : undefined;
};

/** A join was sent on this socket. */
export const joining = (state: RoomState, socket: SocketNumber, ref: string): RoomState => {
  const membership: Membership = { _tag: 'Joining', socket, ref };
  return state.membership._tag === 'Joined' && state.membership.socket !== socket
    ? { ...state, next: membership }
    : { ...state, membership };
};

/** The membership on this socket, if there is one. */
export const membershipOn = (state: RoomState, socket: SocketNumber): Membership | undefined =>
  [state.membership, state.next].find(
    (one) => one !== undefined && 'socket' in one && one.socket === socket,
  );

export const isJoinedOn = (state: RoomState, socket: SocketNumber): boolean =>
  membershipOn(state, socket)?._tag === 'Joined';

/** A frame of this room came on a socket. */
export const received = (
  state: RoomState,
  socket: SocketNumber,
  frame: Extract<ServerFrame, { readonly _tag: 'Message' | 'Presence' | 'Control' }>,
): Step => {
  switch (frame._tag) {
    case 'Message':
      return onMessage(state, socket, frame.message);
    case 'Presence':
      return state.membership._tag === 'Joined' && state.membership.socket === socket
        ? [passed(state, frame.message), [{ _tag: 'Presence', message: frame.message }]]
        : [state, NONE];
    case 'Control':
      return onControl(state, socket, frame);
  }
};

const onMessage = (state: RoomState, socket: SocketNumber, message: Message): Step => {
  const { afterGap } = state;
  if (afterGap?.socket === socket) {
    const messages = [...afterGap.messages, message];
    const next = { ...state, afterGap: { ...afterGap, messages } };
    return messages.length > MAX_AFTER_GAP ? release(next) : [next, NONE];
  }
  return isRepeat(state, message) ? [state, NONE] : [passed(state, message), [eventOf(message)]];
};

const eventOf = (message: Message): RoomEvent => ({ _tag: 'Message', message });

/** Of the same epoch and not after the last message; or outside the log, and seen before. */
const isRepeat = ({ last, outside }: RoomState, { id, ref }: Message): boolean => {
  const read = readId(id);
  if (read === undefined) return false;
  if (read.outside) return outside.includes(id) || (ref !== undefined && outside.includes(ref));
  return last !== undefined && last.tag === read.tag && read.offset <= last.offset;
};

const passed = (state: RoomState, { id, ref }: Message): RoomState => {
  const read = readId(id);
  if (read === undefined) return state;
  if (!read.outside) return { ...state, lastId: id, last: read };
  const names = ref === undefined ? [id] : [id, ref];
  return { ...state, lastId: id, outside: [...state.outside, ...names].slice(-MAX_OUTSIDE) };
};

const onControl = (
  state: RoomState,
  socket: SocketNumber,
  { id, event }: Extract<ServerFrame, { readonly _tag: 'Control' }>,
): Step => {
  switch (event.event) {
    case 'gap': {
      const gap = { _tag: 'Gap', reason: event.reason, id } as const;
      const isOther = state.membership._tag === 'Joined' && state.membership.socket !== socket;
      if (isOther) return [{ ...state, afterGap: { socket, gap, messages: [] } }, NONE];
      return [{ ...state, lastId: id }, [gap]];
    }
    case 'joined':
      return onJoined(state, socket, id, {
        _tag: 'Joined',
        members: event.members,
        hasPresence: event.presence,
        recovered: event.recovered ?? 0,
        isPodOnly: event.scope === 'pod',
      });
    case 'left': {
      if (event.reason === 'asked') return [state, NONE];
      const refused: Membership = {
        _tag: 'Refused',
        code: event.reason,
        text: `the server removed this connection from the room (${event.reason})`,
      };
      const membership = event.reason === 'failed' ? WANTED : refused;
      return [{ ...state, membership, next: undefined }, [{ _tag: 'Left', reason: event.reason }]];
    }
    default:
      return [state, NONE];
  }
};

const onJoined = (
  before: RoomState,
  socket: SocketNumber,
  id: string,
  event: Extract<RoomEvent, { readonly _tag: 'Joined' }>,
): Step => {
  const membership: Membership = { _tag: 'Joined', socket };
  const isSecond = before.membership._tag === 'Joined' && before.membership.socket !== socket;
  const joined = isSecond ? { ...before, next: membership } : { ...before, membership };
  if (joined.afterGap?.socket === socket) {
    const [state, events] = release(joined);
    return [{ ...state, lastId: id }, [...events, event]];
  }
  // the second socket may be behind the first one, so its id is not kept
  return isSecond ? [joined, NONE] : [{ ...joined, lastId: id }, [event]];
};

/** Delivers what waited, after its gap if there is a hole. */
const release = (state: RoomState): Step => {
  const { afterGap } = state;
  if (afterGap === undefined) return [state, NONE];
  let at: RoomState = { ...state, afterGap: undefined };
  const events: RoomEvent[] = [];
  const next = afterGap.messages.filter((message) => !isRepeat(at, message));
  const first = next.map(({ id }) => inLog(id)).find((id) => id !== undefined);
  const { last } = at;
  const hasHole =
    last === undefined ||
    (first !== undefined && (first.tag !== last.tag || first.offset > last.offset + 1));
  if (hasHole) events.push(afterGap.gap);
  for (const message of next) {
    at = passed(at, message);
    events.push(eventOf(message));
  }
  return [at, events];
};

/** The join with this ref was refused. */
export const refused = (
  state: RoomState,
  ref: string,
  { code, message }: { readonly code: string; readonly message: string },
): Step => {
  const isOf = (one: Membership | undefined): boolean => one?._tag === 'Joining' && one.ref === ref;
  const membership: Membership = { _tag: 'Refused', code, text: message };
  if (isOf(state.next)) return [{ ...state, next: undefined }, NONE];
  if (!isOf(state.membership)) return [state, NONE];
  return [{ ...state, membership }, [{ _tag: 'Refused', code, text: message }]];
};

/** The socket has ended: what it has not sent will not come. */
export const ended = (before: RoomState, socket: SocketNumber): Step => {
  const { membership, next } = before;
  const isOf = (one: Membership | undefined): boolean =>
    one !== undefined && 'socket' in one && one.socket === socket;
  if (isOf(next)) {
    const afterGap = before.afterGap?.socket === socket ? undefined : before.afterGap;
    return [{ ...before, next: undefined, afterGap }, NONE];
  }
  // a refusal counts for one connection: rights may have changed
  if (!isOf(membership) && membership._tag !== 'Refused') return [before, NONE];
  const state = { ...before, membership: next ?? WANTED, next: undefined };
  return state.afterGap === undefined ? [state, NONE] : release(state);
};
