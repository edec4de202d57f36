/**
 * What a pane shows, as data, and how each event changes it. Pure.
 *
 *   Live ─ the connection ends ─► outage ─ resumed: what came back is marked ─► `joined` ─► Live
 */
import type { Status } from 'chat-api/client';

export interface MessageEntry {
  readonly _tag: 'Message';
  readonly key: string;
  readonly from: string;
  readonly name: string;
  readonly text: string;
  /** ISO 8601, as the server set it. */
  readonly timestamp: string;
  readonly isOwn: boolean;
  /** The number of the outage after which it came. */
  readonly outage: number | undefined;
}

interface Note {
  readonly _tag: 'Note' | 'Warning';
  readonly key: string;
  readonly text: string;
}

export type Entry = MessageEntry | Note;

/** A message that was published and has no ack yet. */
export interface Unacknowledged {
  readonly number: number;
  readonly text: string;
  readonly sentMs: number;
  /** The connection that was live then. */
  readonly connectionId: string | undefined;
}

/** The last time without a connection. */
export interface Outage {
  readonly number: number;
  readonly sinceMs: number;
  /** Undefined until the room is joined again. */
  readonly endMs: number | undefined;
  readonly back: number;
  /** Own messages that waited for the connection. */
  readonly sent: number;
  readonly gaps: readonly string[];
}

export interface PaneState {
  /** Whether the server knows its users, so that `from` is a name. */
  readonly hasUsers: boolean;
  readonly status: Status;
  readonly entries: readonly Entry[];
  readonly waiting: readonly Unacknowledged[];
  /** By the id of a message: how long its ack took. */
  readonly acks: ReadonlyMap<string, number>;
  readonly latencyMs: number | undefined;
  /** Own connection ids and user ids. */
  readonly ownIds: readonly string[];
  /** By connection id: the names that were written. */
  readonly names: ReadonlyMap<string, string>;
  readonly members: number | undefined;
  /** The server refuses the room. */
  readonly isRefused: boolean;
  readonly outage: Outage | undefined;
  readonly notes: number;
}

export type Step = (state: PaneState) => PaneState;

export const MAX_ENTRIES = 200;
export const MAX_IDS = 50;

export const emptyPane = (hasUsers: boolean): PaneState => ({
  hasUsers,
  status: { _tag: 'Idle' },
  entries: [],
  waiting: [],
  acks: new Map(),
  latencyMs: undefined,
  ownIds: [],
  names: new Map(),
  members: undefined,
  isRefused: false,
  outage: undefined,
  notes: 0,
});

/** The pane goes to another room: what it shows begins anew. Who it is stays. */
export const inAnotherRoom: Step = ({ hasUsers, status, ownIds, names, waiting, latencyMs }) => ({
  ...emptyPane(hasUsers),
  status,
  ownIds,
  names,
  waiting,
  latencyMs,
});

/** The pane gets another token: then it may be another user. */
export const withAnotherToken: Step = (state) => ({ ...inAnotherRoom(state), ownIds: [] });

/** The state with one more line that is no message. */
export const noted = (state: PaneState, text: string, _tag: Note['_tag'] = 'Note'): PaneState => ({
  ...state,
  notes: state.notes + 1,
  entries: [...state.entries, { _tag, key: `note-${state.notes}`, text }].slice(-MAX_ENTRIES),
});

/** Whether the outage has not ended. */
export const isOpen = (
  outage: Outage | undefined,
): outage is Outage & { readonly endMs: undefined } =>
  outage !== undefined && outage.endMs === undefined;

/** The connection of a status; undefined: there is none. */
export const connectionOf = (status: Status): string | undefined =>
  status._tag === 'Live' || status._tag === 'Draining' ? status.connectionId : undefined;

/** What came back after the last outage. */
export const cameBack = ({ entries, outage }: PaneState): readonly MessageEntry[] =>
  entries.flatMap((entry) =>
    entry._tag === 'Message' && outage !== undefined && entry.outage === outage.number
      ? [entry]
      : [],
  );

/** The history may come before it is known who the user is. An entry that was own stays so. */
const withOwn = (entries: readonly Entry[], ownIds: readonly string[]): readonly Entry[] =>
  entries.map((entry) =>
    entry._tag === 'Message' && !entry.isOwn && ownIds.includes(entry.from)
      ? { ...entry, isOwn: true }
      : entry,
  );

export const onStatus =
  (status: Status, nowMs: number): Step =>
  (state) => {
    const next = { ...state, status };
    if (status._tag === 'Live') {
      const { connectionId, userId } = status;
      const now = [connectionId, userId ?? connectionId];
      // those of now come last, so that they stay
      const all = new Set([...state.ownIds.filter((id) => !now.includes(id)), ...now]);
      const ownIds = [...all].slice(-MAX_IDS);
      return { ...next, ownIds, entries: withOwn(state.entries, ownIds) };
    }
    const hasEnded = connectionOf(state.status) !== undefined && connectionOf(status) === undefined;
    if (!hasEnded || isOpen(state.outage)) return next;
    const number = (state.outage?.number ?? 0) + 1;
    const outage = { number, sinceMs: nowMs, endMs: undefined, back: 0, sent: 0, gaps: [] };
    return { ...next, outage };
  };
