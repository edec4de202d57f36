/**
 * A process of clients that all resume at once. It uses sockets without a library: 5,000 handshakes of a
 * library would take the second core from the pods. `bench/herd.ts` sends it orders, and gets its results.
 */
import { connect, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import { idOf } from '../../spec/support/invariants/frame.js';
import { frame, handshakeOf, PONG } from '../../spec/support/raw-client.js';

/** Where a client resumes: an id of its room and one of the global log. */
export interface Origin {
  readonly room: Room;
  readonly roomId: string;
  readonly globalId: string;
}

export type Order =
  | {
      readonly _tag: 'Prepare';
      readonly ports: readonly number[];
      readonly origins: readonly Origin[];
    }
  | { readonly _tag: 'Go' }
  /** The positions of the logs at the end: a client that has not reached them misses messages. */
  | { readonly _tag: 'Judge'; readonly tops: Readonly<Record<Room, number>> };

export type Answer =
  | { readonly _tag: 'Prepared' }
  | { readonly _tag: 'Joined'; readonly times: readonly number[]; readonly failed: number }
  | {
      readonly _tag: 'Judged';
      readonly gaps: number;
      readonly missing: number;
      readonly twice: number;
      readonly replayed: number;
      readonly live: number;
      readonly closed: number;
      readonly refused: number;
      readonly lateMs: number;
    };

interface Sheep {
  readonly origin: Origin;
  readonly port: number;
  readonly positions: Map<Room, { tag: number; offset: number }>;
  startedAt: number;
  joinedAt: number;
  socket: Socket | undefined;
}

const HOST = '127.0.0.1';
const BASE = '/api/chat-api/ws';
const PATIENCE_MS = 60_000;
/** How many are opened in one turn of the event loop. */
const AT_ONCE = 50;

const counts = { gaps: 0, missing: 0, twice: 0, replayed: 0, live: 0, closed: 0, refused: 0 };
const lag = monitorEventLoopDelay({ resolution: 10 });
let flock: readonly Sheep[] = [];
let ending = false;

const positionOf = (idText: string): { tag: number; offset: number } => {
  const { tag = 0, offset = 0 } = idOf(idText) ?? {};
  return { tag, offset };
};

const receive = (sheep: Sheep, text: string): void => {
  const id = idOf(text.slice(7, 43));
  if (id === undefined) return;
  const room = id.global ? GLOBAL : sheep.origin.room;
  if (text.startsWith('"type":"system"', 45)) {
    if (text.includes('"event":"gap"')) {
      counts.gaps++;
      sheep.positions.set(room, { tag: id.tag, offset: id.offset });
    } else if (text.includes('"event":"joined"') && !id.global && sheep.joinedAt === 0)
      sheep.joinedAt = performance.now();
    return;
  }
  if (id.outside) return;
  const position = sheep.positions.get(room);
  if (position?.tag !== id.tag) {
    counts.missing++;
    return;
  }
  if (id.offset <= position.offset) counts.twice++;
  else {
    counts.missing += id.offset - position.offset - 1;
    position.offset = id.offset;
  }
  if (sheep.joinedAt === 0) counts.replayed++;
  else counts.live++;
};

/** Frames of a server: not masked, not fragmented. */
const framesIn = (bytes: Buffer, each: (opcode: number, payload: Buffer) => void): Buffer => {
  let at = 0;
  while (bytes.length >= at + 2) {
    const [first = 0, short = 0] = [bytes[at], bytes[at + 1]];
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (bytes.length < at + 2 + extra) break;
    const length =
      extra === 0
        ? short
        : extra === 2
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    const start = at + 2 + extra;
    if (bytes.length < start + length) break;
    each(first & 0x0f, bytes.subarray(start, start + length));
    at = start + length;
  }
  return bytes.subarray(at);
};

const run = (sheep: Sheep): void => {
  const { origin, port } = sheep;
  sheep.startedAt = performance.now();
  const socket = connect({ port, host: HOST });
  sheep.socket = socket;
  let rest: Buffer = Buffer.alloc(0);
  let isOpen = false;
  socket.write(handshakeOf(`${BASE}/${origin.room}?last_id=${origin.roomId},${origin.globalId}`));
  socket.on('data', (chunk: Buffer) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        rest = bytes;
        return;
      }
      isOpen = bytes.toString('latin1', 9, 12) === '101';
      if (!isOpen) {
        counts.refused++;
        socket.destroy();
        return;
      }
      bytes = bytes.subarray(end + 4);
    }
    rest = framesIn(bytes, (opcode, payload) => {
      if (opcode === 1) receive(sheep, payload.toString('latin1'));
      else if (opcode === 9) socket.write(frame(PONG, payload));
    });
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (!ending) counts.closed++;
  });
};

const answer = (what: Answer): void => {
  process.send?.(what);
};

const go = async (): Promise<void> => {
  lag.enable();
  for (const [i, sheep] of flock.entries()) {
    run(sheep);
    if (i % AT_ONCE === AT_ONCE - 1) await new Promise(setImmediate);
  }
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end && flock.some(({ joinedAt }) => joinedAt === 0)) await sleep(20);
  const joined = flock.filter(({ joinedAt }) => joinedAt > 0);
  lag.disable();
  answer({
    _tag: 'Joined',
    times: joined.map(({ joinedAt, startedAt }) => joinedAt - startedAt),
    failed: flock.length - joined.length,
  });
};

const judge = (tops: Readonly<Record<Room, number>>): void => {
  for (const { positions } of flock)
    for (const [room, { offset }] of positions)
      counts.missing += Math.max(0, (tops[room] ?? 0) - offset);
  ending = true;
  answer({ _tag: 'Judged', ...counts, lateMs: lag.percentile(99) / 1e6 });
  for (const { socket } of flock) socket?.destroy();
  process.disconnect();
};

process.on('message', (order: Order) => {
  switch (order._tag) {
    case 'Prepare':
      flock = order.origins.map((origin, i) => ({
        origin,
        port: order.ports[i % order.ports.length] ?? 0,
        positions: new Map([
          [origin.room, positionOf(origin.roomId)],
          [GLOBAL, positionOf(origin.globalId)],
        ]),
        startedAt: 0,
        joinedAt: 0,
        socket: undefined,
      }));
      return answer({ _tag: 'Prepared' });
    case 'Go':
      return void go();
    case 'Judge':
      return judge(order.tops);
  }
});
