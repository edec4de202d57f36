/**
 * What a pane shows, as data, and how each event changes it. Pure.
 *
 *   Live ─ the connection ends ─► outage ─ resumed: what came back is marked ─► `joined` ─► Live
 */
import type { Ack, Message, RoomNotice, Status } from 'chat-api/client';
import { contentOf, nameOfId, textField, writtenName } from './content.js';
import { counted, duration } from './texts.js';

interface MessageEntry {
  readonly _tag: 'Message';
  readonly key: string;
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
  /** How many members `joined` has counted, and how many came or left since. */
  readonly members: number | undefined;
  readonly since: number;
  readonly outage: Outage | undefined;
  readonly notes: number;
}

export type Step = (state: PaneState) => PaneState;

const MAX_ENTRIES = 200;
const MAX_IDS = 50;

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
  since: 0,
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

const noted = (state: PaneState, text: string, _tag: Note['_tag'] = 'Note'): PaneState => ({
  ...state,
  notes: state.notes + 1,
  entries: [...state.entries, { _tag, key: `note-${state.notes}`, text }].slice(-MAX_ENTRIES),
});

const isOpen = (outage: Outage | undefined): outage is Outage & { readonly endMs: undefined } =>
  outage !== undefined && outage.endMs === undefined;

const connectionOf = (status: Status): string | undefined =>
  status._tag === 'Live' || status._tag === 'Draining' ? status.connectionId : undefined;

export const memberCount = ({ members, since }: PaneState): number | undefined =>
  members === undefined ? undefined : Math.max(1, members + since);

/** What came back after the last outage. */
export const cameBack = ({ entries, outage }: PaneState): readonly MessageEntry[] =>
  entries.flatMap((entry) =>
    entry._tag === 'Message' && outage !== undefined && entry.outage === outage.number
      ? [entry]
      : [],
  );

export const onStatus =
  (status: Status, nowMs: number): Step =>
  (state) => {
    const next = { ...state, status };
    if (status._tag === 'Live') {
      const { connectionId, userId } = status;
      const ownIds = [...new Set([...state.ownIds, connectionId, userId ?? connectionId])];
      return { ...next, ownIds: ownIds.slice(-MAX_IDS) };
    }
    const hasEnded = connectionOf(state.status) !== undefined && connectionOf(status) === undefined;
    if (!hasEnded || isOpen(state.outage)) return next;
    const number = (state.outage?.number ?? 0) + 1;
    const outage = { number, sinceMs: nowMs, endMs: undefined, back: 0, sent: 0, gaps: [] };
    return { ...next, outage };
  };

const messageEntry = (
  state: PaneState,
  message: Message,
  outage: number | undefined,
): MessageEntry => {
  const { id, from, data, timestamp } = message;
  const name = (state.hasUsers ? undefined : writtenName(message)) ?? nameOfId(from);
  const isOwn = state.ownIds.includes(from);
  return { _tag: 'Message', key: id, name, text: contentOf(data), timestamp, isOwn, outage };
};

const learned = (state: PaneState, message: Message): PaneState => {
  const name = state.hasUsers ? undefined : writtenName(message);
  return name === undefined || state.names.get(message.from) === name
    ? state
    : named(message.from, name)(state);
};

/** A connection of this page, or the sender of a message, has a name. */
export const named =
  (connectionId: string, name: string): Step =>
  (state) => ({
    ...state,
    names: new Map([...[...state.names].slice(-MAX_IDS), [connectionId, name]]),
  });

const hasEntry = ({ entries }: PaneState, id: string): boolean =>
  entries.some(({ key }) => key === id);

export const onMessage =
  (message: Message): Step =>
  (before) => {
    if (hasEntry(before, message.id)) return before;
    const state = learned(before, message);
    const { outage } = state;
    const isBack = isOpen(outage) && connectionOf(state.status) !== undefined;
    const entry = messageEntry(state, message, isBack ? outage.number : undefined);
    return {
      ...state,
      outage: isBack ? { ...outage, back: outage.back + 1 } : outage,
      entries: [...state.entries, entry].slice(-MAX_ENTRIES),
    };
  };

/** The last messages of the room, which came before those that are shown. */
export const onHistory =
  (messages: readonly Message[]): Step =>
  (before) => {
    const state = messages.reduce(learned, before);
    const earlier = messages
      .filter(({ id }) => !hasEntry(state, id))
      .map((message) => messageEntry(state, message, undefined));
    return { ...state, entries: [...earlier, ...state.entries].slice(-MAX_ENTRIES) };
  };

export const onMembers =
  (members: number): Step =>
  (state) => ({ ...state, members });

export const onNotice =
  (notice: RoomNotice, nowMs: number): Step =>
  (state) => {
    switch (notice._tag) {
      case 'Joined':
        return joined({ ...state, since: 0 }, notice.scope, nowMs);
      case 'Refused':
        return noted(state, `The room refuses: ${notice.message} (${notice.code})`, 'Warning');
      case 'Gap': {
        const { outage } = state;
        const text = `Messages may be missing here: the log does not have them (gap: ${notice.reason})`;
        const next = noted(state, text, 'Warning');
        return isOpen(outage)
          ? { ...next, outage: { ...outage, gaps: [...outage.gaps, notice.reason] } }
          : next;
      }
      case 'Presence':
        return presence(state, notice.message);
      case 'Undecoded':
        return state;
    }
  };

const joined = (state: PaneState, scope: string | undefined, nowMs: number): PaneState => {
  const { outage, waiting } = state;
  const next =
    scope === 'pod'
      ? noted(state, 'Redis does not answer: only one pod is reached', 'Warning')
      : state;
  if (!isOpen(outage)) return next;
  const ended = { ...outage, endMs: nowMs, sent: waiting.length };
  return noted({ ...next, outage: ended }, outageText(ended));
};

export const outageText = ({ sinceMs, endMs, back, sent, gaps }: Outage): string => {
  if (endMs === undefined) return '';
  const parts = [
    `Back after ${duration(endMs - sinceMs)}`,
    back === 0 ? 'nothing was missed' : `${counted(back, 'message')} came back`,
    ...(sent === 0 ? [] : [`${counted(sent, 'message')} of yours sent`]),
    ...gaps.map((reason) => `gap: ${reason}`),
  ];
  return parts.join(' · ');
};

const CHANGES: Readonly<Record<string, number>> = { online: 1, offline: -1 };

const presence = (state: PaneState, { from, data }: Message): PaneState => {
  const status = textField(data, 'status');
  const connectionId = textField(data, 'connection_id');
  const id = textField(data, 'user_id') ?? connectionId ?? from;
  const isOwn = state.ownIds.includes(id);
  const name = state.names.get(connectionId ?? from) ?? nameOfId(id);
  // of the server: somebody came or left. Else a member says how it is
  if (from === 'server' && connectionId !== undefined && status !== undefined) {
    const next = { ...state, since: state.since + (CHANGES[status] ?? 0) };
    return noted(next, `${name} ${status === 'online' ? 'came' : 'left'}`);
  }
  const how = status === 'away' ? 'away' : 'back';
  return noted(state, isOwn ? `You are ${how}` : `${name} is ${how}`);
};

export const onPublish =
  (number: number, text: string, nowMs: number): Step =>
  (state) => {
    const connectionId = connectionOf(state.status);
    const one = { number, text, sentMs: nowMs, connectionId };
    return { ...state, waiting: [...state.waiting, one] };
  };

export const onAck =
  (number: number, ack: Ack, nowMs: number): Step =>
  (state) => {
    const one = state.waiting.find((entry) => entry.number === number);
    const next = { ...state, waiting: state.waiting.filter((entry) => entry !== one) };
    if (one === undefined || ack.id === undefined) return next;
    const ms = nowMs - one.sentMs;
    // over two connections it is no latency, but the time of the outage
    const isStraight =
      one.connectionId !== undefined && one.connectionId === connectionOf(state.status);
    return {
      ...next,
      acks: new Map([...[...state.acks].slice(1 - MAX_ENTRIES), [ack.id, ms]]),
      latencyMs: isStraight ? ms : state.latencyMs,
    };
  };

export const onRefused =
  (number: number, why: string): Step =>
  (state) => {
    const waiting = state.waiting.filter((entry) => entry.number !== number);
    return noted({ ...state, waiting }, `Not sent: ${why}`, 'Warning');
  };
