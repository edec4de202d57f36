/** What changes when the connection changes, with all that depends on it: pure. */
import * as phases from './phase.js';
import * as link from './link.js';
import * as outbox from './outbox.js';
import * as pace from './pace.js';
import { GLOBAL, refreshFrame } from './frames.js';
import { settles } from './publish-steps.js';
import * as room from './room-state.js';
import { inRoom } from './room-steps.js';
import { type ClientState, type Effect, NONE, type Step } from './state.js';

/** For so long a handover waits for the acks of the first socket. */
const LAST_ACK_MS = 2_000;

export const linked = (state: ClientState, input: link.LinkInput, moment: link.Moment): Step => {
  const [next, effects] = link.step(state.link, input, moment);
  const isNew = next.lastSocket !== state.link.lastSocket;
  const changed =
    next === state.link ? state : { ...state, link: next, pace: isNew ? pace.START : state.pace };
  const own = effects.map(
    (effect): Effect =>
      effect._tag === 'Connect' ? { ...effect, lastId: state.rooms.get(GLOBAL)?.lastId } : effect,
  );
  const [dropped, emitted] = withoutSockets(changed);
  if (next.phase._tag !== 'Closed') return [dropped, [...emitted, ...own]];
  const [rest, settled] = outbox.closed(dropped.outbox, next.phase.because);
  return [{ ...dropped, outbox: rest }, [...emitted, ...own, ...settles(settled)]];
};

/** What belonged to sockets that are gone waits for the next one. */
const withoutSockets = (state: ClientState): Step => {
  const open = new Set(phases.socketsOf(state.link.phase));
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

export const refreshed = (state: ClientState, token: string): Step => {
  const { phase } = state.link;
  return phases.isLive(phase)
    ? [state, [{ _tag: 'Send', socket: phase.socket, text: refreshFrame(token) }]]
    : [state, NONE];
};

/** The first socket of a handover is closed when the second one has everything. */
export const handover = (state: ClientState, moment: link.Moment): Step => {
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
