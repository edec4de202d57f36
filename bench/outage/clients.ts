/**
 * A process of `npm run outage`: many clients of the library, each in one room, through nginx. It notes each try and
 * each time that a client is live again, and judges what each client's `message$` showed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { connect } from '../../lib/client/index.js';
import type { Room } from '../../lib/protocol/position.js';
import { BASE } from '../../spec/support/pod.js';

export type Order =
  | {
      readonly _tag: 'Connect';
      readonly port: number;
      readonly rooms: readonly Room[];
      readonly clients: number;
      readonly perSecond: number;
    }
  /** From now on tries are noted, and the next `Live` of each client. */
  | { readonly _tag: 'Watch' }
  | { readonly _tag: 'Report' }
  /** How many messages each room has had. */
  | { readonly _tag: 'Judge'; readonly published: Readonly<Record<Room, number>> };

export type Answer =
  | { readonly _tag: 'Joined' }
  /** Unix ms of each. */
  | {
      readonly _tag: 'Reported';
      readonly tries: readonly number[];
      readonly lives: readonly number[];
      readonly joins: readonly number[];
      readonly statuses: Readonly<Record<string, number>>;
    }
  | {
      readonly _tag: 'Judged';
      readonly missing: number;
      readonly twice: number;
      readonly disordered: number;
      readonly gaps: number;
      readonly shown: number;
    };

interface Member {
  readonly room: Room;
  readonly numbers: number[];
  gaps: number;
  isJoined: boolean;
  status: string;
  liveAt: number;
  joinedAt: number;
}

const tries: number[] = [];
const members: Member[] = [];
let isWatching = false;

class Counted extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols, { perMessageDeflate: false });
    this.on('error', () => undefined);
    if (isWatching) tries.push(Date.now());
  }
}

const member = (port: number, name: Room): Member => {
  const one: Member = {
    room: name,
    numbers: [],
    gaps: 0,
    isJoined: false,
    status: '',
    liveAt: 0,
    joinedAt: 0,
  };
  const chat = connect({ url: `ws://127.0.0.1:${port}${BASE}/ws`, WebSocket: Counted });
  chat.status$.subscribe(({ _tag }) => {
    one.status = _tag;
    if (isWatching && _tag === 'Live' && one.liveAt === 0) one.liveAt = Date.now();
  });
  const room = chat.room<number>(name);
  room.message$.subscribe(({ data }) => one.numbers.push(data));
  room.gap$.subscribe(() => one.gaps++);
  room.event$.subscribe(({ _tag }) => {
    if (_tag !== 'Joined') return;
    one.isJoined = true;
    if (isWatching && one.joinedAt === 0) one.joinedAt = Date.now();
  });
  return one;
};

const answer = (what: Answer): void => {
  process.send?.(what);
};

const handle = async (order: Order): Promise<void> => {
  switch (order._tag) {
    case 'Connect': {
      const { port, rooms, clients, perSecond } = order;
      const from = performance.now();
      for (let i = 0; i < clients; i++) {
        members.push(member(port, rooms[i % rooms.length] ?? ''));
        const due = from + (i * 1_000) / perSecond - performance.now();
        if (due > 10) await sleep(due);
      }
      while (!members.every(({ isJoined }) => isJoined)) await sleep(50);
      answer({ _tag: 'Joined' });
      return;
    }
    case 'Watch':
      isWatching = true;
      return;
    case 'Report': {
      const statuses: Record<string, number> = {};
      for (const { status } of members) statuses[status] = (statuses[status] ?? 0) + 1;
      answer({
        _tag: 'Reported',
        tries,
        lives: members.map(({ liveAt }) => liveAt).filter((at) => at > 0),
        joins: members.map(({ joinedAt }) => joinedAt).filter((at) => at > 0),
        statuses,
      });
      return;
    }
    case 'Judge': {
      const sum = (of: (one: Member) => number): number =>
        members.reduce((total, one) => total + of(one), 0);
      answer({
        _tag: 'Judged',
        missing: sum(({ room, numbers }) => (order.published[room] ?? 0) - new Set(numbers).size),
        twice: sum(({ numbers }) => numbers.length - new Set(numbers).size),
        disordered: sum(
          ({ numbers }) => numbers.filter((n, i) => n < (numbers[i - 1] ?? 0)).length,
        ),
        gaps: sum(({ gaps }) => gaps),
        shown: sum(({ numbers }) => numbers.length),
      });
    }
  }
};

process.on('message', (order: Order) => void handle(order));
