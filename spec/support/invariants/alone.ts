/**
 * What was said on one pod alone, and is in no log: to be had by whoever was there, and told as a gap to whoever comes to that
 * pod with an id of before it. A pod that ends takes what it knew of it along.
 */
import type { MessageId, Room } from '../../../lib/protocol/position.js';
import type { Resumed } from './stay.js';
import type { SentMessage } from './message.js';

export interface Alone {
  /** It was heard on this pod outside the log, or acknowledged with `scope: "pod"`. */
  readonly sent: (pod: string, message: SentMessage, id: MessageId, at: number) => void;
  readonly received: (client: string, message: SentMessage) => void;
  /** Comes in without an id, or was told a gap: what was said before is nothing that it missed unsaid. */
  readonly began: (client: string, room: Room, at: number) => void;
  readonly ended: (pod: string) => void;
  /** What somebody who goes on from there, and asked then, has missed on this pod. */
  readonly missed: (asked: Asked) => SentMessage | undefined;
  /** Whether something may have been said there behind what somebody goes on from. */
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

/** Sayings of a room that may have been said on a pod alone though nobody was told so: no ack came. */
export type Unanswered = (pod: string, room: Room) => boolean;

export const alone = (isUnanswered: Unanswered): Alone => {
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
          spoken.at > (begun.get(`${client} ${room}`) ?? 0) &&
          // what Redis did all the same is read in the log
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

/** It was said at that place or behind it. Of two epochs nobody can tell. */
const isBehind = (resumed: Resumed, id: MessageId): boolean =>
  resumed._tag === 'After'
    ? resumed.id.tag === id.tag && resumed.id.offset <= id.offset
    : id.ms >= resumed.dueMs;
