/**
 * What happens in the hub, for whoever counts or logs it: metrics and stats are folds of this stream, and no
 * counter stands in the rooms. Once a batch or a refusal, never once a delivery.
 */
import type { AuthEvent } from './auth/index.js';
import type { BrokerEvent, BrokerStatus } from './broker/index.js';
import type { ErrorCode, GapReason } from './protocol/system-event.js';
import type { Room } from './protocol/position.js';

/** Whose connection it is. */
export interface Peer {
  readonly id: string;
  readonly userId: string | null;
  /** The client's, or the last proxy's that is not trusted. */
  readonly address: string;
  /** The URL's. */
  readonly room: Room | undefined;
}

/**
 * Who asked for something and was refused. Its texts are the client's own: they go into a log as JSON and
 * nowhere else.
 */
export interface Requester {
  readonly address: string;
  readonly method: string;
  /** Without the query, where a token may stand. */
  readonly path: string;
  readonly room: Room | undefined;
  readonly origin: string | undefined;
}

/** One thing that happened; `_tag` says which. `onEvent` of an app sees each. */
export type HubEvent =
  | { readonly _tag: 'Connected'; readonly peer: () => Peer }
  /**
   * `code` is the one we sent; null when the peer closed or went. `peerCode` is what the socket ended with:
   * the peer's code, 1005 where it gave none, 1006 where the line broke.
   */
  | {
      readonly _tag: 'Disconnected';
      readonly code: number | null;
      readonly peerCode: number;
      readonly peer: () => Peer;
    }
  /** A handshake was refused with this HTTP status. */
  | {
      readonly _tag: 'HandshakeRefused';
      readonly status: number;
      readonly reason: string;
      readonly requester: () => Requester;
    }
  /**
   * A browser's page of an origin that is neither the service's own nor in `ALLOWED_ORIGINS` asked for
   * something: its handshake was refused, or its browser does not show it the answer. At most 128 characters
   * of the origin.
   */
  | { readonly _tag: 'OriginRefused'; readonly origin: string }
  /** Another listener of a lent server took a connection below our base path: it is theirs. */
  | { readonly _tag: 'UpgradeTaken' }
  /** Another request was. */
  | {
      readonly _tag: 'RequestRefused';
      readonly status: number;
      readonly reason: string;
      /** Absent where there is no request: it could not be read. */
      readonly requester: (() => Requester) | undefined;
    }
  | { readonly _tag: 'Received'; readonly messages: number }
  | { readonly _tag: 'Rejected'; readonly code: ErrorCode }
  /**
   * A batch reached every member of a room. `acceptedAt` are the messages' Unix ms, `handedAt` is when the
   * kernel had them.
   */
  | {
      readonly _tag: 'Delivered';
      readonly messages: number;
      readonly members: number;
      readonly acceptedAt: readonly number[];
      readonly handedAt: number;
    }
  /** `members` connections were told that messages may be missing. */
  | {
      readonly _tag: 'GapSent';
      /** The empty name is the global log. */
      readonly room: Room;
      readonly reason: GapReason;
      readonly members: number;
    }
  /**
   * Somebody with a `last_id` is live again after so many messages of the log; the result is the first gap,
   * if any.
   */
  | {
      readonly _tag: 'Recovered';
      readonly result: 'recovered' | GapReason;
      readonly messages: number;
    }
  /** So many of this pod's connections are in the room now; the empty name is the global log. */
  | { readonly _tag: 'Occupied'; readonly room: Room; readonly members: number }
  /** A bug: the room's members were closed with 1011. */
  | { readonly _tag: 'RoomFailed'; readonly error: unknown }
  | { readonly _tag: 'HookFailed'; readonly hook: string; readonly error: unknown }
  /** Who counts or logs events threw, or rejected: the event is missing there alone. Told to the others. */
  | {
      readonly _tag: 'FoldFailed';
      readonly fold: 'metrics' | 'stats' | 'onEvent';
      readonly error: unknown;
    }
  | { readonly _tag: 'StatusChanged'; readonly status: BrokerStatus }
  | AuthEvent
  | BrokerEvent;
