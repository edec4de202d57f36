/** What clients said, and what became of it: who may be heard with it, its acks, and where it stands. */
import { GLOBAL, type Room } from '../../../lib/protocol/position.js';
import { idOf, roomText } from './frame.js';
import type { Findings } from './violation.js';
import type { Saying, Word } from './word.js';

export interface Said {
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

export interface Sayings {
  readonly all: readonly Saying[];
  readonly say: (said: Said) => Saying;
  readonly acked: (answered: Answered) => Saying | undefined;
  readonly refused: (client: string, ref: string, code: string, at: number) => void;
  /** Whose message this is. */
  readonly of: (data: unknown) => Saying | undefined;
  /** A message was heard, or stands in the log, for the first time. */
  readonly appeared: (word: Word, at: number) => void;
}

export interface SayingsDeps {
  readonly findings: Findings;
  /** Whether Redis forgot something of this room between two moments: then a key may be forgotten too. */
  readonly forgot: (room: Room) => boolean;
}

export const sayings = ({ findings, forgot }: SayingsDeps): Sayings => {
  const all: Saying[] = [];
  const byRef = new Map<string, Saying>();
  const byData = new Map<string, Saying>();

  const refOf = (client: string, ref: string): string => `${client} ${ref}`;

  const found = (tag: 'I5' | 'I6' | 'I7', saying: Saying, at: number, text: string): void =>
    findings.add({ tag, client: saying.client, room: saying.room, text, at });

  return {
    all,
    say: ({ client, from, pod, room, ref, data, keyed, on, at }) => {
      const json = JSON.stringify(data);
      const known = byData.get(json);
      const saying = known ?? {
        client,
        room,
        ref,
        data: json,
        keyed,
        firstAt: at,
        lastAt: at,
        froms: new Set(),
        pods: new Set(),
        sends: 0,
        on,
        acks: [],
        refused: undefined,
        logged: undefined,
      };
      if (known === undefined) {
        all.push(saying);
        byData.set(json, saying);
        if (ref !== undefined) byRef.set(refOf(client, ref), saying);
      }
      saying.sends++;
      saying.lastAt = at;
      saying.on = on;
      saying.froms.add(from);
      saying.pods.add(pod);
      return saying;
    },
    acked: ({ client, pod, ref, idText, onPod, duplicate, at }) => {
      const saying = byRef.get(refOf(client, ref));
      const id = idOf(idText);
      if (saying === undefined || id === undefined) {
        const text = `got an ack of ${ref} as ${idText}: expected one of what it said, under a UUIDv7`;
        findings.add({ tag: 'I5', client, room: undefined, text, at });
        return undefined;
      }
      const before = saying.acks.at(-1);
      saying.acks.push({ idText, id, onPod, duplicate, pod, at });
      if (onPod !== id.outside)
        found('I5', saying, at, `${saying.data} has an ack ${scopeText(onPod)} with id ${idText}`);
      if (duplicate && saying.sends === 1)
        found('I7', saying, at, `${saying.data} was sent once and is called a duplicate`);
      if (saying.acks.length > saying.sends)
        found(
          'I7',
          saying,
          at,
          `${saying.data} was sent ${saying.sends} times and acked more often`,
        );
      if (
        before !== undefined &&
        saying.keyed &&
        before.idText !== idText &&
        // what was said on one pod is known to that pod only
        !(before.onPod || onPod) &&
        !forgot(saying.room)
      )
        found('I7', saying, at, `${saying.data} is ${before.idText} and ${idText}: the same key`);
      return saying;
    },
    refused: (client, ref, code) => {
      const saying = byRef.get(refOf(client, ref));
      if (saying !== undefined) saying.refused = code;
    },
    of: (data) => byData.get(JSON.stringify(data)),
    appeared: (word, at) => {
      const { saying, room, text, id, idText } = word;
      if (saying === undefined) return;
      if (saying.room !== room)
        found(
          'I6',
          saying,
          at,
          `${saying.data} was said in ${roomText(saying.room)} and heard in ${roomText(room)}`,
        );
      const from: unknown = Reflect.get(JSON.parse(text) as object, 'from');
      if (typeof from !== 'string' || !saying.froms.has(from))
        found(
          'I5',
          saying,
          at,
          `${saying.data} was said by ${[...saying.froms].join()} and heard as by ${String(from)}`,
        );
      if (id.global !== (room === GLOBAL))
        found(
          'I6',
          saying,
          at,
          `${saying.data} of ${roomText(room)} has an id of another log: ${idText}`,
        );
      if (id.outside) return;
      const before = saying.logged;
      saying.logged = word;
      if (before !== undefined && saying.keyed && !forgot(room))
        found('I7', saying, at, `${saying.data} is stored twice: ${before.idText} and ${idText}`);
    },
  };
};

const scopeText = (onPod: boolean): string => (onPod ? 'of scope pod' : 'without scope');
