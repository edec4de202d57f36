/** The rooms that are used: joined, left, and what their frames change: pure. */
import { GLOBAL, joinFrame, leaveFrame, presenceFrame, type ServerFrame } from './frames.js';
import * as phases from './phase.js';
import type * as link from './link.js';
import * as outbox from './outbox.js';
import * as pace from './pace.js';
import { paceTimer, rateOf, settles } from './publish-steps.js';
import * as room from './room-state.js';
import { type ClientState, type Effect, NONE, type Step } from './state.js';

export const used = (state: ClientState, name: string, after: string | undefined): Step => {
  if (state.rooms.has(name)) return [state, NONE];
  const fresh = { ...room.roomState(name, after), presence: undefined };
  const { phase } = state.link;
  // the connection is in the global log already
  const isIn = name === GLOBAL && phases.isLive(phase);
  const one = isIn
    ? { ...fresh, membership: { _tag: 'Joined', socket: phase.socket } as const }
    : fresh;
  return [{ ...state, rooms: new Map(state.rooms).set(name, one) }, NONE];
};

export const unused = (state: ClientState, name: string): Step => {
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

export const presence = (state: ClientState, name: string, status: string): Step => {
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

export const inRoom = (
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

export const joined = (
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

export const refused = (
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

/** Sends a join for each room that has none on each socket. */
export const join = (before: ClientState, { now }: link.Moment): Step => {
  let state = before;
  const effects: Effect[] = [];
  for (const socket of phases.socketsOf(before.link.phase)) {
    const isSecond = socket !== phases.socketsOf(before.link.phase)[0];
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
