/** One connection of the scripted server: the client's WebSocket, and the server's end of it. */
import type { SchedulerLike } from 'rxjs';
import type { WebSocketClass } from '../client/web-socket-class.js';

/** A frame of a client. */
export interface Frame {
  readonly type: string;
  readonly id?: unknown;
  readonly room?: string;
  readonly data?: unknown;
}

export interface ServerSocket {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly connectionId: string;
  /** The `last_id` of the URL. */
  readonly lastId: string | undefined;
  /** The rooms that are joined; the empty name is the global log. */
  readonly rooms: Set<string>;
  /** What the client has sent. */
  readonly frames: readonly Frame[];
  readonly isOpen: () => boolean;
  send(frame: object): void;
  /** Sends what was held back while the server was silent. */
  release(): void;
  end(code: number, reason: string): void;
}

type Listener = (event: {
  readonly data: unknown;
  readonly code: number;
  readonly reason: string;
}) => void;

/** The client's end. */
export interface ClientSocket {
  emit(type: string, event: { data?: unknown; code?: number; reason?: string }): void;
  /** Set by the server's end. */
  onSend: (text: string) => void;
  onClose: (code: number) => void;
}

export const socketClass = (
  made: (url: string, protocols: readonly string[], client: ClientSocket) => unknown,
): WebSocketClass =>
  class {
    readonly #listeners = new Map<string, Listener[]>();
    readonly #end: ClientSocket = {
      emit: (type, { data, code = 0, reason = '' }) => {
        for (const listener of this.#listeners.get(type) ?? []) listener({ data, code, reason });
      },
      onSend: () => undefined,
      onClose: () => undefined,
    };

    constructor(url: string, protocols: string[] = []) {
      made(url, protocols, this.#end);
    }

    addEventListener(type: string, listener: Listener): void {
      this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
    }

    send(text: string): void {
      this.#end.onSend(text);
    }

    close(code = 1000): void {
      this.#end.onClose(code);
    }
  };

export interface ServerSocketDeps {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly client: ClientSocket;
  readonly scheduler: SchedulerLike;
  readonly latencyMs: number;
  readonly number: number;
  readonly isSilent: () => boolean;
  readonly isUp: () => boolean;
  readonly accepted: (socket: ServerSocket) => void;
  readonly received: (socket: ServerSocket, frame: Frame) => void;
}

export const serverSocket = (deps: ServerSocketDeps): ServerSocket => {
  const { url, protocols, client, scheduler, latencyMs } = deps;
  const frames: Frame[] = [];
  let buffered: string[] = [];
  let state: 'connecting' | 'open' | 'ended' = 'connecting';
  /** The client has closed the open connection. */
  let isLeft = false;

  const later = (work: () => void): void => {
    scheduler.schedule(work, latencyMs);
  };
  const deliver = (data: string): void =>
    later(() => {
      if (state === 'open') client.emit('message', { data });
    });
  const socket: ServerSocket = {
    url,
    protocols,
    connectionId: `connection-${deps.number}`,
    lastId: new URL(url, 'ws://server').searchParams.get('last_id') ?? undefined,
    rooms: new Set(),
    frames,
    isOpen: () => state === 'open',
    send: (frame) => {
      const data = JSON.stringify(frame);
      // as on a stalled TCP connection: no frame is missing before a later one
      if (deps.isSilent()) buffered.push(data);
      else deliver(data);
    },
    release: () => {
      buffered.forEach(deliver);
      buffered = [];
    },
    end: (code, reason) => {
      if (state === 'ended') return;
      later(() => {
        if (state === 'ended') return;
        state = 'ended';
        client.emit('close', { code, reason });
      });
    },
  };
  client.onSend = (text) => {
    if (state !== 'open') return;
    later(() => {
      // as on TCP, what the client sent before its close still comes
      if (state !== 'open' && !isLeft) return;
      const frame: unknown = JSON.parse(text);
      if (!isFrame(frame)) return;
      frames.push(frame);
      deps.received(socket, frame);
    });
  };
  client.onClose = () => {
    isLeft = state === 'open';
    state = 'ended';
  };
  later(() => {
    if (state !== 'connecting') return;
    if (!deps.isUp()) {
      state = 'ended';
      return client.emit('close', { code: 1006, reason: '' });
    }
    state = 'open';
    client.emit('open', {});
    deps.accepted(socket);
  });
  return socket;
};

const isFrame = (value: unknown): value is Frame =>
  typeof value === 'object' && value !== null && 'type' in value;
