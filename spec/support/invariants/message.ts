/** A message as its receivers know it, and as its sender does. */
import type { MessageId, Room } from '../../../lib/protocol/position.js';

/** A message that members share: each of them receives the same text. */
export interface ReceivedMessage {
  /** Its number among all messages, so that what is kept of a delivery is a number. */
  readonly n: number;
  readonly idText: string;
  readonly id: MessageId;
  readonly room: Room;
  readonly text: string;
  readonly type: string;
  readonly sent: SentMessage | undefined;
  /** Another program's: it has no part in the offsets. */
  readonly isForeign: boolean;
  /** A client's message that no log holds any more: told as another program's. */
  readonly stray: boolean;
}

export interface Ack {
  readonly idText: string;
  readonly id: MessageId;
  readonly onPod: boolean;
  readonly duplicate: boolean;
  readonly pod: string;
  readonly at: number;
}

/** One message of one client, however often it was sent. */
export interface SentMessage {
  readonly client: string;
  readonly room: Room;
  readonly ref: string | undefined;
  /** Its data as JSON: no two messages have the same. */
  readonly data: string;
  /** Whether its `ref` is an idempotency key. */
  readonly keyed: boolean;
  readonly firstAt: number;
  lastAt: number;
  /** The names under which it may be heard: a client without a user has another with each connection. */
  readonly froms: Set<string>;
  readonly pods: Set<string>;
  sends: number;
  /** The connection over which it was said last. */
  on: unknown;
  readonly acks: Ack[];
  refused: string | undefined;
  /** The id under which it stands in the log. */
  logged: ReceivedMessage | undefined;
}
