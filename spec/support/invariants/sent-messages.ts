/**
 * The messages that clients sent, and their fate: which `from` they may have, their acks, and where they are
 * in the log.
 */
import { GLOBAL, type Room } from '../../../lib/protocol/position.js';
import { idOf, roomText } from './frame.js';
import type { Findings } from './violation.js';
import type { SentMessage, ReceivedMessage } from './message.js';

export interface Sending {
  readonly client: string;
  /** The user, or the connection's id. */
  readonly from: string;
  readonly pod: string;
  readonly room: Room;
  readonly ref: string | undefined;
  readonly data: unknown;
  readonly keyed: boolean;
  /** The connection. */
  readonly on: unknown;
  readonly at: number;
}

export interface Answered {
  readonly client: string;
  readonly pod: string;
  readonly ref: string;
  readonly idText: string;
  readonly onPod: boolean;
  readonly duplicate: boolean;
  readonly at: number;
}

export interface SentMessages {
  readonly all: readonly SentMessage[];
  readonly add: (sending: Sending) => SentMessage;
  readonly acked: (answered: Answered) => SentMessage | undefined;
  readonly refused: (client: string, ref: string, code: string, at: number) => void;
  /** The sent message with this data. */
  readonly of: (data: unknown) => SentMessage | undefined;
  /** A message was received, or found in the log, for the first time. */
  readonly appeared: (message: ReceivedMessage, at: number) => void;
}

export interface SentMessagesDeps {
  readonly findings: Findings;
  /** Whether Redis forgot something of this room between two moments: then a key may be forgotten too. */
  readonly forgot: (room: Room) => boolean;
}

export const trackSent = ({ findings, forgot }: SentMessagesDeps): SentMessages => {
  const all: SentMessage[] = [];
  const byRef = new Map<string, SentMessage>();
  const byData = new Map<string, SentMessage>();

  const refOf = (client: string, ref: string): string => `${client} ${ref}`;

  const found = (tag: 'I5' | 'I6' | 'I7', sent: SentMessage, at: number, text: string): void =>
    findings.add({ tag, client: sent.client, room: sent.room, text, at });

  return {
    all,
    add: ({ client, from, pod, room, ref, data, keyed, on, at }) => {
      const json = JSON.stringify(data);
      const known = byData.get(json);
      const sent = known ?? {
        client,
        room,
        ref,
        data: json,
        keyed,
        firstAt: at,
        lastAt: at,
        froms: new Set(),
        pods: new Map<string, number>(),
        sends: 0,
        on,
        acks: [],
        refused: undefined,
        logged: undefined,
      };
      if (known === undefined) {
        all.push(sent);
        byData.set(json, sent);
        if (ref !== undefined) byRef.set(refOf(client, ref), sent);
      }
      sent.sends++;
      sent.lastAt = at;
      sent.on = on;
      sent.froms.add(from);
      sent.pods.set(pod, (sent.pods.get(pod) ?? 0) + 1);
      return sent;
    },
    acked: ({ client, pod, ref, idText, onPod, duplicate, at }) => {
      const sent = byRef.get(refOf(client, ref));
      const id = idOf(idText);
      if (sent === undefined || id === undefined) {
        const text = `got an ack of ${ref} as ${idText}: expected one of what it said, under a UUIDv7`;
        findings.add({ tag: 'I5', client, room: undefined, text, at });
        return undefined;
      }
      const before = sent.acks.at(-1);
      sent.acks.push({ idText, id, onPod, duplicate, pod, at });
      if (onPod !== id.outside)
        found('I5', sent, at, `${sent.data} has an ack ${scopeText(onPod)} with id ${idText}`);
      if (duplicate && sent.sends === 1)
        found('I7', sent, at, `${sent.data} was sent once and is called a duplicate`);
      if (sent.acks.length > sent.sends)
        found('I7', sent, at, `${sent.data} was sent ${sent.sends} times and acked more often`);
      if (
        before !== undefined &&
        sent.keyed &&
        before.idText !== idText &&
        // the key of a message of the fallback is known to its pod only
        !(before.onPod || onPod) &&
        !forgot(sent.room)
      )
        found('I7', sent, at, `${sent.data} is ${before.idText} and ${idText}: the same key`);
      return sent;
    },
    refused: (client, ref, code) => {
      const sent = byRef.get(refOf(client, ref));
      if (sent !== undefined) sent.refused = code;
    },
    of: (data) => byData.get(JSON.stringify(data)),
    appeared: (message, at) => {
      const { sent, room, text, id, idText } = message;
      if (sent === undefined) return;
      if (sent.room !== room)
        found(
          'I6',
          sent,
          at,
          `${sent.data} was said in ${roomText(sent.room)} and heard in ${roomText(room)}`,
        );
      const from: unknown = Reflect.get(JSON.parse(text) as object, 'from');
      if (typeof from !== 'string' || !sent.froms.has(from))
        found(
          'I5',
          sent,
          at,
          `${sent.data} was said by ${[...sent.froms].join()} and heard as by ${String(from)}`,
        );
      if (id.global !== (room === GLOBAL))
        found(
          'I6',
          sent,
          at,
          `${sent.data} of ${roomText(room)} has an id of another log: ${idText}`,
        );
      if (id.outside) return;
      const before = sent.logged;
      sent.logged = message;
      if (before !== undefined && sent.keyed && !forgot(room))
        found('I7', sent, at, `${sent.data} is stored twice: ${before.idText} and ${idText}`);
    },
  };
};

const scopeText = (onPod: boolean): string => (onPod ? 'of scope pod' : 'without scope');
