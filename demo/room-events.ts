/** What the messages and events of a room change in a pane. Pure. */
import type { Message, RoomNotice } from 'chat-api/client';
import { contentOf, nameOfId, textField, writtenName } from './content.js';
import {
  connectionOf,
  isOpen,
  MAX_ENTRIES,
  MAX_IDS,
  type MessageEntry,
  noted,
  type Outage,
  type PaneState,
  type Step,
} from './pane-state.js';
import { counted, duration, forUser } from './texts.js';

/** A connection of this page, or the sender of a message, has a name. */
export const named =
  (connectionId: string, name: string): Step =>
  (state) => ({
    ...state,
    names: new Map([...[...state.names].slice(-MAX_IDS), [connectionId, name]]),
  });

const messageEntry = (
  state: PaneState,
  message: Message,
  outage: number | undefined,
): MessageEntry => {
  const { id, from, data, timestamp } = message;
  const name = (state.hasUsers ? undefined : writtenName(message)) ?? nameOfId(from);
  const isOwn = state.ownIds.includes(from);
  return { _tag: 'Message', key: id, from, name, text: contentOf(data), timestamp, isOwn, outage };
};

const learned = (state: PaneState, message: Message): PaneState => {
  const name = state.hasUsers ? undefined : writtenName(message);
  return name === undefined || state.names.get(message.from) === name
    ? state
    : named(message.from, name)(state);
};

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
        return joined(state, notice.scope, nowMs);
      case 'Refused':
        return noted(
          { ...state, isRefused: true },
          `The room refuses: ${forUser(notice.message)} (${notice.code})`,
          'Warning',
        );
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

const joined = (before: PaneState, scope: string | undefined, nowMs: number): PaneState => {
  const state = { ...before, isRefused: false };
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
    ...(back > 0
      ? [`${counted(back, 'message')} came back`]
      : gaps.length > 0
        ? []
        : ['nothing was missed']),
    ...(sent === 0 ? [] : [`${counted(sent, 'message')} of yours sent`]),
    ...gaps.map((reason) => `gap: ${reason}`),
  ];
  return parts.join(' · ');
};

const presence = (state: PaneState, { from, data }: Message): PaneState => {
  const status = textField(data, 'status');
  const connectionId = textField(data, 'connection_id');
  const id = textField(data, 'user_id') ?? connectionId ?? from;
  const isOwn = state.ownIds.includes(id);
  const name = state.names.get(connectionId ?? from) ?? nameOfId(id);
  // of the server: somebody came or left. Else a member says how it is
  if (from === 'server' && connectionId !== undefined)
    return noted(state, `${name} ${status === 'online' ? 'came' : 'left'}`);
  const how = status === 'away' ? 'away' : 'back';
  return noted(state, isOwn ? `You are ${how}` : `${name} is ${how}`);
};
