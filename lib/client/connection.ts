/** A connection as the state has it, and the rooms on it. */
import type { SystemEvent } from '../protocol/system-event.js';

/** The number of a socket: no two sockets of a client have the same. */
export type SocketNumber = number;

/** One socket, from the wish to connect to its end. */
export interface Connection {
  readonly socket: SocketNumber;
  /** Undefined until `welcome`. */
  readonly session?: Welcome;
  /** How many frames a second the server takes. */
  readonly perSecond?: number;
  /** When `welcome` came; infinite before that. */
  readonly liveAt: number;
  /** The rooms on this connection. One that was left is not there. */
  readonly rooms: ReadonlyMap<string, Membership>;
  /** When it has been silent for too long. */
  readonly silentAt: number;
  /** It was sent a ping, and nothing has come since. */
  readonly isPinged?: boolean;
  readonly hasToken?: boolean;
  readonly isDraining?: boolean;
  /** Messages reach the members on one pod only. */
  readonly isDegraded?: boolean;
}

/** The data of `welcome`: who the connection is, and its limits. */
export type Welcome = Extract<SystemEvent, { readonly event: 'welcome' }>;

/** A room on one connection. */
export type Membership =
  | { readonly _tag: 'Joining'; readonly ref: string; readonly again?: never }
  /** `shown`: the presence that was sent on this connection. */
  | { readonly _tag: 'Joined'; readonly shown?: string | undefined; readonly again?: never }
  /** `isSent`: the leave was sent; before that, it waits for the rate limit. */
  | { readonly _tag: 'Leaving'; readonly isSent?: boolean; readonly again?: never }
  /** `again`: when the join is sent again; infinite: not on this connection. */
  | { readonly _tag: 'Refused'; readonly because: Failure; readonly again: number };

/** A code of the server (docs/protocol.md, section 6), or one of the client. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}
