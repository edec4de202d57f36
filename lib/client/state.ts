/**
 * The whole state of a client as data, the inputs that change it (`step.ts`), and the effects that come of
 * them (`runner.ts` performs them).
 */
import type { ServerFrame } from './frames.js';
import * as phases from './phase.js';
import type * as link from './link.js';
import type { Outbox, Settled } from './outbox.js';
import * as pace from './pace.js';
import type { RoomEvent } from './room-event.js';
import type { RoomState, SocketNumber } from './room-state.js';

export interface ClientState {
  readonly link: phases.Link;
  readonly rooms: ReadonlyMap<string, UsedRoom>;
  readonly outbox: Outbox;
  readonly pace: pace.Pace;
  /** Counts joins, for their refs. */
  readonly joins: number;
}

/** A room that somebody uses. */
export interface UsedRoom extends RoomState {
  /** The status to be shown to the room's members; undefined: none was set. */
  readonly presence: string | undefined;
}

export type Input =
  | link.LinkInput
  | { readonly _tag: 'Used'; readonly room: string; readonly after: string | undefined }
  | { readonly _tag: 'Unused'; readonly room: string }
  | {
      readonly _tag: 'Publish';
      readonly ref: string;
      readonly room: string;
      readonly text: string;
      readonly timeoutMs: number;
    }
  | { readonly _tag: 'Presence'; readonly room: string; readonly status: string }
  /** A new token, in place of the one in use. */
  | { readonly _tag: 'Refreshed'; readonly token: string }
  | { readonly _tag: 'Received'; readonly socket: SocketNumber; readonly frame: ServerFrame }
  | { readonly _tag: 'Due'; readonly timer: OwnTimer };

export type OwnTimer = 'pace' | 'timeout' | 'lastAck';
export type TimerName = link.LinkTimer | OwnTimer;

export type Effect =
  | Exclude<link.LinkEffect, { readonly _tag: 'Timer' | 'Connect' }>
  | {
      readonly _tag: 'Connect';
      readonly socket: SocketNumber;
      readonly isNewToken: boolean;
      /** The id to resume the global log from. */
      readonly lastId: string | undefined;
    }
  | { readonly _tag: 'Timer'; readonly timer: TimerName; readonly ms: number | undefined }
  | { readonly _tag: 'Send'; readonly socket: SocketNumber; readonly text: string }
  | { readonly _tag: 'Emit'; readonly room: string; readonly event: RoomEvent }
  | { readonly _tag: 'Settle'; readonly settled: Settled }
  /** The token ends soon. */
  | { readonly _tag: 'RefreshToken' };

export type Step = readonly [ClientState, readonly Effect[]];

export const NONE: readonly Effect[] = [];

export const START: ClientState = {
  link: phases.START,
  rooms: new Map(),
  outbox: [],
  pace: pace.START,
  joins: 0,
};
