/** The answer of `GET …/ws/stats`: a fold of the hub's events (docs/protocol.md, section 15.1). */
import type { HubEvent } from '../hub-event.js';
import { GLOBAL, type Room } from '../protocol/position.js';

/** The numbers of this pod: `connections` and `rooms` now, messages since its start, without replays. */
export interface Stats {
  readonly connections: number;
  readonly rooms: number;
  readonly server_id: string;
  readonly uptime_s: number;
  readonly messages_received: number;
  readonly messages_sent: number;
  /** `local`, `redis`, `workers`, or the name of the application's own broker. */
  readonly broker: string;
  readonly room?: { readonly name: Room; readonly connections: number };
}

export interface StatsFold {
  readonly now: (room?: Room) => Stats;
  /** The rooms with members on this pod. */
  readonly roomNames: () => readonly Room[];
  /** Counts one event. */
  readonly fold: (event: HubEvent) => void;
}

export interface StatsOptions {
  readonly serverId: string;
  /** The name of the broker. */
  readonly broker: () => string;
  readonly uptimeS: () => number;
}

export const stats = ({ serverId, broker, uptimeS }: StatsOptions): StatsFold => {
  const members = new Map<Room, number>();
  let connections = 0;
  let received = 0;
  let sent = 0;

  const fold = (event: HubEvent): void => {
    if (event._tag === 'Connected') connections++;
    else if (event._tag === 'Disconnected') connections--;
    else if (event._tag === 'Received') received += event.messages;
    else if (event._tag === 'Delivered') sent += event.messages * event.members;
    else if (event._tag === 'Occupied' && event.room !== GLOBAL) {
      if (event.members > 0) members.set(event.room, event.members);
      else members.delete(event.room);
    }
  };

  return {
    now: (room) => ({
      connections,
      rooms: members.size,
      server_id: serverId,
      uptime_s: Math.floor(uptimeS()),
      messages_received: received,
      messages_sent: sent,
      broker: broker(),
      ...(room === undefined ? {} : { room: { name: room, connections: members.get(room) ?? 0 } }),
    }),
    roomNames: () => [...members.keys()],
    fold,
  };
};
