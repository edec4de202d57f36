/**
 * The events of the hub: metrics, stats and log lines are folds of this stream, and rooms have no counters.
 * There is one event for a batch or a refusal, and none for a single delivery.
 */
import type { AuthEvent } from './auth/index.js';
import type { BrokerEvent, BrokerStatus } from './broker/index.js';
import type { SqlOutboxEvent } from './broker/sql-outbox/sql-outbox-event.js';
import type { ArchiveError } from './history/archive/port.js';
import type { ErrorCode, GapReason } from './protocol/system-event.js';
import type { Room } from './protocol/position.js';

/** The client of a connection. */
export interface Peer {
  readonly id: string;
  readonly userId: string | null;
  /**
   * The address of the client. Behind a proxy that is not in `TRUSTED_PROXIES`: the address of that proxy.
   */
  readonly address: string;
  /** The room of the URL. */
  readonly room: Room | undefined;
}

/** What a connection did until its end. */
export interface Life {
  readonly seconds: number;
  /** Text frames that were read, those that were refused too. */
  readonly messagesIn: number;
  /** Text frames that were passed to the socket: messages of rooms, answers and control messages. */
  readonly messagesOut: number;
}

/**
 * The client of a refused request. Its texts come from the client. The service writes them only into its own
 * log lines, as JSON. `onEvent` of a program gets them too.
 */
export interface Requester {
  readonly address: string;
  readonly method: string;
  /** Without the query, which may have a token. */
  readonly path: string;
  readonly room: Room | undefined;
  readonly origin: string | undefined;
}

/** An event of the hub; `_tag` says which. `onEvent` of an app receives each. */
export type HubEvent =
  | { readonly _tag: 'Connected'; readonly peer: () => Peer }
  /**
   * `code`: the code that the server sent; null when the server sent none. `peerCode`: the code that the
   * socket ended with. It is the peer's, 1005 when the peer sent none, 1006 when the connection broke.
   */
  | {
      readonly _tag: 'Disconnected';
      readonly code: number | null;
      readonly peerCode: number;
      readonly peer: () => Peer;
      readonly life: () => Life;
    }
  /**
   * A handshake was refused with this HTTP status. In one case of 400 there was no answer: the upgrade came
   * before the answer to an earlier request of its socket, and the socket was ended.
   */
  | {
      readonly _tag: 'HandshakeRefused';
      readonly status: number;
      readonly reason: string;
      readonly requester: () => Requester;
    }
  /**
   * A browser's page sent a request from an origin that is neither the service's own nor in
   * `ALLOWED_ORIGINS`. Its handshake was refused, or its browser hides the answer. `origin` has at most 128
   * characters of the origin.
   */
  | { readonly _tag: 'OriginRefused'; readonly origin: string }
  /** Another listener of a lent server took a connection below the base path. */
  | { readonly _tag: 'UpgradeTaken' }
  /**
   * A request that is no handshake was refused with this HTTP status. With 429 there was no answer: the
   * socket had too many requests that waited for theirs, and was ended.
   */
  | {
      readonly _tag: 'RequestRefused';
      readonly status: number;
      readonly reason: string;
      /** Absent when the request could not be read, and for CONNECT. */
      readonly requester: (() => Requester) | undefined;
    }
  | { readonly _tag: 'Received'; readonly messages: number }
  | { readonly _tag: 'Rejected'; readonly code: ErrorCode }
  /**
   * A batch was passed to the outboxes of all members of a room. `acceptedAt`: the times in the ids of its
   * messages, Unix ms. `handedAt`: when the last outbox had the batch. An idle socket has the batch then; in
   * the outbox of a slow reader the batch waits.
   */
  | {
      readonly _tag: 'Delivered';
      /** The empty name is the global log. */
      readonly room: Room;
      readonly messages: number;
      readonly members: number;
      readonly acceptedAt: readonly number[];
      readonly handedAt: number;
    }
  /**
   * A `gap` was sent. `members` is 1 when a client that joins was sent the gap. Otherwise `members` counts
   * the connections of the room on this pod. It can be too large: some gaps are not sent to connections that
   * have all messages.
   */
  | {
      readonly _tag: 'GapSent';
      /** The empty name is the global log. */
      readonly room: Room;
      readonly reason: GapReason;
      readonly members: number;
    }
  /**
   * A client with a `last_id` is live again, after this many messages of the log. `result`: the reason of a
   * gap, if there was one. Of several gaps one counts: that of the global log which was sent before the
   * room of the URL was replayed (`foretell`), else that of the log, else that of messages of the fallback.
   */
  | {
      readonly _tag: 'Recovered';
      readonly result: 'recovered' | GapReason;
      readonly messages: number;
      readonly room: Room;
      /**
       * From the moment when the client began to read this log until it was live. An earlier look for a
       * `gap` (`foretell`) and the wait for the other room do not count.
       */
      readonly seconds: number;
    }
  /** The number of this pod's connections in the room; the empty name is the global log. */
  | { readonly _tag: 'Occupied'; readonly room: Room; readonly members: number }
  /** A bug ended the room: the connections of its members were closed with 1011. */
  | { readonly _tag: 'RoomFailed'; readonly error: unknown }
  /** A hook threw, did not answer within 1 s, or gave an invalid answer. */
  | { readonly _tag: 'HookFailed'; readonly hook: string; readonly error: unknown }
  /**
   * A fold of events threw or rejected: the event is missing in that fold only. The other folds get this
   * `FoldFailed`.
   */
  | {
      readonly _tag: 'FoldFailed';
      readonly fold: 'metrics' | 'stats' | 'onEvent' | 'spans';
      readonly error: unknown;
    }
  | { readonly _tag: 'StatusChanged'; readonly status: BrokerStatus }
  | ArchiveHubEvent
  | SqlOutboxEvent
  | AuthEvent
  | BrokerEvent;

/** What the archive reports. */
export type ArchiveHubEvent =
  /** The archive takes no messages until `ArchiveRestored`. `Refused`: an operator must repair it. */
  | {
      readonly _tag: 'ArchiveInterrupted';
      readonly reason: ArchiveError['_tag'];
      readonly detail: string;
    }
  /** Also when it answers for the first time. */
  | { readonly _tag: 'ArchiveRestored' }
  /** The messages of one INSERT are on disk. `seconds`: from its begin, with all that was tried again. */
  | { readonly _tag: 'ArchiveStored'; readonly messages: number; readonly seconds: number }
  /** A message cannot be stored. It is in the table `rejected`, and no page of the history has it. */
  | { readonly _tag: 'ArchivePoison'; readonly id: string; readonly detail: string }
  /** The messages of so many days were removed. */
  | { readonly _tag: 'ArchivePruned'; readonly days: number }
  /** Partitions were not made or not dropped. It is tried again within an hour. */
  | { readonly _tag: 'ArchiveUpkeepFailed'; readonly detail: string };
