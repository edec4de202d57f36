/**
 * The whole state of a client as data, and the effects that come of a step. Inputs and rules are functions of
 * the state (`step.ts`); `runner.ts` performs the effects. `status.ts` draws what the connection does.
 */
import type { GapReason } from '../protocol/system-event.js';
import type { Connection, Failure, Membership, SocketNumber } from './connection.js';
import type { Forward } from './forward.js';
import { GLOBAL, type Message, type Presence } from './frames.js';

export interface RoomState {
  readonly name: string;
  readonly members?: number;
  /** The id to resume from. */
  readonly lastId?: string | undefined;
  /** By the tag of each epoch: the id of its last message that was delivered. */
  readonly lasts: Readonly<Record<string, string>>;
  /** The latest ids of messages outside the log. */
  readonly outside: readonly string[];
}

/** A message that the application has published and the server has not answered. */
export interface Entry {
  readonly ref: string;
  readonly room: string;
  readonly text: string;
  /** When it times out. */
  readonly until: number;
  readonly sentOn?: SocketNumber;
}

/** The answer to a publish. */
export interface Ack {
  /** Absent when an application's hook dropped the message. */
  readonly id?: string | undefined;
  /** The server had the message already. */
  readonly duplicate: boolean;
  /** The message reached the members on one pod only. */
  readonly scope?: 'pod' | undefined;
}

/** The events of a browser's page; `visible` and `hidden` are its `visibilitychange`. */
export type PageEvent =
  | 'online'
  | 'offline'
  | 'visible'
  | 'hidden'
  | 'freeze'
  | 'resume'
  | 'pagehide'
  | 'pageshow';

export interface Page {
  /** Why nothing can connect. */
  readonly out?: 'offline' | 'frozen' | undefined;
  readonly isHidden?: boolean;
}

export interface State extends Forward {
  /** One, or none; during a handover two, the old one first. */
  readonly connections: readonly Connection[];
  /**
   * Set when the client is closed for good: by `close()`, by a close code after which a client does not come
   * back, or when two tokens in a row were refused.
   */
  readonly final?: { readonly code: number; readonly because: string };
  /**
   * How many rooms are used. When it is 0, no connection is opened, except the
   * second one of a handover.
   */
  readonly uses: number;
  readonly pageState: Page;
  /** The next socket is not opened before this time: the first one, or the second one of a handover. */
  readonly retryAt: number;
  /** Why there is no connection. */
  readonly because: string;
  /** Failures in a row, for the backoff. */
  readonly failures: number;
  /** The last token was refused. One more is asked for; when that is refused too, the client is closed. */
  readonly isTokenRefused?: boolean;
  /**
   * False, or the number of connections while a token is asked for. When this value changes to a number,
   * `runner.ts` asks. So it asks again when one step takes an answer and adds a connection.
   */
  readonly isAsking?: number | false;
  /** When a token is asked for that takes the place of the one in use. */
  readonly refreshAt: number;
  readonly rooms: ReadonlyMap<string, RoomState>;
  /** The presence to be shown in each room. */
  readonly presences: ReadonlyMap<string, string>;
  readonly outbox: readonly Entry[];
  /** The token bucket of `pace.ts`: how many frames may be sent at once, and when that was computed. */
  readonly tokens: number;
  readonly tokensAt: number;
  /**
   * Ids of this client's latest connections: the server's reports of their joins and leaves are not shown.
   */
  readonly ownIds: readonly string[];
  /** Numbers sockets and joins. */
  readonly counter: number;
  /** Chance of this step: a number in [0, 1). */
  readonly chance: number;
  /** When the next step is due, though no input comes. */
  readonly wakeAt: number;
  /** What is done after this step. */
  readonly effects: readonly Effect[];
}

/** What an application gets of a room. */
export type RoomEvent =
  | { readonly _tag: 'Message'; readonly message: Message }
  | { readonly _tag: 'Presence'; readonly message: Presence }
  /** Messages may have been missed. Comes before the first message after the hole. */
  | { readonly _tag: 'Gap'; readonly reason: GapReason; readonly id: string }
  /** The room is live: every later message arrives. `recovered`: how many messages were replayed. */
  | {
      readonly _tag: 'Joined';
      readonly recovered: number | undefined;
      readonly scope: 'pod' | undefined;
    }
  /** The server refused the join, or removed this connection from the room (`forbidden`, `failed`). */
  | ({ readonly _tag: 'Refused' } & Failure);

/** The kinds of effects. All have one form, which saves bytes. */
export interface Effects {
  /** `lastId`: the id to resume the global log from. A socket ends when its connection leaves the state. */
  readonly Connect: {
    readonly socket: SocketNumber;
    readonly token: string;
    readonly lastId: string | undefined;
  };
  /** `to` a socket. */
  readonly Send: string;
  /** `to` a room. */
  readonly Emit: RoomEvent;
  /** `to` the `ref` of a publish. */
  readonly Settle: Ack | Failure;
}

export interface EffectOf<Tag extends keyof Effects> {
  readonly _tag: Tag;
  readonly to?: SocketNumber | string;
  readonly what: Effects[Tag];
}

export type Effect = { readonly [Tag in keyof Effects]: EffectOf<Tag> }[keyof Effects];

/** An input, a rule, or a part of one. */
export type Change = (state: State) => State;

/** The state is stepped again at this time. */
export const wake = (state: State, at: number): State => ({
  ...state,
  wakeAt: Math.min(at, state.wakeAt),
});

/** This is done after the step. */
export const effect = (state: State, one: Effect): State => ({
  ...state,
  effects: [...state.effects, one],
});

export const send = (state: State, socket: SocketNumber, text: string): State =>
  effect(state, { _tag: 'Send', to: socket, what: text });

export const emit = (state: State, room: string, event: RoomEvent): State =>
  effect(state, { _tag: 'Emit', to: room, what: event });

export const connectionOf = (
  { connections }: State,
  socket: SocketNumber | undefined,
): Connection | undefined => connections.find((one) => one.socket === socket);

/** Changes one connection. */
export const patched = (
  state: State,
  socket: SocketNumber,
  change: Partial<Connection>,
): State => ({
  ...state,
  connections: state.connections.map((one) =>
    one.socket === socket ? { ...one, ...change } : one,
  ),
});

/** Changes the membership of one room on one connection; without one, the connection has none there. */
export const enrolled = (
  state: State,
  { socket, rooms: before }: Connection,
  room: string,
  membership?: Membership,
): State => {
  const rooms = new Map(before);
  if (membership) rooms.set(room, membership);
  else rooms.delete(room);
  return patched(state, socket, { rooms });
};

/** No timer waits longer. The platform can wait 2^31 - 1 ms; a timer for a longer time would run at once. */
export const LONGEST_MS = 2_000_000_000;

/** When to try again what the server may accept later: after one to two times `ms`. */
export const later = ({ nowMs, chance }: State, ms = 1_000): number => nowMs + ms * (1 + chance);

/** A room of which nothing is known but where it goes on. */
export const fresh = (name: string, lastId?: string): RoomState => ({
  name,
  lastId,
  outside: [],
  lasts: {},
});

export const START: State = {
  connections: [],
  retryAt: 0,
  pageState: {},
  uses: 0,
  because: '',
  chance: 0,
  outbox: [],
  tokens: 0,
  // every connection is in the global log
  rooms: new Map([[GLOBAL, fresh(GLOBAL)]]),
  presences: new Map(),
  failures: 0,
  ownIds: [],
  counter: 0,
  setBack: 0,
  nowMs: 0,
  refreshAt: Infinity,
  wakeAt: Infinity,
  effects: [],
  tokensAt: 0,
};
