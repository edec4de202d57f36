/**
 * What each input changes in the state of the client: pure. First the input itself; then the rules, each of
 * which acts when its time has come, or names the time at which it is to be asked again (`wakeAt`).
 */
import {
  ask,
  changed,
  close,
  dial,
  ended,
  handover,
  onPage,
  onToken,
  SILENT_MS,
  watch,
} from './connections.js';
import type { SystemEvent } from '../protocol/system-event.js';
import { GLOBAL, isControl, isError, type Message, readFrame } from './frames.js';
import { deliver, expire, failed, published, settled } from './outbox.js';
import { onControl, onError, onMessage, tend, unuse, use } from './rooms.js';
import {
  chain,
  type Input,
  type Moment,
  type Session,
  type SocketNumber,
  type State,
  type Step,
} from './state.js';
import { endOf } from './token.js';

/** The second socket is opened in this part of the time that is left to the first one. */
const HANDOVER = 0.5;
/** How many of its connections' ids a client knows, as the server may report their end late. */
const MAX_OWN_IDS = 8;

/** The order matters: a connection that ends is replaced in the same step. */
const RULES = [expire, watch, dial, ask, tend, handover, deliver];

export const step = (state: State, input: Input, moment: Moment): Step =>
  chain(
    { ...state, wakeAt: Infinity },
    (at) => applied(at, input, moment),
    ...RULES.map(
      (rule) =>
        (at: State): Step =>
          rule(at, moment),
    ),
    (at) =>
      at.closed ? settled(at, () => true, failed('closed', `closed: ${at.closed.because}`)) : [at],
  );

const applied = (state: State, input: Input, moment: Moment): Step => {
  switch (input._tag) {
    case 'Use':
      return [use(state, input.room, input.after)];
    case 'Unuse':
      return [unuse(state, input.room)];
    case 'Presence':
      return [{ ...state, presences: new Map(state.presences).set(input.room, input.status) }];
    case 'Publish':
      return published(state, input, moment.now);
    case 'Token':
      return onToken(state, input.token, endOf(input.token), moment);
    case 'NoToken':
      return [{ ...state, askAt: 0 }];
    case 'Received':
      return received(state, input.socket, readFrame(input.text), moment);
    case 'Ended':
      return [ended(state, input, moment)];
    case 'Page':
      return [onPage(state, input.event)];
    case 'Close':
      return [close(state, 1000, 'by the application')];
    case 'Wake':
      return [state];
  }
};

const received = (
  before: State,
  socket: SocketNumber,
  message: Message | undefined,
  moment: Moment,
): Step => {
  if (!before.connections.some((one) => one.socket === socket)) return [before];
  const state = changed(before, socket, () => ({
    silentAt: moment.now + SILENT_MS,
    isPinged: false,
  }));
  if (!message) return [state];
  const { type, id, data } = message;
  if (type === 'error' && isError(data)) return onError(state, socket, data, moment);
  if (type === 'system' && isControl(data)) return controlled(state, socket, id, data, moment);
  const room = state.rooms.get(message.room ?? GLOBAL);
  return room && type !== 'error' && type !== 'pong'
    ? onMessage(state, room, socket, message)
    : [state];
};

const controlled = (
  state: State,
  socket: SocketNumber,
  id: string,
  event: SystemEvent,
  moment: Moment,
): Step => {
  const { now, chance } = moment;
  switch (event.event) {
    case 'welcome': {
      const session: Session = {
        connectionId: event.connection_id,
        userId: event.user_id,
        serverId: event.server_id,
        rate: event.limits.rate,
        maxBytes: event.limits.message_bytes,
      };
      const ownIds = [...state.ownIds, session.connectionId].slice(-MAX_OWN_IDS);
      return [changed({ ...state, ownIds }, socket, () => ({ session, liveAt: now }))];
    }
    case 'degraded':
    case 'restored':
      return [changed(state, socket, () => ({ isDegraded: event.event === 'degraded' }))];
    case 'draining': {
      const retryAt = now + event.reconnect_in_ms * HANDOVER * chance;
      return [changed({ ...state, retryAt }, socket, () => ({ isDraining: true }))];
    }
    case 'token_expiring':
      return [{ ...state, refreshAt: now }];
    case 'ack': {
      const { ref, id: acked, duplicate, scope } = event;
      const ack = { id: acked, duplicate, ...(scope && { scope }) };
      return settled(state, (entry) => entry.ref === ref, { _tag: 'Acked', ack });
    }
    default: {
      const room = state.rooms.get(event.room ?? GLOBAL);
      return room ? onControl(state, room, socket, id, event, moment) : [state];
    }
  }
};
