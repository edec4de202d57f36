/**
 * A connection of a user in a room with messages and in a room without. It notes when the last message came.
 */
import { WebSocket } from 'ws';
import { BASE } from '../../spec/support/pod.js';
import { until } from '../../spec/support/redis.js';
import { inSeconds, tokenOf } from '../../spec/support/tokens.js';

export interface Visitor {
  readonly pod: string;
  readonly user: string;
  /** Connects, also again, with a token that allows everything; resolves when it is in both rooms. */
  readonly enter: () => Promise<void>;
  /** Sends a `refresh` with these claims. */
  readonly refresh: (claims: object) => void;
  /** Whether it is in the room with messages; else how it ended: `left`, or a close code. */
  readonly standing: () => 'in' | 'left' | number;
  /** When the last message of that room came, as `performance.now()`. */
  readonly receivedAt: () => number;
  readonly publish: (text: string) => void;
  readonly go: () => void;
  /** Faults: a message after `left`, an error, or the end of the room that it may stay in. */
  readonly faults: readonly string[];
}

export interface VisitorOptions {
  readonly pod: string;
  readonly port: number;
  readonly user: string;
  readonly room: string;
}

/** The room without messages. */
export const LOBBY = 'lobby';

/** Where `chat` begins in a message of the service: parsing each message would cost more than all pods. */
const TYPE_AT = 53;
const CHAT = 'chat'.charCodeAt(0);
const ENTER_MS = 10_000;

interface ReceivedMessage {
  readonly type: string;
  readonly data?: { readonly event?: string; readonly room?: string; readonly message?: string };
}

export const visitor = ({ pod, port, user, room }: VisitorOptions): Visitor => {
  const faults: string[] = [];
  let socket: WebSocket | undefined;
  let receivedAt = 0;
  let standing: 'in' | 'left' | number = 'left';
  let isInLobby = false;

  const send = (message: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  const token = (claims: object): string =>
    tokenOf({ sub: user, exp: inSeconds(3_600), ...claims });

  const receive = (bytes: Buffer): void => {
    if (bytes[TYPE_AT] === CHAT) {
      receivedAt = performance.now();
      if (standing !== 'in') faults.push(`${user} on ${pod} heard somebody behind left`);
      return;
    }
    const { type, data = {} } = JSON.parse(bytes.toString()) as ReceivedMessage;
    if (type === 'error') faults.push(`${user} on ${pod} was told ${data.message}`);
    if (data.event === 'joined' && data.room === room) standing = 'in';
    if (data.event === 'joined' && data.room === LOBBY) isInLobby = true;
    if (data.event === 'left' && data.room === room) standing = 'left';
    if (data.event === 'left' && data.room === LOBBY)
      faults.push(`${user} on ${pod} lost a room that its token allows`);
  };

  const connect = (): void => {
    isInLobby = false;
    standing = 'left';
    const opening = new WebSocket(`ws://127.0.0.1:${port}${BASE}/ws/${room}`, {
      perMessageDeflate: false,
      headers: { Authorization: `Bearer ${token({})}` },
    });
    socket = opening;
    opening.on('open', () => send({ type: 'join', room: LOBBY }));
    // the first chat may come in the same bytes as `joined`, after it
    opening.on('message', receive);
    opening.on('error', (error) => faults.push(`${user} on ${pod}: ${error.message}`));
    opening.on('close', (code) => (standing = code));
  };

  return {
    pod,
    user,
    enter: async () => {
      if (socket?.readyState === WebSocket.OPEN) {
        send({ type: 'refresh', data: { token: token({}) } });
        send({ type: 'join', room });
      } else connect();
      await until(`${user} is in on ${pod}`, () => standing === 'in' && isInLobby, ENTER_MS);
    },
    refresh: (claims) => send({ type: 'refresh', data: { token: token(claims) } }),
    standing: () => standing,
    receivedAt: () => receivedAt,
    publish: (text) => send({ type: 'chat', room, data: text }),
    go: () => socket?.terminate(),
    faults,
  };
};
