/**
 * A client over `ws` that sends only what a library sends. It keeps all messages that it got, and waits for a
 * message with a time limit. Everything that a library refuses to send is sent by `raw-client.ts`.
 */
import { isNone } from 'fp-ts/lib/Option.js';
import { EventEmitter, once } from 'node:events';
import { WebSocket } from 'ws';
import { type MessageId, parseId } from '../../lib/index.js';
import { asUser, newUser } from './credentials.js';

/** A message as the client got it. */
export interface Message {
  readonly id: string;
  readonly type: string;
  readonly room?: string;
  readonly from: string;
  readonly data?: unknown;
  readonly timestamp: string;
}

/** The parts of a message's id. */
export const positionOf = ({ id }: Message): MessageId => {
  const read = parseId(id);
  if (isNone(read)) throw new Error(`no UUIDv7: ${id}`);
  return read.value;
};

export const offsetOf = (message: Message): number => positionOf(message).offset;

/**
 * What a message must have: fields that are not named do not matter, a field that is undefined must be
 * absent, a RegExp is matched with a text.
 */
export type Pattern = Readonly<Record<string, unknown>>;

export interface Client {
  /** The `connection_id` of `welcome`. */
  readonly id: string;
  /** The user id; null where no token is required. */
  readonly userId: string | null;
  /** The `from` of its messages: the user id, else the connection id. */
  readonly name: string;
  /** All messages that it got, in order. */
  readonly messages: readonly Message[];
  /** All messages that match. */
  readonly all: (pattern: Pattern) => readonly Message[];
  /** Waits for the first message that matches and was not returned before. Throws when none comes. */
  readonly received: (pattern: Pattern, ms?: number) => Promise<Message>;
  /** An object becomes JSON; text and bytes are sent as they are. */
  readonly send: (message: object | string) => void;
  /** Resolves when everything that the server has sent so far has arrived. */
  readonly caughtUp: () => Promise<void>;
  /** Begins to close and waits for the end. */
  readonly close: (code?: number) => Promise<number>;
  /** The close code once the socket has ended; throws when it does not end. */
  readonly closed: (ms?: number) => Promise<number>;
  readonly socket: WebSocket;
}

export interface ConnectOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  /** A client of the same user. */
  readonly as?: Client;
}

const PATIENCE_MS = 5_000;

/** Connects, and waits for `welcome` and for a `joined` of each log that the URL names. */
export const connect = async (url: string, options: ConnectOptions = {}): Promise<Client> => {
  const { headers, protocols = [], as } = options;
  const isKnown = /[?&]token=/.test(url) || protocols.some((offer) => offer.startsWith('bearer.'));
  const socket = new WebSocket(url, [...protocols], {
    headers: isKnown ? { ...headers } : asUser(as === undefined ? newUser() : as.userId, headers),
    perMessageDeflate: false,
  });
  const messages: Message[] = [];
  const taken = new Set<Message>();
  let code: number | undefined;
  const news = new EventEmitter().setMaxListeners(0);
  socket.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString()) as Message);
    news.emit('news');
  });
  socket.on('close', (why) => {
    code = why;
    news.emit('news');
  });
  await once(socket, 'open');
  // when the server cuts the connection, that is no error of the client
  socket.on('error', () => undefined);

  /** Calls `look` now and after each message; undefined when it finds nothing in time. */
  const seen = async <A>(look: () => A | undefined, ms: number): Promise<A | undefined> => {
    const signal = AbortSignal.timeout(ms);
    for (;;) {
      const found = look();
      if (found !== undefined || signal.aborted) return found;
      await once(news, 'news', { signal }).catch(() => undefined);
    }
  };

  const closed = async (ms = PATIENCE_MS): Promise<number> => {
    const why = await seen(() => code, ms);
    if (why === undefined) throw new Error(`not closed within ${ms} ms`);
    return why;
  };

  const received = async (pattern: Pattern, ms = PATIENCE_MS): Promise<Message> => {
    const found = await seen(
      () => messages.find((message) => !taken.has(message) && matches(message, pattern)),
      ms,
    );
    if (found === undefined) {
      const last = messages.slice(-10).map((message) => JSON.stringify(message).slice(0, 300));
      const end = code === undefined ? '' : `, closed with ${code}`;
      throw new Error(
        `not heard within ${ms} ms: ${JSON.stringify(pattern)}; ${messages.length} messages${end}, the last:\n${last.join('\n')}`,
      );
    }
    taken.add(found);
    return found;
  };

  const welcome = await received({ type: 'system', data: { event: 'welcome' } });
  const { connection_id: id, user_id: userId } = welcome.data as {
    readonly connection_id: string;
    readonly user_id: string | null;
  };
  await received({ data: { event: 'joined', room: undefined } });
  const { pathname, searchParams } = new URL(url);
  const room = searchParams.get('room') ?? /\/ws\/(.+)$/.exec(pathname)?.[1];
  if (room !== undefined && room !== '')
    await received({ data: { event: 'joined', room: decodeURIComponent(room) } });

  const send = (message: object | string): void =>
    socket.send(
      typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
    );

  let rounds = 0;
  return {
    id,
    userId,
    name: userId ?? id,
    messages,
    socket,
    all: (pattern) => messages.filter((message) => matches(message, pattern)),
    received,
    send,
    caughtUp: async () => {
      const data = `round ${++rounds}`;
      send({ type: 'ping', data });
      await received({ type: 'pong', data });
    },
    close: (why = 1000) => {
      socket.close(why);
      return closed();
    },
    closed,
  };
};

const matches = (value: unknown, pattern: unknown): boolean => {
  if (pattern instanceof RegExp) return typeof value === 'string' && pattern.test(value);
  if (typeof pattern !== 'object' || pattern === null) return Object.is(value, pattern);
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return Object.entries(pattern).every(([key, wanted]) => matches(fields.get(key), wanted));
};
