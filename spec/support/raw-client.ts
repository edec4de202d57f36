/**
 * A TCP socket that sends any bytes, and reads the answer: an HTTP answer, then frames (RFC 6455 §5.2). For
 * bytes that libraries refuse to send, and for readers that stop reading.
 */
import { once } from 'node:events';
import { connect as tcp, type Socket } from 'node:net';
import { asUser, newUser } from './credentials.js';
import { until } from './redis.js';

export interface Answer {
  readonly status: number;
  /** By name in lower case; when a name comes twice, the last value. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body, up to its Content-Length. */
  readonly body: string;
}

export interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface RawClient {
  readonly write: (bytes: string | Buffer) => void;
  /** The HTTP answer; throws when none comes. */
  readonly answer: (ms?: number) => Promise<Answer>;
  /** The frames so far. */
  readonly frames: () => readonly Frame[];
  /** The texts of text frames. */
  readonly texts: () => readonly string[];
  /** The code of the close frame, if one came. */
  readonly closeCode: () => number | undefined;
  /** Whether the server has ended the socket, in whichever way. */
  readonly isEnded: () => boolean;
  readonly ended: (ms?: number) => Promise<void>;
  /** Whether nothing can be sent any more. */
  readonly isClosed: () => boolean;
  /** All bytes so far, as text. */
  readonly text: () => string;
  /** Stops and begins to read. Unread bytes fill the kernel, then the server. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly destroy: () => void;
}

const HOST = '127.0.0.1';
const PATIENCE_MS = 5_000;

export interface RawOptions {
  /** Its own side stays open when the server has ended its side. */
  readonly allowHalfOpen?: boolean;
}

export const raw = async (port: number, options: RawOptions = {}): Promise<RawClient> => {
  const socket: Socket = tcp({ port, host: HOST, ...options });
  const chunks: Buffer[] = [];
  let read = Buffer.alloc(0);
  let ended = false;
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('end', () => (ended = true));
  socket.on('close', () => (ended = true));
  socket.on('error', () => (ended = true));
  await once(socket, 'connect');

  const bytes = (): Buffer => {
    if (chunks.length > 0) read = Buffer.concat([read, ...chunks.splice(0)]);
    return read;
  };
  const headEnd = (): number => bytes().indexOf('\r\n\r\n');

  const answer = async (ms = PATIENCE_MS): Promise<Answer> => {
    await until('an HTTP answer', () => headEnd() >= 0 || ended, ms);
    if (headEnd() < 0) throw new Error('ended without an HTTP answer');
    const [line = '', ...lines] = bytes().toString('latin1', 0, headEnd()).split('\r\n');
    const headers = new Map(
      lines.map((header) => {
        const [name = '', ...value] = header.split(':');
        return [name.toLowerCase(), value.join(':').trim()];
      }),
    );
    const start = headEnd() + 4;
    const length = Number(headers.get('content-length') ?? 0);
    await until('the body', () => bytes().length >= start + length || ended, ms);
    return {
      status: Number(line.split(' ')[1]),
      headers,
      body: bytes().toString('utf8', start, start + length),
    };
  };

  const frames = (): readonly Frame[] =>
    headEnd() < 0 ? [] : framesIn(bytes().subarray(headEnd() + 4));

  return {
    write: (data) => socket.write(data),
    answer,
    frames,
    texts: () =>
      frames().flatMap(({ opcode, payload }) => (opcode === 1 ? [payload.toString()] : [])),
    closeCode: () =>
      frames()
        .find(({ opcode }) => opcode === 8)
        ?.payload.readUInt16BE(0),
    isEnded: () => ended,
    ended: (ms = PATIENCE_MS) => until('the socket ended', () => ended, ms),
    isClosed: () => socket.destroyed,
    text: () => bytes().toString(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    destroy: () => socket.destroy(),
  };
};

const framesIn = (bytes: Buffer): readonly Frame[] => {
  const frames: Frame[] = [];
  let at = 0;
  while (bytes.length >= at + 2) {
    const [first = 0, second = 0] = bytes.subarray(at, at + 2);
    if ((second & 0x80) !== 0) throw new Error('a server masks nothing (RFC 6455 §5.1)');
    const short = second & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (bytes.length < at + 2 + extra) break;
    const length =
      extra === 2
        ? bytes.readUInt16BE(at + 2)
        : extra === 8
          ? Number(bytes.readBigUInt64BE(at + 2))
          : short;
    const start = at + 2 + extra;
    if (bytes.length < start + length) break;
    frames.push({
      fin: (first & 0x80) !== 0,
      opcode: first & 0x0f,
      payload: bytes.subarray(start, start + length),
    });
    at = start + length;
  }
  return frames;
};

export interface FrameOptions {
  readonly fin?: boolean;
  /** The reserved bits as one number, 4 is RSV1. */
  readonly rsv?: number;
  readonly masked?: boolean;
  /** The length in the header, in place of that of the payload. */
  readonly claims?: bigint;
}

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUATION = 0;
export const CLOSING = 8;
export const PING = 9;
export const PONG = 10;

/** A frame of a client. The mask is four zeros, so the payload is readable in it. */
export const frame = (
  opcode: number,
  payload: string | Buffer = '',
  { fin = true, rsv = 0, masked = true, claims }: FrameOptions = {},
): Buffer => {
  const body = Buffer.from(payload);
  const length = claims ?? BigInt(body.length);
  const size = length < 126n ? Number(length) : length < 65_536n ? 126 : 127;
  const extended = Buffer.alloc(size === 126 ? 2 : size === 127 ? 8 : 0);
  if (size === 126) extended.writeUInt16BE(Number(length));
  if (size === 127) extended.writeBigUInt64BE(length);
  const head = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode, (masked ? 0x80 : 0) | size]);
  return Buffer.concat([head, extended, Buffer.alloc(masked ? 4 : 0), body]);
};

export const closeFrame = (code: number, reason: string | Buffer = ''): Buffer => {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(CLOSING, Buffer.concat([payload, Buffer.from(reason)]));
};

/** The key of RFC 6455's own example. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/**
 * A valid handshake of a new user, except for the replaced headers; a header that is undefined is left out.
 */
export const handshakeOf = (
  path: string,
  headers: Readonly<Record<string, string | undefined>> = {},
  line = `GET ${path} HTTP/1.1`,
): string => {
  const all: Readonly<Record<string, string | undefined>> = {
    Host: HOST,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...asUser(newUser()),
    ...headers,
  };
  return `${line}\r\n${linesOf(all)}\r\n`;
};

/** Headers in the form of HTTP/1.1. */
export const linesOf = (headers: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(headers)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]))
    .join('');
