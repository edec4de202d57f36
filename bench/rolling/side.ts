/** The three sides of `npm run rolling`, and the viewers of each in Node. The page does the same in `page.html`. */
import { createRequire } from 'node:module';
import { WebSocket } from 'ws';
import { type Chat, connect } from '../../lib/client/index.js';
import { BASE } from '../../spec/support/pod.js';

export type SideName = 'handover' | 'deaf' | 'socket.io';

/** A message: its number, and when it was published, Unix ms. */
export interface Numbered {
  readonly n: number;
  readonly at: number;
}

/** What one viewer has shown. */
export interface ViewerRecord {
  readonly numbers: number[];
  /** Unix ms. */
  readonly times: number[];
  /** How late the latest message was, ms. */
  late: number;
  /** How many gaps it got. */
  gaps: number;
  /** Connections. */
  opened: number;
  /** How many of them ended without a close frame: 1006. */
  cut: number;
}

export interface Viewer {
  readonly record: ViewerRecord;
  readonly publish: (message: Numbered) => Promise<unknown>;
  readonly stop: () => void;
}

/** The part of socket.io's client that is used here. */
interface SocketIo {
  readonly recovered: boolean;
  on(event: 'chat', listener: (message: Numbered) => void): void;
  on(event: 'connect', listener: () => void): void;
  emitWithAck(event: 'chat', message: Numbered): Promise<unknown>;
  close(): void;
}

interface SocketIoModule {
  readonly io: (url: string, options: object) => SocketIo;
}

const peers = createRequire(new URL('../peers/package.json', import.meta.url));

const newRecord = (): ViewerRecord => ({
  numbers: [],
  times: [],
  late: 0,
  gaps: 0,
  opened: 0,
  cut: 0,
});

const take = (record: ViewerRecord, { n, at }: Numbered): void => {
  const now = Date.now();
  record.numbers.push(n);
  record.times.push(now);
  record.late = Math.max(record.late, now - at);
};

const chatViewer = (port: number, isDeaf: boolean): Viewer => {
  const record = newRecord();
  class Counted extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols, { perMessageDeflate: false });
      this.on('error', () => undefined);
      this.on('close', (code) => {
        if (code === 1006) record.cut++;
      });
      record.opened++;
    }

    // the same client, which does not receive `draining`, makes no handover
    override emit(name: string | symbol, ...args: readonly unknown[]): boolean {
      const isDraining =
        isDeaf && name === 'message' && String(args[0]).includes('"event":"draining"');
      return isDraining || super.emit(name, ...args);
    }
  }
  const chat: Chat = connect({ url: `ws://127.0.0.1:${port}${BASE}/ws`, WebSocket: Counted });
  const room = chat.room<Numbered>('general');
  room.gap$.subscribe(() => record.gaps++);
  room.message$.subscribe(({ data }) => take(record, data));
  return { record, publish: (message) => room.publish(message), stop: () => chat.close() };
};

const socketIoViewer = (port: number): Viewer => {
  const { io } = peers('socket.io-client') as SocketIoModule;
  const record = newRecord();
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true });
  socket.on('connect', () => {
    // a connection that is not recovered is marked so: messages are missing
    if (record.opened++ > 0 && !socket.recovered) record.gaps++;
  });
  socket.on('chat', (message) => take(record, message));
  return {
    record,
    publish: (message) => socket.emitWithAck('chat', message),
    stop: () => socket.close(),
  };
};

export const viewer = (side: SideName, port: number): Viewer =>
  side === 'socket.io' ? socketIoViewer(port) : chatViewer(port, side === 'deaf');

export interface Verdict {
  readonly missing: number;
  readonly twice: number;
  /** How often a number was followed by a smaller one, repeats aside. */
  readonly disordered: number;
  readonly gaps: number;
  readonly opened: number;
  readonly cut: number;
  readonly silenceMs: number;
  readonly lateMs: number;
}

/** From the first message that the viewer has shown to the last one that was published. */
export const verdictOf = (record: ViewerRecord, published: number): Verdict => {
  const { numbers, times, late, gaps, opened, cut } = record;
  const [first = 0] = numbers;
  const seen = new Set(numbers);
  const after = (list: readonly number[], is: (now: number, before: number) => boolean): number =>
    list.slice(1).filter((now, i) => is(now, list[i] ?? 0)).length;
  return {
    missing: published - first - seen.size,
    twice: numbers.length - seen.size,
    disordered: after([...seen], (now, before) => now < before),
    gaps,
    opened,
    cut,
    silenceMs: times.slice(1).reduce((most, at, i) => Math.max(most, at - (times[i] ?? at)), 0),
    lateMs: late,
  };
};
