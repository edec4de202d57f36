/**
 * The whole state of a client, and what each input changes: pure. It puts the parts together: the connection
 * (`link.ts`), the rooms (`room-state.ts`), the messages that wait for their acks (`outbox.ts`) and the pace
 * (`pace.ts`). `runner.ts` performs the effects.
 */
import type { SystemEvent } from '../protocol/system-event.js';
import {
  joinFrame,
  leaveFrame,
  type Message,
  presenceFrame,
  refreshFrame,
  type ServerFrame,
} from './frames.js';
import * as link from './link.js';
import * as outbox from './outbox.js';
import * as pace from './pace.js';
import * as room from './room-state.js';

export interface ClientState {
  readonly link: link.Link;
  readonly rooms: ReadonlyMap<string, UsedRoom>;
  readonly outbox: outbox.Outbox;
  readonly pace: pace.Pace;
  /** Counts joins, for their refs. */
  readonly joins: number;
}

/** A room that somebody uses. */
export interface UsedRoom extends room.RoomState {
  /** The status to be shown to the room's members; undefined: none was set. */
  readonly presence: string | undefined;
}

export type Input =
  | link.LinkInput
  | { readonly _tag: 'Used'; readonly room: string; readonly after: string | undefined }
  | { readonly _tag: 'Unused'; readonly room: string }
  | {
      readonly _tag: 'Publish';
      readonly ref: string;
      readonly room: string;
      readonly text: string;
      readonly timeoutMs: number;
    }
  | { readonly _tag: 'Presence'; readonly room: string; readonly status: string }
  /** A new token, in place of the one in use. */
  | { readonly _tag: 'Refreshed'; readonly token: string }
  | { readonly _tag: 'Received'; readonly socket: room.SocketNumber; readonly frame: ServerFrame }
  | { readonly _tag: 'Due'; readonly timer: OwnTimer };

export type OwnTimer = 'pace' | 'timeout' | 'lastAck';
export type TimerName = link.LinkTimer | OwnTimer;

export type Effect =
  | Exclude<link.LinkEffect, { readonly _tag: 'Timer' | 'Connect' }>
  | {
      readonly _tag: 'Connect';
      readonly socket: room.SocketNumber;
      readonly isNewToken: boolean;
      /** The id to resume the global log from. */
      readonly lastId: string | undefined;
    }
  | { readonly _tag: 'Timer'; readonly timer: TimerName; readonly ms: number | undefined }
  | { readonly _tag: 'Send'; readonly socket: room.SocketNumber; readonly text: string }
  | { readonly _tag: 'Emit'; readonly room: string; readonly event: room.RoomEvent }
  | { readonly _tag: 'Settle'; readonly settled: outbox.Settled }
  /** The token ends soon. */
  | { readonly _tag: 'RefreshToken' };

type Step = readonly [ClientState, readonly Effect[]];

/** The name of the global log. */
export const GLOBAL = '';
/** For so long a handover waits for the acks of the first socket. */
const LAST_ACK_MS = 2_000;
const NONE: readonly Effect[] = [];

export const START: ClientState = {
  link: link.START,
  rooms: new Map(),
  outbox: [],
  pace: pace.START,
  joins: 0,
};

export const step = (state: ClientState, input: Input, moment: link.Moment): Step => {
  switch (input._tag) {
    case 'Used':
      return then(used(state, input.room, input.after), moment, needed);
    case 'Unused':
      return unused(state, input.room);
    case 'Publish':
      return then(published(state, input, moment.now), moment, needed);
    case 'Presence':
      return presence(state, input.room, input.status);
    case 'Refreshed':
      return refreshed(state, input.token);
    case 'Received':
      return then(received(state, input.socket, input.frame, moment), moment);
    case 'Due':
      return then(due(state, input.timer, moment), moment);
    default:
      return then(linked(state, input, moment), moment);
  }
};

const needed = (state: ClientState, moment: link.Moment): Step =>
  linked(state, { _tag: 'Needed' }, moment);

/** After a change, everything is sent that can be sent. */
const then = (
  [state, effects]: Step,
  moment: link.Moment,
  ...more: readonly ((state: ClientState, moment: link.Moment) => Step)[]
): Step => {
  let at = state;
  const all = [...effects];
  for (const change of [...more, handover, join, send]) {
    const [next, found] = change(at, moment);
    at = next;
    all.push(...found);
  }
  return [at, all.length === 0 ? NONE : all];
};

const linked = (state: ClientState, input: link.LinkInput, moment: link.Moment): Step => {
  const [next, effects] = link.step(state.link, input, moment);
  const isNew = next.lastSocket !== state.link.lastSocket;
  const changed =
    next === state.link ? state : { ...state, link: next, pace: isNew ? pace.START : state.pace };
  const isClosed = next.phase._tag === 'Closed' && state.link.phase._tag !== 'Closed';
  const own = effects.map(
    (effect): Effect =>
      effect._tag === 'Connect' ? { ...effect, lastId: state.rooms.get(GLOBAL)?.lastId } : effect,
  );
  const [dropped, emitted] = withoutSockets(changed);
  if (!isClosed || next.phase._tag !== 'Closed') return [dropped, [...emitted, ...own]];
  const [rest, settled] = outbox.closed(dropped.outbox, next.phase.because);
  return [{ ...dropped, outbox: rest }, [...own, ...settles(settled)]];
};

/** What belonged to sockets that are gone waits for the next one. */
const withoutSockets = (state: ClientState): Step => {
  const open = new Set(link.socketsOf(state.link.phase));
  const gone = new Set<room.SocketNumber>();
  for (const { sentOn } of state.outbox)
    if (sentOn !== undefined && !open.has(sentOn)) gone.add(sentOn);
  for (const { membership, next } of state.rooms.values())
    for (const one of [membership, next])
      if (one !== undefined && 'socket' in one && !open.has(one.socket)) gone.add(one.socket);
  let at = state;
  const effects: Effect[] = [];
  for (const socket of gone) {
    at = { ...at, outbox: outbox.socketEnded(at.outbox, socket) };
    for (const name of at.rooms.keys()) {
      const [next, found] = inRoom(at, name, (one) => room.ended(one, socket));
      at = next;
      effects.push(...found);
    }
  }
  return [at, effects];
};

const inRoom = (
  state: ClientState,
  name: string,
  change: (one: room.RoomState) => room.Step,
): Step => {
  const before = state.rooms.get(name);
  if (before === undefined) return [state, NONE];
  const [after, events] = change(before);
  const rooms =
    after === before
      ? state.rooms
      : new Map(state.rooms).set(name, { ...after, presence: before.presence });
  return [
    rooms === state.rooms ? state : { ...state, rooms },
    events.map((event) => ({ _tag: 'Emit', room: name, event })),
  ];
};

const settles = (settled: readonly outbox.Settled[]): readonly Effect[] =>
  settled.map((one) => ({ _tag: 'Settle', settled: one }));

// use

const used = (state: ClientState, name: string, after: string | undefined): Step => {
  if (state.rooms.has(name)) return [state, NONE];
  const fresh = { ...room.roomState(name, after), presence: undefined };
  const { phase } = state.link;
  // the connection is in the global log already
  const isIn = name === GLOBAL && link.isLive(phase);
  const one = isIn
    ? { ...fresh, membership: { _tag: 'Joined', socket: phase.socket } as const }
    : fresh;
  return [{ ...state, rooms: new Map(state.rooms).set(name, one) }, NONE];
};

const unused = (state: ClientState, name: string): Step => {
  const one = state.rooms.get(name);
  if (one === undefined) return [state, NONE];
  const rooms = new Map(state.rooms);
  rooms.delete(name);
  const leaves = [one.membership, one.next].flatMap((membership): readonly Effect[] =>
    name !== GLOBAL && membership !== undefined && 'socket' in membership
      ? [{ _tag: 'Send', socket: membership.socket, text: leaveFrame(name) }]
      : NONE,
  );
  return [{ ...state, rooms }, leaves];
};

const presence = (state: ClientState, name: string, status: string): Step => {
  const one = state.rooms.get(name);
  if (one === undefined) return [state, NONE];
  const { membership } = one;
  return [
    { ...state, rooms: new Map(state.rooms).set(name, { ...one, presence: status }) },
    membership._tag === 'Joined'
      ? [{ _tag: 'Send', socket: membership.socket, text: presenceFrame(name, status) }]
      : NONE,
  ];
};

const published = (
  state: ClientState,
  { ref, room: name, text, timeoutMs }: Extract<Input, { readonly _tag: 'Publish' }>,
  now: number,
): Step => {
  const { phase } = state.link;
  if (phase._tag === 'Closed') {
    const [, settled] = outbox.closed([entryOf(ref, name, '', now)], phase.because);
    return [state, settles(settled)];
  }
  const entry = entryOf(ref, name, text, now + timeoutMs);
  const all = outbox.added(state.outbox, entry);
  if (all === undefined) return [state, settles([{ ref, result: outbox.QUEUE_FULL }])];
  return [{ ...state, outbox: all }, timeoutTimer(all, now)];
};

const entryOf = (ref: string, name: string, text: string, until: number): outbox.Entry => ({
  ref,
  room: name,
  text,
  until,
  sentOn: undefined,
});

const timeoutTimer = (entries: outbox.Outbox, now: number): readonly Effect[] => {
  const next = outbox.nextTimeout(entries);
  return [
    {
      _tag: 'Timer',
      timer: 'timeout',
      ms: next === undefined ? undefined : Math.max(0, next - now),
    },
  ];
};

// frames

const refreshed = (state: ClientState, token: string): Step => {
  const { phase } = state.link;
  return link.isLive(phase)
    ? [state, [{ _tag: 'Send', socket: phase.socket, text: refreshFrame(token) }]]
    : [state, NONE];
};

const received = (
  state: ClientState,
  socket: room.SocketNumber,
  frame: ServerFrame,
  moment: link.Moment,
): Step => {
  switch (frame._tag) {
    case 'Message':
    case 'Presence':
      if (frame._tag === 'Presence' && isOwn(state, frame.message)) return [state, NONE];
      return inRoom(state, frame.room, (one) => room.received(one, socket, frame));
    case 'Control':
      return control(state, socket, frame, moment);
    case 'Error':
      return refused(state, frame.error);
    case 'Other':
      return [state, NONE];
  }
};

/** The presence of this client's other socket during a handover. */
const isOwn = ({ link: { phase } }: ClientState, { data }: Message): boolean => {
  if (phase._tag !== 'Draining') return false;
  const { connection_id: id } = data as { readonly connection_id?: unknown };
  return id === phase.session.connectionId || id === phase.next?.session?.connectionId;
};

const control = (
  state: ClientState,
  socket: room.SocketNumber,
  frame: Extract<ServerFrame, { readonly _tag: 'Control' }>,
  moment: link.Moment,
): Step => {
  const { event } = frame;
  switch (event.event) {
    case 'welcome':
      return linked(state, { _tag: 'Welcomed', socket, session: sessionOf(event) }, moment);
    case 'degraded':
    case 'restored':
      return linked(state, { _tag: 'Degraded', socket, yes: event.event === 'degraded' }, moment);
    case 'draining':
      return linked(state, { _tag: 'Draining', socket, inMs: event.reconnect_in_ms }, moment);
    case 'token_expiring':
      return [state, [{ _tag: 'RefreshToken' }]];
    case 'ack': {
      const { ref, id, duplicate, scope } = event;
      const ack = {
        ...(id === undefined ? {} : { id }),
        duplicate,
        ...(scope === undefined ? {} : { scope }),
      };
      return settled(state, outbox.acked(state.outbox, ref, ack), moment.now);
    }
    case 'joined':
      return joined(state, socket, frame);
    case 'gap':
    case 'left':
      return inRoom(state, frame.room, (one) => room.received(one, socket, frame));
  }
};

const sessionOf = (event: Extract<SystemEvent, { readonly event: 'welcome' }>): link.Session => ({
  connectionId: event.connection_id,
  userId: event.user_id,
  serverId: event.server_id,
  rate: event.limits.rate,
});

const joined = (
  state: ClientState,
  socket: room.SocketNumber,
  frame: Extract<ServerFrame, { readonly _tag: 'Control' }>,
): Step => {
  const status = state.rooms.get(frame.room)?.presence;
  const [next, effects] = inRoom(state, frame.room, (one) => room.received(one, socket, frame));
  return status === undefined
    ? [next, effects]
    : [next, [...effects, { _tag: 'Send', socket, text: presenceFrame(frame.room, status) }]];
};

const refused = (
  state: ClientState,
  {
    ref,
    code,
    message,
  }: { readonly ref?: string; readonly code: string; readonly message: string },
): Step => {
  if (ref === undefined) return [state, NONE];
  const name = [...state.rooms.values()].find(({ membership, next }) =>
    [membership, next].some((one) => one?._tag === 'Joining' && one.ref === ref),
  )?.room;
  if (name === undefined) {
    const [rest, results] = outbox.refusedOne(state.outbox, ref, code, message);
    return [{ ...state, outbox: rest }, settles(results)];
  }
  const [next, effects] = inRoom(state, name, (one) => room.refused(one, ref, { code, message }));
  const [rest, results] = outbox.refusedRoom(next.outbox, name, code, message);
  return [{ ...next, outbox: rest }, [...effects, ...settles(results)]];
};

const settled = (
  state: ClientState,
  [rest, results]: readonly [outbox.Outbox, readonly outbox.Settled[]],
  now: number,
): Step =>
  results.length === 0
    ? [state, NONE]
    : [{ ...state, outbox: rest }, [...settles(results), ...timeoutTimer(rest, now)]];

const due = (state: ClientState, timer: OwnTimer, moment: link.Moment): Step => {
  switch (timer) {
    case 'pace':
      return [state, NONE];
    case 'timeout':
      return settled(state, outbox.timedOut(state.outbox, moment.now), moment.now);
    case 'lastAck':
      return linked(state, { _tag: 'HandedOver' }, moment);
  }
};

// what can be sent

/** The first socket of a handover is closed when the second one has everything. */
const handover = (state: ClientState, moment: link.Moment): Step => {
  const { phase } = state.link;
  if (phase._tag !== 'Draining' || phase.next?.session === undefined) return [state, NONE];
  const { socket } = phase.next;
  for (const one of state.rooms.values()) {
    const isOut = one.membership._tag === 'Refused' || one.membership._tag === 'Wanted';
    if (!room.isJoinedOn(one, socket) && !isOut) return [state, NONE];
  }
  return outbox.isAwaiting(state.outbox, phase.socket)
    ? [state, [{ _tag: 'Timer', timer: 'lastAck', ms: LAST_ACK_MS }]]
    : linked(state, { _tag: 'HandedOver' }, moment);
};

/** Sends a join for each room that has none on each socket. */
const join = (before: ClientState, { now }: link.Moment): Step => {
  let state = before;
  const effects: Effect[] = [];
  for (const socket of link.socketsOf(before.link.phase)) {
    const isSecond = socket !== link.socketsOf(before.link.phase)[0];
    for (const one of state.rooms.values()) {
      if (one.room === GLOBAL || one.membership._tag === 'Refused') continue;
      const isDue = isSecond
        ? one.membership._tag === 'Joined' && one.next === undefined
        : one.membership._tag === 'Wanted';
      if (!isDue || room.membershipOn(one, socket) !== undefined) continue;
      const [after, isAllowed] = pace.take(state.pace, now, rateOf(state));
      if (!isAllowed) return [state, [...effects, paceTimer(state, now)]];
      const ref = `join ${state.joins + 1}`;
      const next = { ...room.joining(one, socket, ref), presence: one.presence };
      state = {
        ...state,
        pace: after,
        joins: state.joins + 1,
        rooms: new Map(state.rooms).set(one.room, next),
      };
      effects.push({ _tag: 'Send', socket, text: joinFrame(ref, one.room, one.lastId) });
    }
  }
  return [state, effects];
};

const rateOf = ({ link: { phase } }: ClientState): number =>
  link.isLive(phase) ? phase.session.rate : pace.DEFAULT_RATE;

const paceTimer = (state: ClientState, now: number): Effect => ({
  _tag: 'Timer',
  timer: 'pace',
  ms: pace.waitMs(state.pace, now, rateOf(state)),
});

const send = (before: ClientState, { now }: link.Moment): Step => {
  const { phase } = before.link;
  if (!link.isLive(phase) || before.outbox.length === 0) return [before, NONE];
  let state = before;
  const effects: Effect[] = [];
  const sockets = link.socketsOf(phase);
  const isReadyOn = (socket: room.SocketNumber) => (name: string) => {
    const one = state.rooms.get(name);
    return one === undefined ? name === GLOBAL : room.isJoinedOn(one, socket);
  };
  // the second socket of a handover first: what is sent on the first one delays its end
  for (const socket of [...sockets].reverse()) {
    for (const entry of outbox.sendable(
      state.outbox,
      socket,
      isReadyOn(socket),
      state.outbox.length,
    )) {
      const [after, isAllowed] = pace.take(state.pace, now, rateOf(state));
      if (!isAllowed) return [state, [...effects, paceTimer(state, now)]];
      state = { ...state, pace: after, outbox: outbox.sent(state.outbox, [entry], socket) };
      effects.push({ _tag: 'Send', socket, text: entry.text });
    }
  }
  return [state, effects];
};
