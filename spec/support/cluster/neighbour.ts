/**
 * A program that may publish on the channels of rooms and do nothing else, and that is malicious or broken:
 * it forges positions, epochs and times, repeats messages, and sends payloads that are no messages. Whatever
 * it does, members get its messages as those of another program or not at all, and messages of the pods are
 * not affected.
 */
import { channelOf } from '../../../lib/broker/redis/port.js';
import {
  formatId,
  GLOBAL,
  type MessageId,
  type Room,
  type LogPosition,
} from '../../../lib/protocol/position.js';
import { type ModelRedis } from '../model-redis-port.js';
import type { VirtualClock } from '../virtual-clock.js';

export interface NeighbourOptions {
  readonly clock: VirtualClock;
  readonly redis: ModelRedis;
  readonly rooms: readonly Room[];
  /** Called with each id that it forges. */
  readonly forged: (idText: string) => void;
  readonly note: (text: () => string) => void;
}

export interface Neighbour {
  /** Publishes one payload. */
  readonly speak: () => void;
  /** How often it did each of its tricks. */
  readonly spoke: ReadonlyMap<string, number>;
}

interface Trick {
  readonly name: string;
  /** The id that it writes, given the position of the log. */
  readonly id: (top: LogPosition, random: () => number) => Partial<MessageId>;
  readonly type?: string;
  readonly more?: string;
}

const HOUR_MS = 3_600_000;
const upTo = (random: () => number, most: number): number => 1 + Math.floor(random() * most);

const TRICKS: readonly Trick[] = [
  { name: 'the next place', id: ({ offset }) => ({ offset: offset + 1 }) },
  {
    name: 'the next place, in the future',
    id: ({ offset, ms }) => ({ offset: offset + 1, ms: ms + HOUR_MS }),
  },
  {
    name: 'a place further on',
    id: ({ offset }, random) => ({ offset: offset + upTo(random, 900) }),
  },
  {
    name: 'a place that another has',
    id: ({ offset }, random) => ({ offset: Math.max(1, offset - upTo(random, 5) + 1) }),
  },
  {
    name: 'a place that another has, in the future',
    id: ({ offset, ms }, random) => ({
      offset: Math.max(1, offset - upTo(random, 5) + 1),
      ms: ms + HOUR_MS,
    }),
  },
  { name: 'another epoch', id: ({ tag }) => ({ tag: (tag % 4_095) + 1, offset: 1 }) },
  {
    name: 'an id of its own',
    id: (_, random) => ({ tag: upTo(random, 4_095), offset: upTo(random, 2 ** 40 - 1) }),
    more: ',"ref":"forged","z":[[[]]]',
  },
  {
    name: 'presence, in the future',
    id: ({ ms }) => ({ outside: true, ms: ms + HOUR_MS }),
    type: 'presence',
  },
  {
    name: 'presence, further on',
    id: ({ offset }, random) => ({ outside: true, offset: offset + upTo(random, 900) }),
    type: 'presence',
  },
  {
    name: 'presence of another epoch',
    id: ({ tag }) => ({ outside: true, tag: (tag % 4_095) + 1 }),
    type: 'presence',
  },
  { name: 'chat outside the log', id: () => ({ outside: true }) },
  { name: 'an event of the server', id: () => ({ outside: true }), type: 'system' },
];

const GARBAGE = ['', 'null', '[]', '{"id":1}', '{"id":"\ud800"', '['.repeat(9_000)];

/** All its tricks, so that a spec can check that each was used. */
export const TRICK_NAMES: readonly string[] = [
  ...TRICKS.map(({ name }) => name),
  'what was said, again',
  'garbage',
];

export const neighbour = (options: NeighbourOptions): Neighbour => {
  const { clock, redis, rooms, forged, note } = options;
  const { random } = clock;
  const spoke = new Map<string, number>();
  let count = 0;

  const send = (name: string, room: Room, text: string): void => {
    if (!redis.isUp()) return;
    spoke.set(name, (spoke.get(name) ?? 0) + 1);
    note(() => `a neighbour says in ${room}: ${name}: ${text.slice(0, 200)}`);
    redis.run(() => void redis.send(channelOf(room), Buffer.from(text)));
  };

  const forge = (
    room: Room,
    top: LogPosition,
    { name, id, type = 'chat', more = '' }: Trick,
  ): void => {
    count += 1;
    const nonce = Math.floor(random() * 0x100000);
    const made: MessageId = {
      ...top,
      global: room === GLOBAL,
      outside: false,
      nonce,
      ...id(top, random),
    };
    const idText = formatId(made);
    forged(idText);
    const named = room === GLOBAL ? '' : `"room":"${room}",`;
    const data = type === 'system' ? '{"event":"draining"}' : `{"status":"away","forged":${count}}`;
    send(
      name,
      room,
      `{"id":"${idText}","type":"${type}",${named}"from":"neighbour","data":${data},"timestamp":"2026-01-15T10:30:00.123Z"${more}}`,
    );
  };

  return {
    spoke,
    speak: () => {
      const room = random() < 0.1 ? GLOBAL : rooms[Math.floor(random() * rooms.length)];
      const top = room === undefined ? undefined : redis.position(room);
      if (room === undefined || top === undefined) return;
      const drawn = Math.floor(random() * (TRICKS.length + 2));
      const trick = TRICKS[drawn];
      if (trick !== undefined) return forge(room, top, trick);
      if (drawn === TRICKS.length)
        return send('garbage', room, GARBAGE[Math.floor(random() * GARBAGE.length)] ?? '');
      const texts = redis.texts(room);
      const text = texts[texts.length - upTo(random, Math.min(200, texts.length))];
      if (text !== undefined) send('what was said, again', room, text);
    },
  };
};
