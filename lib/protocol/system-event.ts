/**
 * The server's own messages: control messages and errors, their fields and their closed sets of codes
 * (docs/protocol.md, section 5). `payload.ts` encodes them.
 */

/** The types of messages that members can get. */
export type MessageType = 'chat' | 'presence' | 'notification' | 'system';

/**
 * Why messages may have been missed: trimmed from the log, a new epoch, an unknown id, a broker outage, or
 * more messages of a room at once than the pod can hold.
 */
export type GapReason = 'expired' | 'log_lost' | 'unknown_id' | 'broker_outage' | 'too_many';

/** Why a connection is not in a room any more: `data.reason` of `left`. */
export type LeaveReason = 'asked' | 'forbidden' | 'failed';

/** `data.code` of an error message (docs/protocol.md, section 6). */
export type ErrorCode =
  | 'invalid_json'
  | 'invalid_message'
  | 'unknown_type'
  | 'not_a_member'
  | 'invalid_room'
  | 'forbidden'
  | 'rate_limited'
  | 'too_many_rooms'
  | 'rejected'
  | 'unavailable';

/**
 * The data of an error message. `text` says what is wrong or what to do. Of what the client wrote, it repeats
 * only a valid room name, a short field name, or a `type` that is the server's. The text of `rejected` is the
 * hook's.
 */
export interface Refusal {
  readonly code: ErrorCode;
  readonly text: string;
  readonly ref?: string | undefined;
  readonly retryInMs?: number;
}

/** The `data` of a `system` message; `undefined` fields are not sent. */
export type SystemEvent =
  | {
      readonly event: 'welcome';
      readonly connection_id: string;
      readonly user_id: string | null;
      readonly server_id: string;
      readonly protocol: 1;
      readonly limits: {
        readonly message_bytes: number;
        readonly buffer_messages: number;
        readonly rate: number;
      };
    }
  | {
      readonly event: 'joined';
      readonly room?: string | undefined;
      readonly position: string | null;
      readonly members: number;
      readonly presence: boolean;
      readonly recovered?: number | undefined;
      readonly scope?: 'pod' | undefined;
      readonly ref?: string | undefined;
    }
  | {
      readonly event: 'left';
      readonly room: string;
      readonly reason: LeaveReason;
      readonly ref?: string | undefined;
    }
  | {
      readonly event: 'ack';
      readonly ref: string;
      /** Undefined when a hook dropped the message: then it is in no log. */
      readonly id?: string | undefined;
      readonly duplicate: boolean;
      readonly scope?: 'pod' | undefined;
    }
  | { readonly event: 'gap'; readonly room?: string | undefined; readonly reason: GapReason }
  | { readonly event: 'degraded' | 'restored'; readonly since: string }
  | { readonly event: 'draining'; readonly reconnect_in_ms: number }
  | { readonly event: 'token_expiring'; readonly expires_at: string };

/** All values of `data.event` that are the server's. */
export const SYSTEM_EVENTS: readonly SystemEvent['event'][] = [
  'welcome',
  'joined',
  'left',
  'ack',
  'gap',
  'degraded',
  'restored',
  'draining',
  'token_expiring',
];

const EVENTS: ReadonlySet<unknown> = new Set(SYSTEM_EVENTS);

/** Whether a `data.event` is reserved for the server. */
export const isSystemEvent = (event: unknown): boolean => EVENTS.has(event);
