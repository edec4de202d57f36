/**
 * What a leader gives the sockets of tabs: frames, and their end. One message a tab, for all of its sockets.
 */
import { effect, type LeaderState } from './leader-state.js';
import type { ToTab } from './messages.js';

/** Ends sockets of tabs. The close code tells their clients whether to come back. */
export const endSockets = (
  state: LeaderState,
  ids: readonly string[],
  code: number,
  reason: string,
  retryInMs?: number,
): LeaderState => {
  const known = ids.filter((id) => state.sockets.has(id));
  const ended = new Set(known);
  return effect(
    { ...state, sockets: new Map([...state.sockets].filter(([id]) => !ended.has(id))) },
    ...byTab(state, known).map(([tab, sockets]) => {
      const message: ToTab = { _tag: 'End', sockets, code, reason, retryInMs };
      return { _tag: 'ToTab', tab, message } as const;
    }),
  );
};

/** The sockets of each tab. */
const byTab = (
  { sockets }: LeaderState,
  ids: readonly string[],
): readonly (readonly [string, readonly string[]])[] => {
  const tabs = new Map<string, readonly string[]>();
  for (const id of ids) {
    const tab = sockets.get(id)?.tab;
    if (tab !== undefined) tabs.set(tab, [...(tabs.get(tab) ?? []), id]);
  }
  return [...tabs];
};

/** How many frames a tab may be behind. */
const MAX_BEHIND = 4_096;

/**
 * Gives a frame to sockets of tabs. The sockets of a tab that is too far behind are ended: the tab resumes
 * later.
 */
export const deliver = (state: LeaderState, ids: readonly string[], text: string): LeaderState =>
  byTab(state, ids).reduce((at, [tab, sockets]) => {
    const { sent = 0, got = 0 } = at.tabs.get(tab) ?? {};
    if (sent - got >= MAX_BEHIND) {
      const all = [...at.sockets].flatMap(([id, one]) => (one.tab === tab ? [id] : []));
      return endSockets(at, all, 1013, 'the tab takes no messages');
    }
    return effect(
      { ...at, tabs: new Map(at.tabs).set(tab, { sent: sent + 1, got }) },
      { _tag: 'ToTab', tab, message: { _tag: 'Frame', sockets, text } },
    );
  }, state);
