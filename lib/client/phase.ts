/** The state of the client's connection as data; `link.ts` draws and steps it. */
import type { SocketNumber } from './room-state.js';

/** Who the connection is, from `welcome`. */
export interface Session {
  readonly connectionId: string;
  readonly userId: string | null;
  readonly serverId: string;
  /** Messages a second that the server takes of this connection. */
  readonly rate: number;
}

export type Phase =
  | { readonly _tag: 'Idle' }
  | { readonly _tag: 'Connecting'; readonly socket: SocketNumber }
  | {
      readonly _tag: 'Live';
      readonly socket: SocketNumber;
      readonly session: Session;
      readonly isDegraded: boolean;
    }
  | {
      readonly _tag: 'Draining';
      readonly socket: SocketNumber;
      readonly session: Session;
      readonly isDegraded: boolean;
      /** The second socket, once it is opened; `session` once it is welcome. */
      readonly next:
        | { readonly socket: SocketNumber; readonly session: Session | undefined }
        | undefined;
    }
  | { readonly _tag: 'Waiting'; readonly retryAt: number; readonly because: string }
  | { readonly _tag: 'Offline'; readonly because: 'offline' | 'frozen' }
  | { readonly _tag: 'Closed'; readonly code: number; readonly because: string };

export interface Page {
  readonly isOnline: boolean;
  readonly isVisible: boolean;
  readonly isFrozen: boolean;
}

export interface Link {
  readonly phase: Phase;
  readonly page: Page;
  /** Failures in a row, for the backoff. */
  readonly failures: number;
  /** The last token was refused: one more is asked for. */
  readonly isTokenRefused: boolean;
  readonly lastSocket: SocketNumber;
}

export type PageEvent = 'online' | 'offline' | 'visible' | 'hidden' | 'frozen' | 'resumed';

export const START: Link = {
  phase: { _tag: 'Idle' },
  page: { isOnline: true, isVisible: true, isFrozen: false },
  failures: 0,
  isTokenRefused: false,
  lastSocket: 0,
};

export type LivePhase = Extract<Phase, { readonly session: Session }>;

export const isLive = (phase: Phase): phase is LivePhase =>
  phase._tag === 'Live' || phase._tag === 'Draining';

/** The sockets of a phase; the second one of a handover is the last. */
export const socketsOf = (phase: Phase): readonly SocketNumber[] => {
  if (phase._tag === 'Connecting' || phase._tag === 'Live') return [phase.socket];
  if (phase._tag !== 'Draining') return [];
  return phase.next === undefined ? [phase.socket] : [phase.socket, phase.next.socket];
};

/** What an event changes. */
export const pageAfter = (page: Page, event: PageEvent): Page => {
  switch (event) {
    case 'online':
      return { ...page, isOnline: true };
    case 'offline':
      return { ...page, isOnline: false };
    case 'visible':
      return { ...page, isVisible: true, isFrozen: false };
    case 'hidden':
      return { ...page, isVisible: false };
    case 'frozen':
      return { ...page, isFrozen: true };
    case 'resumed':
      return { ...page, isFrozen: false };
  }
};
