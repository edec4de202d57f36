/** How connections begin and end: pure. `status.ts` draws it. */
import { comesBack, GOING_AWAY, TOKEN_EXPIRED } from '../protocol/close-codes.js';
import { fullJitterMs } from './backoff.js';
import { frame, GLOBAL } from './frames.js';
import {
  type Connection,
  type Effect,
  type Moment,
  type PageEvent,
  type SocketEnd,
  type State,
  type Step,
  wake,
} from './state.js';

/** After this long a failure is the first one again. */
const STABLE_MS = 10_000;
/** A socket whose first frame does not come in this time is given up. */
const FIRST_FRAME_MS = 15_000;
/** Nothing heard for so long: the server is asked for a sign of life, and has 10 s to answer. */
export const SILENT_MS = 25_000;
const ANSWER_MS = 10_000;
const REFRESH_BEFORE_MS = 30_000;
/** For so long a handover waits for the acks of the old connection. */
const LAST_ACK_MS = 2_000;

export const changed = (
  state: State,
  socket: number,
  change: (connection: Connection) => Partial<Connection>,
): State => ({
  ...state,
  connections: state.connections.map((one) =>
    one.socket === socket ? { ...one, ...change(one) } : one,
  ),
});

export const send = (socket: number, text: string): Effect => ({ _tag: 'Send', socket, text });

export const close = (state: State, code: number, because: string): State =>
  state.closed ? state : { ...state, connections: [], isAsking: false, closed: { code, because } };

const opened = (state: State): State => {
  const socket = state.count + 1;
  const connection: Connection = {
    socket,
    session: undefined,
    liveAt: Infinity,
    silentAt: Infinity,
    isPinged: false,
    hasToken: false,
    isDraining: false,
    isDegraded: false,
  };
  return {
    ...state,
    count: socket,
    isStarted: true,
    tokens: Infinity,
    connections: [...state.connections, connection],
  };
};

/** What the close table says is done (docs/protocol.md, section 7). */
export const ended = (
  state: State,
  { socket, code, because, retryInMs }: Omit<SocketEnd, '_tag'>,
  { now, chance }: Moment,
): State => {
  const connection = state.connections.find((one) => one.socket === socket);
  if (!connection) return state;
  const isStable = now - connection.liveAt >= STABLE_MS;
  const isRefused = code === TOKEN_EXPIRED;
  if (!comesBack(code) || (isRefused && state.isTokenRefused && !isStable))
    return close(state, code, because);
  const failures = isStable ? 0 : state.failures;
  const isAtOnce = isRefused || (isStable && code === GOING_AWAY);
  return {
    ...state,
    connections: state.connections.filter((one) => one !== connection),
    isTokenRefused: isRefused || (state.isTokenRefused && !isStable),
    failures: failures + 1,
    retryAt: now + (retryInMs ?? (isAtOnce ? 0 : fullJitterMs(failures, chance))),
    because,
  };
};

const PAGE: Readonly<Record<PageEvent, Partial<State['page']>>> = {
  online: { isOnline: true },
  offline: { isOnline: false },
  visible: { isVisible: true, isFrozen: false },
  hidden: { isVisible: false },
  frozen: { isFrozen: true },
  resumed: { isFrozen: false },
};

/** A page that comes back tries at once. */
export const onPage = (state: State, event: PageEvent): State => {
  const page = { ...state.page, ...PAGE[event] };
  const isOut = !page.isOnline || page.isFrozen;
  return {
    ...state,
    page,
    connections: isOut ? [] : state.connections,
    ...(state.connections[0] || event === 'hidden' ? {} : { retryAt: 0 }),
  };
};

/** Rule: opens a socket when one is needed, the second one of a handover too. */
export const dial = (state: State, { now }: Moment): Step => {
  const { connections, page, retryAt, closed, isStarted, outbox } = state;
  const [first, second] = connections;
  const isNeeded = isStarted || outbox[0] || [...state.rooms.values()].some(({ isUsed }) => isUsed);
  const isDue = first
    ? first.isDraining && !second
    : isNeeded && page.isOnline && !page.isFrozen && page.isVisible;
  if (closed || !isDue) return [isNeeded ? { ...state, isStarted: true } : state];
  return [now < retryAt ? wake(state, retryAt) : opened(state)];
};

/** Rule: a connection that was silent for too long is asked for a sign of life, then given up. */
export const watch = (state: State, moment: Moment): Step => {
  const effects: Effect[] = [];
  let at = state;
  for (const { socket, silentAt, session, isPinged } of state.connections) {
    if (moment.now < silentAt) at = wake(at, silentAt);
    else if (session && !isPinged) {
      const next = moment.now + ANSWER_MS;
      at = wake(
        changed(at, socket, () => ({ isPinged: true, silentAt: next })),
        next,
      );
      effects.push(send(socket, frame('ping')));
    } else at = ended(at, { socket, code: 1006, because: 'the server does not answer' }, moment);
  }
  return [at, ...effects];
};

/** Rule: asks for a token before each connection, and before the last token ends. One request at a time. */
export const ask = (state: State, { now, chance }: Moment): Step => {
  const { isAsking, askAt, refreshAt, askFailures, connections } = state;
  const at = connections.some(({ hasToken }) => !hasToken)
    ? askAt
    : connections[0]
      ? Math.max(askAt, refreshAt)
      : Infinity;
  const next = now + (isAsking ? fullJitterMs(askFailures, chance) : ANSWER_MS);
  const due = isAsking ? askAt : at;
  if (now < due) return [wake(state, due)];
  const failures = askFailures + (isAsking ? 1 : 0);
  return [wake({ ...state, isAsking: !isAsking, askAt: next, askFailures: failures }, next)];
};

/** A token for the connections that wait for one, and in place of the one in use. */
export const onToken = (
  state: State,
  token: string,
  end: number | undefined,
  { now }: Moment,
): Step => {
  const isRefresh = now >= state.refreshAt;
  const left = (end ?? 0) - now;
  const next: State = {
    ...state,
    isAsking: false,
    askFailures: 0,
    askAt: 0,
    // of a token that ends soon half the time is waited; of one that has ended the server decides
    refreshAt: left > 0 ? now + Math.max(left - REFRESH_BEFORE_MS, left / 2, 1_000) : Infinity,
    connections: state.connections.map((one) =>
      one.hasToken ? one : { ...one, hasToken: true, silentAt: now + FIRST_FRAME_MS },
    ),
  };
  const lastId = state.rooms.get(GLOBAL)?.lastId;
  return [
    next,
    ...state.connections.flatMap(({ socket, hasToken, session }): readonly Effect[] => {
      if (!hasToken) return [{ _tag: 'Connect', socket, token, lastId }];
      return session && isRefresh ? [send(socket, frame('refresh', { data: { token } }))] : [];
    }),
  ];
};

/** Rule: the old connection of a handover is closed when the second one has all rooms and no ack is due. */
export const handover = (state: State, { now }: Moment): Step => {
  const [first, second] = state.connections;
  if (!first || !second?.session) return [state];
  for (const { isUsed, memberships } of state.rooms.values()) {
    const tag = memberships.get(second.socket)?._tag;
    if (isUsed && tag !== 'Joined' && tag !== 'Refused') return [state];
  }
  const handoverAt = Math.min(state.handoverAt, now + LAST_ACK_MS);
  return [
    now < handoverAt && state.outbox.some(({ sentOn }) => sentOn === first.socket)
      ? wake({ ...state, handoverAt }, handoverAt)
      : { ...state, connections: [second], handoverAt: Infinity },
  ];
};
