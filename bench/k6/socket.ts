/** The module `k6/ws`: `connect` ends with its socket. */
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Tags } from './metrics.js';
import { guarded, Interrupted, type User } from './user.js';

type Listener = (value?: unknown) => unknown;

interface Params {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tags?: Tags;
}

interface Response {
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  readonly error: string;
}

/** The code that k6 closes with when none is said. */
const GOING_AWAY = 1_001;

const socketOf = (user: User, socket: WebSocket, tags: Tags) => {
  const listeners = new Map<string, Listener[]>();
  const timers: NodeJS.Timeout[] = [];
  const emit = (event: string, value?: unknown): void => {
    for (const listener of listeners.get(event) ?? []) guarded(user, () => listener(value));
  };
  const { metrics } = user;
  socket.on('message', (bytes: Buffer) => {
    metrics.metric('ws_msgs_received', 'counter').add(1, tags);
    emit('message', bytes.toString());
  });
  socket.on('ping', () => emit('ping'));
  socket.on('pong', () => emit('pong'));
  socket.on('error', (error) => emit('error', { error: () => error.message }));
  socket.on('close', (code) => {
    for (const timer of timers) clearTimeout(timer);
    emit('close', code);
  });
  return {
    emit,
    forScript: {
      on: (event: string, listener: Listener) => {
        listeners.set(event, [...(listeners.get(event) ?? []), listener]);
      },
      send: (text: string) => {
        metrics.metric('ws_msgs_sent', 'counter').add(1, tags);
        socket.send(text);
      },
      ping: () => socket.ping(),
      close: (code = GOING_AWAY) => socket.close(code),
      setTimeout: (work: () => unknown, ms: number) => {
        timers.push(setTimeout(() => guarded(user, work), ms));
      },
      setInterval: (work: () => unknown, ms: number) => {
        timers.push(setInterval(() => guarded(user, work), ms));
      },
    },
  };
};

export const socketModule = (user: User): Readonly<Record<string, unknown>> => {
  type Script = (socket: ReturnType<typeof socketOf>['forScript']) => unknown;

  const connect = (url: string, params: Params | null, script: Script): Promise<Response> =>
    new Promise((resolve, reject) => {
      if (user.signal.aborted) return reject(new Interrupted());
      const { headers = {}, tags: own = {} } = params ?? {};
      const tags = { ...user.tags, ...own };
      const began = performance.now();
      const socket = new WebSocket(url, { headers, perMessageDeflate: false });
      const cut = (): void => socket.terminate();
      user.signal.addEventListener('abort', cut, { once: true });
      let answer: Omit<Response, 'url'> = { status: 0, headers: {}, body: '', error: '' };
      socket.on('unexpected-response', (_request, response: IncomingMessage) => {
        const { statusCode = 0 } = response;
        answer = { ...answer, status: statusCode, error: `bad handshake: ${statusCode}` };
        response.resume();
        response.on('end', () => socket.terminate());
      });
      socket.on('error', ({ message }) => {
        if (answer.status === 0) answer = { ...answer, error: message };
      });
      socket.on('upgrade', (response) => {
        answer = { ...answer, status: 101, headers: response.headers };
      });
      socket.on('open', () => {
        user.metrics.metric('ws_sessions', 'counter').add(1, tags);
        const ms = performance.now() - began;
        user.metrics.metric('ws_connecting', 'trend', true).add(ms, tags);
        const { forScript, emit } = socketOf(user, socket, tags);
        guarded(user, () => script(forScript));
        emit('open');
      });
      socket.on('close', () => {
        user.signal.removeEventListener('abort', cut);
        const ms = performance.now() - began;
        if (answer.status === 101)
          user.metrics.metric('ws_session_duration', 'trend', true).add(ms, tags);
        if (user.signal.aborted) reject(new Interrupted());
        else resolve({ url, ...answer });
      });
    });

  return {
    connect: (url: string, ...rest: readonly [Script] | readonly [Params | null, Script]) =>
      rest.length === 1 ? connect(url, null, rest[0]) : connect(url, ...rest),
  };
};
