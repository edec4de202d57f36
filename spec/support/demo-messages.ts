/** Messages and panes for specs of the demo page. */
import type { Message, Status } from '../../lib/client/index.js';
import { emptyPane, onStatus, type PaneState, type Step } from '../../demo/pane-state.js';

type Live = Extract<Status, { readonly _tag: 'Live' }>;

let made = 0;

/** A chat of alice, unless the parts say something else; each has an id of its own. */
export const messageOf = (parts: Partial<Message> = {}): Message => ({
  id: `id-${++made}`,
  type: 'chat',
  room: 'general',
  from: 'alice',
  data: { content: `text ${made}` },
  timestamp: '2026-11-28T05:00:00.000Z',
  ...parts,
});

export const liveAs = (connectionId: string, userId: string | null = null): Live => ({
  _tag: 'Live',
  connectionId,
  userId,
  serverId: 'pod-1',
  degraded: false,
});

export const WAITING: Extract<Status, { readonly _tag: 'Waiting' }> = {
  _tag: 'Waiting',
  retryAt: 5_000,
  because: 'code 1006',
};

export const after = (state: PaneState, ...steps: readonly Step[]): PaneState =>
  steps.reduce((before, step) => step(before), state);

/** A pane that is live as the connection `c1`. */
export const livePane = (hasUsers = false): PaneState =>
  after(emptyPane(hasUsers), onStatus(liveAs('c1', hasUsers ? 'alice' : null), 0));

/** The texts of the entries; those of messages with the name before. */
export const textsOf = ({ entries }: PaneState): readonly string[] =>
  entries.map((entry) => (entry._tag === 'Message' ? `${entry.name}: ${entry.text}` : entry.text));
