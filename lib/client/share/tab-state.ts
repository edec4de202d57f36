/** The state of a tab among those that share a socket, as data (`tab.ts` has the machine and its drawing). */
import type { Forward } from '../forward.js';
import type { ToLeader } from './messages.js';

export interface TabState extends Forward {
  readonly tab: string;
  readonly phase: 'Out' | 'Entering' | 'In';
  /** The leader, and when it was elected. */
  readonly leader?: string | undefined;
  readonly since: number;
  /** The leader listens to this tab. */
  readonly isReady: boolean;
  /** The sockets of the client: whether the leader knows them, and from where the global log goes on. */
  readonly sockets: ReadonlyMap<string, OpenSocket>;
  /** The leader has ended sockets with a code that may close clients, and no socket was opened since. */
  readonly isEnded?: boolean;
  readonly receivedAt: number;
  /** When an answer of the leader is due. */
  readonly dueAt: number;
  /** This tab had slept when the answer was due, and has asked the leader once more. */
  readonly isLate?: boolean;
  /** How many frames have come since the leader was last sent `Got`. */
  readonly got: number;
  readonly chance: number;
  readonly wakeAt: number;
  readonly effects: readonly TabEffect[];
}

export interface OpenSocket {
  readonly lastId: string | undefined;
  readonly isOpen: boolean;
}

export type TabEffect =
  /** Takes the tab's own lock, and waits for the leader's. */
  | { readonly _tag: 'Enter' }
  /** Closes the channels and gives both locks back, that of the leader after `keepMs`. */
  | { readonly _tag: 'Exit'; readonly keepMs: number }
  | { readonly _tag: 'Who' }
  /** Opens the channel to a leader. */
  | { readonly _tag: 'Follow'; readonly leader: string }
  | { readonly _tag: 'Steal' }
  | { readonly _tag: 'Lead'; readonly leader: string; readonly since: number }
  /** Leads no more, and waits for the lock again. */
  | { readonly _tag: 'Resign' }
  | { readonly _tag: 'ToLeader'; readonly leader: string; readonly message: ToLeader }
  | { readonly _tag: 'Text'; readonly socket: string; readonly text: string }
  | {
      readonly _tag: 'Ended';
      readonly socket: string;
      readonly code: number;
      readonly reason: string;
      readonly retryInMs: number | undefined;
    };

export type TabChange = (state: TabState) => TabState;

export const newTab = (tab: string): TabState => ({
  tab,
  phase: 'Out',
  since: 0,
  isReady: false,
  sockets: new Map(),
  receivedAt: 0,
  dueAt: Infinity,
  got: 0,
  nowMs: 0,
  setBack: 0,
  chance: 0,
  wakeAt: Infinity,
  effects: [],
});
