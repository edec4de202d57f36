/** A message as its receivers know it, and as its sender does. */
import type { MessageId, Room } from '../../../lib/protocol/position.js';

/** A message that members share: each of them receives the same text. */
export interface ReceivedMessage {
  /** The number of the message: of each delivery only this number is kept. */
  readonly n: number;
  readonly idText: string;
  readonly id: MessageId;
  readonly room: Room;
  readonly text: string;
  readonly type: string;
  readonly sent: SentMessage | undefined;
  /** It is of another program and has no offset. */
  readonly isForeign: boolean;
  /** It is of a client, and no log has it any more: it comes like that of another program. */
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
  /** The `from` values that it may have: a client without a user id has another one with each connection. */
  readonly froms: Set<string>;
  /** How many times it was sent to each pod. */
  readonly pods: Map<string, number>;
  sends: number;
  /** The connection that sent it last. */
  on: unknown;
  readonly acks: Ack[];
  refused: string | undefined;
  /** The message in the log. */
  logged: ReceivedMessage | undefined;
}
