/**
 * Messages of the fallback: they reached one pod only and are in no log. The members on that pod must get
 * them. A client that comes to that pod with an older id must get a gap. A pod that ends forgets them.
 */
import type { MessageId, Room } from '../../../lib/protocol/position.js';
import type { Resumed } from './stay.js';
import type { SentMessage } from './message.js';

export interface Alone {
  /** The message was received on this pod outside the log, or acknowledged with `scope: "pod"`. */
  readonly sent: (pod: string, message: SentMessage, id: MessageId, at: number) => void;
  readonly received: (client: string, message: SentMessage) => void;
  /** The client joins without an id, or got a gap: it does not miss earlier messages in silence. */
  readonly began: (client: string, room: Room, at: number) => void;
  readonly ended: (pod: string) => void;
  /** A message that a client with this resume has missed on this pod. */
  readonly missed: (asked: Asked) => SentMessage | undefined;
  /** Whether this pod may have had such a message after the point from which a client resumes. */
  readonly mayHave: (asked: Asked) => boolean;
}

export interface Asked {
  readonly client: string;
  readonly pod: string;
  readonly room: Room;
  readonly resumed: Resumed;
  readonly at: number;
}

interface Spoken {
  readonly message: SentMessage;
  readonly id: MessageId;
  readonly at: number;
}

/** Messages of a room that may have reached one pod only though no ack says so: they have no ack. */
export type Unanswered = (pod: string, room: Room) => boolean;

/** `disorderMs`: a message that seems to come this long after a join may have come before it. */
export const alone = (isUnanswered: Unanswered, disorderMs = 0): Alone => {
  const pods = new Map<string, Map<Room, Map<SentMessage, Spoken>>>();
  const had = new Map<string, Set<SentMessage>>();
  const begun = new Map<string, number>();

  const spokenIn = (pod: string, room: Room): readonly Spoken[] => [
    ...(pods.get(pod)?.get(room)?.values() ?? []),
  ];

  return {
    sent: (pod, message, id, at) => {
      const rooms = pods.get(pod) ?? new Map<Room, Map<SentMessage, Spoken>>();
      pods.set(pod, rooms);
      const some = rooms.get(message.room) ?? new Map<SentMessage, Spoken>();
      rooms.set(message.room, some);
      if (!some.has(message)) some.set(message, { message, id, at });
    },
    received: (client, message) => {
      const some = had.get(client) ?? new Set<SentMessage>();
      had.set(client, some);
      some.add(message);
    },
    began: (client, room, at) => void begun.set(`${client} ${room}`, at),
    ended: (pod) => void pods.delete(pod),
    missed: ({ client, pod, room, resumed, at }) =>
      spokenIn(pod, room).find(
        (spoken) =>
          spoken.at < at &&
          spoken.at > (begun.get(`${client} ${room}`) ?? -Infinity) + disorderMs &&
          // a message that Redis did place comes from the log
          spoken.message.logged === undefined &&
          isBehind(resumed, spoken.id) &&
          had.get(client)?.has(spoken.message) !== true,
      )?.message,
    mayHave: ({ pod, room, resumed }) =>
      spokenIn(pod, room).some(
        ({ id }) => resumed._tag === 'Since' || resumed.id.tag !== id.tag || isBehind(resumed, id),
      ) || isUnanswered(pod, room),
  };
};

/** Whether the message came at that position or after it. Positions of two epochs cannot be compared. */
const isBehind = (resumed: Resumed, id: MessageId): boolean =>
  resumed._tag === 'After'
    ? resumed.id.tag === id.tag && resumed.id.offset <= id.offset
    : id.ms >= resumed.dueMs;
