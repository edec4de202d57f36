/**
 * What tabs and their leader send to each other. A tab's socket is one WebSocket that the tab's client
 * believes to have: its frames are those of docs/protocol.md.
 *
 *   all tabs, one channel:             who ──▶ lead
 *   one tab and its leader, a channel: open, send, close, got, ping ──▶ ready, frame, end, pong
 *
 * A message to the leader has the time at which it was sent: so a leader that was frozen recognises old
 * messages. Another leader may have sent them to the server long ago.
 */

/** On the channel of all tabs. */
export type Announcement =
  /** A tab looks for the leader. */
  | { readonly _tag: 'Who'; readonly tab: string }
  /** `since`: when it was elected, Unix ms. */
  | { readonly _tag: 'Lead'; readonly leader: string; readonly since: number };

export type ToLeader =
  /** `lastId`: from where the global log goes on. */
  | { readonly _tag: 'Open'; readonly socket: string; readonly lastId: string | undefined }
  | { readonly _tag: 'Send'; readonly socket: string; readonly text: string }
  | { readonly _tag: 'Close'; readonly socket: string }
  /** How many frames have come since the last `Got`. */
  | { readonly _tag: 'Got'; readonly frames: number }
  | { readonly _tag: 'Ping' };

export type ToTab =
  /** The leader listens to this tab. */
  | { readonly _tag: 'Ready' }
  | { readonly _tag: 'Frame'; readonly sockets: readonly string[]; readonly text: string }
  | {
      readonly _tag: 'End';
      readonly sockets: readonly string[];
      readonly code: number;
      readonly reason: string;
      readonly retryInMs: number | undefined;
    }
  | { readonly _tag: 'Pong' };

/** A message with the time at which it was sent, Unix ms. */
export interface Dated {
  readonly at: number;
  readonly message: ToLeader;
}

const tagOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && '_tag' in value ? value._tag : undefined;

// the name of a channel has the version of these messages: messages of another version are not on it

export const isAnnouncement = (value: unknown): value is Announcement =>
  ['Who', 'Lead'].includes(String(tagOf(value)));

export const isToTab = (value: unknown): value is ToTab =>
  ['Ready', 'Frame', 'End', 'Pong'].includes(String(tagOf(value)));

export const isDated = (value: unknown): value is Dated =>
  typeof value === 'object' && value !== null && 'at' in value && 'message' in value;
