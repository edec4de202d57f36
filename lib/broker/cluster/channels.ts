/**
 * The registry of open channels. It passes events to the channels of a room. It knows the position of each
 * room on this pod, and whether all rooms are checked against their logs. A room has several channels only
 * for a moment, while one ends and the next one begins.
 */
import { isSome } from 'fp-ts/lib/Option.js';
import { type Observable, Subject, type Subscriber } from 'rxjs';
import { type LogPosition, parseId, type Room } from '../../protocol/position.js';
import type { Relay } from '../../rx/relay.js';
import type { ChannelEvent } from '../index.js';
import type { PlacedId, RawEvent } from './channel-events.js';

/** One open channel of a room. */
export interface OpenChannel {
  readonly raw$: Relay<RawEvent>;
  readonly out: Subscriber<ChannelEvent>;
}

export interface Channels {
  readonly has: (room: Room) => boolean;
  readonly rooms: () => readonly Room[];
  /** How many rooms have a channel. */
  readonly size: () => number;
  /** The position that the room has reached here; undefined before its channel is open. */
  readonly position: (room: Room) => LogPosition | undefined;
  readonly open: (room: Room, channel: OpenChannel) => void;
  readonly close: (room: Room, channel: OpenChannel) => void;
  /** The channel has reached this position. */
  readonly reached: (room: Room, channel: OpenChannel, position: LogPosition) => void;
  /** Whether the channel's position is checked against the log since the last subscription. */
  readonly synced: (channel: OpenChannel, isSynced: boolean) => void;
  /** Whether all channels are synced. Emits when that changes. */
  readonly allSynced$: Observable<boolean>;
  readonly send: (room: Room, event: RawEvent) => void;
  readonly sendToAll: (event: RawEvent) => void;
  /** The script placed messages with these ids. An empty list: it placed none, or the call has ended. */
  readonly placed: (room: Room, ids: readonly string[]) => void;
  /** Publishes with these ids were acked because their messages came on the room's channel. */
  readonly ackedByPush: (room: Room, ids: readonly string[]) => void;
  /** The number of members on other pods, for channels that have opened. */
  readonly count: (room: Room, others: number) => void;
}

interface Entry {
  readonly channels: Set<OpenChannel>;
  /** The channels that have a position. */
  readonly opened: Set<OpenChannel>;
  position: LogPosition | undefined;
}

export const openChannels = (): Channels => {
  const entries = new Map<Room, Entry>();
  const unsynced = new Set<OpenChannel>();
  const allSynced$ = new Subject<boolean>();

  const send = (room: Room, event: RawEvent): void => {
    for (const { raw$ } of [...(entries.get(room)?.channels ?? [])]) raw$.next(event);
  };

  return {
    has: (room) => entries.has(room),
    rooms: () => [...entries.keys()],
    size: () => entries.size,
    position: (room) => entries.get(room)?.position,
    open: (room, channel) => {
      const entry = entries.get(room);
      if (entry !== undefined) entry.channels.add(channel);
      else
        entries.set(room, {
          channels: new Set([channel]),
          opened: new Set(),
          position: undefined,
        });
    },
    close: (room, channel) => {
      const entry = entries.get(room);
      if (entry === undefined) return;
      entry.channels.delete(channel);
      entry.opened.delete(channel);
      if (entry.channels.size === 0) entries.delete(room);
    },
    reached: (room, channel, position) => {
      const entry = entries.get(room);
      if (entry === undefined) return;
      entry.position = position;
      entry.opened.add(channel);
    },
    synced: (channel, isSynced) => {
      const before = unsynced.size === 0;
      if (isSynced) unsynced.delete(channel);
      else unsynced.add(channel);
      const now = unsynced.size === 0;
      if (now !== before) allSynced$.next(now);
    },
    allSynced$: allSynced$.asObservable(),
    send,
    sendToAll: (event) => {
      for (const room of [...entries.keys()]) send(room, event);
    },
    placed: (room, ids) => {
      if (entries.has(room)) send(room, { _tag: 'Placed', ids: ids.flatMap(loggedId) });
    },
    ackedByPush: (room, ids) => send(room, { _tag: 'AckedByPush', ids: ids.flatMap(loggedId) }),
    count: (room, others) => {
      for (const { out } of entries.get(room)?.opened ?? []) out.next({ _tag: 'Counted', others });
    },
  };
};

/** The id of a message outside the log shows nothing about the log. */
const loggedId = (idText: string): readonly PlacedId[] => {
  const id = parseId(idText);
  return isSome(id) && !id.value.outside ? [{ id: id.value, idText }] : [];
};
