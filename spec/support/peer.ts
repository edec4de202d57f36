/**
 * A client in virtual time: the connection is real code, its WebSocket and socket are played. The messages
 * that it got are read from the bytes that were written to the socket.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { ANONYMOUS } from '../../lib/auth/from-config.js';
import type { Identity } from '../../lib/auth/index.js';
import type { Clock } from '../../lib/clock.js';
import type { Connection } from '../../lib/connection/connection.js';
import { connection } from '../../lib/connection/socket-connection.js';
import type { ConnectionDeps } from '../../lib/connection/state.js';
import type { Room } from '../../lib/protocol/position.js';
import { resumesOf } from '../../lib/protocol/resume.js';
import { newUser } from './credentials.js';

/** A message as a client gets it. */
export interface ReceivedMessage {
  readonly id: string;
  readonly type: string;
  readonly room?: string;
  readonly from: string;
  readonly data?: unknown;
  readonly timestamp: string;
}

/** A batch that several members share is decoded once. */
const read = new WeakMap<Buffer, readonly ReceivedMessage[]>();
const readTexts = new WeakMap<Buffer, readonly string[]>();

const framesIn = (bytes: Buffer): readonly ReceivedMessage[] => {
  const messages =
    read.get(bytes) ?? textsIn(bytes).map((text) => JSON.parse(text) as ReceivedMessage);
  read.set(bytes, messages);
  return messages;
};

/** The texts of the frames in some bytes. */
export const textsIn = (bytes: Buffer): readonly string[] => {
  const known = readTexts.get(bytes);
  if (known !== undefined) return known;
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const short = bytes[at + 1] ?? 0;
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    const payload = bytes.subarray(at + header, at + header + length);
    texts.push(payload.toString());
    at += header + length;
  }
  readTexts.set(bytes, texts);
  return texts;
};

/** A kernel that takes everything at once, or nothing while it stalls. */
export class PlayedSocket {
  writable = true;
  writableLength = 0;
  bytesRead = 0;
  readonly remoteAddress = '192.0.2.1';
  readonly chunks: Buffer[] = [];
  /** Called at each write. */
  onWrite: (() => void) | undefined;
  /** Gets what the kernel has taken, in order. */
  onTaken: ((bytes: Buffer) => void) | undefined;
  private stalled = false;
  private readonly waiting: { readonly bytes: Buffer; readonly taken: () => void }[] = [];

  constructor(private readonly clock: Clock) {}

  write(bytes: Buffer, taken: () => void): boolean {
    this.chunks.push(bytes);
    if (this.stalled) {
      this.writableLength += bytes.length;
      this.waiting.push({ bytes, taken });
    } else {
      this.clock.turn(taken);
      this.onTaken?.(bytes);
    }
    this.onWrite?.();
    return this.writableLength === 0;
  }

  stall(): void {
    this.stalled = true;
  }

  /** Takes everything that waits, and all later writes at once. */
  takeAll(): void {
    this.stalled = false;
    this.takeSome();
  }

  /** Takes everything that waits, and no later write. */
  takeSome(): void {
    this.writableLength = 0;
    for (const { bytes, taken } of this.waiting.splice(0)) {
      this.onTaken?.(bytes);
      taken();
    }
  }
}

/** The part of ws that a connection uses. */
export class PlayedWebSocket extends EventEmitter {
  isPaused = false;
  pings = 0;
  pauses = 0;
  /** The first close frame to the peer. */
  closeFrame: { readonly code: number; readonly reason: string } | undefined;
  ended = false;
  /** While true, it does not answer a close, like a peer that has disappeared. */
  mute = false;
  /** The private field of ws that `isMidMessage` reads. */
  _receiver = { _state: 0, _bufferedBytes: 0, _fragments: [], _fragmented: 0 };
  private readonly unread: Buffer[] = [];

  constructor(
    protected readonly clock: Clock,
    protected readonly socket: PlayedSocket,
  ) {
    super();
  }

  /** A frame arrives: it is read at once, or when the socket is read again. */
  arrive(frame: Buffer): void {
    if (this.ended) return;
    this.socket.bytesRead += frame.length + 6;
    if (this.isPaused) this.unread.push(frame);
    else this.emit('message', frame, false);
  }

  /** All frames in one read of the socket: those after a pause still come. */
  arriveTogether(frames: readonly Buffer[]): void {
    for (const frame of frames) {
      if (this.ended) return;
      this.socket.bytesRead += frame.length + 6;
      this.emit('message', frame, false);
    }
  }

  pause(): void {
    this.isPaused = true;
    this.pauses += 1;
  }

  resume(): void {
    this.isPaused = false;
    this.clock.turn(() => {
      while (!this.isPaused && !this.ended) {
        const frame = this.unread.shift();
        if (frame === undefined) return;
        this.emit('message', frame, false);
      }
    });
  }

  close(code: number, reason: string): void {
    if (this.closeFrame !== undefined || this.ended) return;
    this.closeFrame = { code, reason };
    if (!this.mute) this.clock.turn(() => this.end());
  }

  terminate(): void {
    this.clock.turn(() => this.end());
  }

  ping(): void {
    this.pings += 1;
  }

  /** The socket is closed, from whichever side. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.socket.writable = false;
    this.emit('close');
  }
}

export interface Peer {
  readonly connection: Connection;
  readonly webSocket: PlayedWebSocket;
  readonly socket: PlayedSocket;
  /** All messages that it got, in order. */
  received(): readonly ReceivedMessage[];
  /** The `data` of system messages, of one event or of all. */
  events(event?: string): readonly Readonly<Record<string, unknown>>[];
  /** The `data` of errors. */
  errors(): readonly Readonly<Record<string, unknown>>[];
  /** Chats of a room; '' is the global log. */
  chats(room: Room): readonly ReceivedMessage[];
  /** The data of these. */
  texts(room: Room): readonly unknown[];
  /** Presence messages of a room, as `name status`. */
  presence(room: Room): readonly string[];
  send(message: object | string): void;
  join(room: Room, id?: string): void;
  leave(room: Room, id?: string): void;
  chat(room: Room, data: unknown, id?: string): void;
  /** The peer disappears. */
  go(): void;
  /** The code with which the server closed the connection. */
  code(): number | undefined;
}

export interface PeerOptions {
  readonly userId?: string | null;
  readonly room?: Room;
  /** The query's `last_id`. */
  readonly lastId?: string;
  /** The rights of its token, and when it expires; by default all rights, for ever. */
  readonly limited?: Partial<Pick<Identity, 'rights' | 'expiresAt'>>;
}

export const peer = (
  deps: ConnectionDeps,
  clock: Clock,
  { userId = newUser(), room, lastId, limited }: PeerOptions = {},
): Peer => {
  const socket = new PlayedSocket(clock);
  const webSocket = new PlayedWebSocket(clock, socket);
  const identity = { ...ANONYMOUS, userId, ...limited };
  const admission = { identity, room, resumes: resumesOf(lastId ?? null) };
  const made = connection(deps)(
    webSocket as unknown as WebSocket,
    socket as unknown as Socket,
    admission,
  );
  const received = (): readonly ReceivedMessage[] => socket.chunks.flatMap(framesIn);
  const data = (message: ReceivedMessage): Readonly<Record<string, unknown>> =>
    message.data as Readonly<Record<string, unknown>>;
  const send = (message: object | string): void =>
    webSocket.arrive(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  return {
    connection: made,
    webSocket,
    socket,
    received,
    events: (event) =>
      received()
        .filter(({ type }) => type === 'system')
        .map(data)
        .filter((fields) => event === undefined || fields['event'] === event),
    errors: () =>
      received()
        .filter(({ type }) => type === 'error')
        .map(data),
    chats: (name) =>
      received().filter(({ type, room: of }) => type === 'chat' && (of ?? '') === name),
    texts: (name) =>
      received()
        .filter(({ type, room: of }) => type === 'chat' && (of ?? '') === name)
        .map((message) => message.data),
    presence: (name) =>
      received()
        .filter(({ type, room: of }) => type === 'presence' && of === name)
        .map((message) => {
          const presence = message.data as { readonly user_id: string; readonly status: string };
          return `${presence.user_id} ${presence.status}`;
        }),
    send,
    join: (name, id) => send({ type: 'join', room: name, id }),
    leave: (name, id) => send({ type: 'leave', room: name, id }),
    chat: (name, value, id) => send({ type: 'chat', room: name, data: value, id }),
    go: () => webSocket.end(),
    code: () => webSocket.closeFrame?.code,
  };
};
