/**
 * What was said on one pod alone, and is in no log: to be had by whoever was there, and told as a gap to whoever comes to that
 * pod with an id of before it. A pod that ends takes what it knew of it along.
 */
import type { MessageId, Room } from '../../../lib/protocol/position.js';
import type { Resumed } from './stay.js';
import type { Saying } from './word.js';

export interface Alone {
  /** It was heard on this pod outside the log, or acknowledged with `scope: "pod"`. */
  readonly said: (pod: string, saying: Saying, id: MessageId, at: number) => void;
  readonly heard: (client: string, saying: Saying) => void;
  /** Comes in without an id, or was told a gap: what was said before is nothing that it missed unsaid. */
  readonly began: (client: string, room: Room, at: number) => void;
  readonly ended: (pod: string) => void;
  /** What somebody who goes on from there, and asked then, has missed on this pod. */
  readonly missed: (asked: Asked) => Saying | undefined;
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
  readonly saying: Saying;
  readonly id: MessageId;
  readonly at: number;
}

/** Sayings of a room that may have been said on a pod alone though nobody was told so: no ack came. */
export type Unanswered = (pod: string, room: Room) => boolean;

export const alone = (isUnanswered: Unanswered): Alone => {
  const pods = new Map<string, Map<Room, Map<Saying, Spoken>>>();
  const had = new Map<string, Set<Saying>>();
  const begun = new Map<string, number>();

  const spokenIn = (pod: string, room: Room): readonly Spoken[] => [
    ...(pods.get(pod)?.get(room)?.values() ?? []),
  ];

  return {
    said: (pod, saying, id, at) => {
      const rooms = pods.get(pod) ?? new Map<Room, Map<Saying, Spoken>>();
      pods.set(pod, rooms);
      const some = rooms.get(saying.room) ?? new Map<Saying, Spoken>();
      rooms.set(saying.room, some);
      if (!some.has(saying)) some.set(saying, { saying, id, at });
    },
    heard: (client, saying) => {
      const some = had.get(client) ?? new Set<Saying>();
      had.set(client, some);
      some.add(saying);
    },
    began: (client, room, at) => void begun.set(`${client} ${room}`, at),
    ended: (pod) => void pods.delete(pod),
    missed: ({ client, pod, room, resumed, at }) =>
      spokenIn(pod, room).find(
        (spoken) =>
          spoken.at < at &&
          spoken.at > (begun.get(`${client} ${room}`) ?? 0) &&
          // what Redis did all the same is read in the log
          spoken.saying.logged === undefined &&
          isBehind(resumed, spoken.id) &&
          had.get(client)?.has(spoken.saying) !== true,
      )?.saying,
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
