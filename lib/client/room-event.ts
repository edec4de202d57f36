import type { GapReason } from '../protocol/system-event.js';
import type { Message } from './frames.js';
import type { Failure } from './state.js';

/** What an application gets of a room. */
export type RoomEvent =
  | { readonly _tag: 'Message'; readonly message: Message }
  | { readonly _tag: 'Presence'; readonly message: Message }
  /** Messages may have been missed; comes before the next message. */
  | { readonly _tag: 'Gap'; readonly reason: GapReason; readonly id: string }
  /** The room is live: every later message arrives. `recovered`: how many messages were replayed. */
  | {
      readonly _tag: 'Joined';
      readonly recovered: number | undefined;
      readonly scope: 'pod' | undefined;
    }
  /** The server refused the join, or removed this connection: `forbidden`, `failed`. */
  | ({ readonly _tag: 'Refused' } & Failure);
