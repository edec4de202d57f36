/**
 * A WebSocket that can be broken on purpose. To the client it looks as a lost network does: the socket ends
 * with 1006, and no new one can be opened until the line is mended; then the client tries at once. The server
 * sees the socket end at once; a network that is really lost shows the server nothing for up to a minute.
 */

interface Event {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
}

type Listener = (event: Event) => void;

/** The part of a WebSocket that is used here. */
export interface Socket {
  send(data: string): void;
  close(code?: number): void;
  addEventListener(type: string, listener: Listener): void;
}

export interface Line {
  /** For `connect`. */
  readonly WebSocket: new (
    url: string,
    protocols?: string[],
  ) => object;
  readonly isBroken: () => boolean;
  readonly break: () => void;
  readonly mend: () => void;
}

const TYPES = ['open', 'message', 'error', 'close'];

export const line = (
  open: (url: string, protocols?: string[]) => Socket,
  later: (work: () => void) => void,
  /** The line is mended: the client has no need to wait for its next try. */
  onMended: () => void,
): Line => {
  let isBroken = false;
  const sockets = new Set<LineSocket>();

  class LineSocket {
    readonly #listeners: { readonly type: string; readonly listener: Listener }[] = [];
    #socket: Socket | undefined;

    constructor(url: string, protocols?: string[]) {
      sockets.add(this);
      // the listeners are added after the constructor
      if (isBroken) later(() => this.cut());
      else this.#through(open(url, protocols));
    }

    #through(socket: Socket): void {
      this.#socket = socket;
      for (const type of TYPES)
        socket.addEventListener(type, (event) => {
          // after a cut nothing of this socket arrives
          if (!sockets.has(this)) return;
          if (type === 'close') sockets.delete(this);
          this.#emit(type, event);
        });
    }

    #emit(type: string, event: Event): void {
      for (const one of this.#listeners) if (one.type === type) one.listener(event);
    }

    addEventListener(type: string, listener: Listener): void {
      this.#listeners.push({ type, listener });
    }

    send(data: string): void {
      if (sockets.has(this)) this.#socket?.send(data);
    }

    close(code?: number): void {
      this.#socket?.close(code);
    }

    cut(): void {
      if (!sockets.delete(this)) return;
      this.#socket?.close();
      this.#emit('close', { code: 1006, reason: '' });
    }
  }

  return {
    WebSocket: LineSocket,
    isBroken: () => isBroken,
    break: () => {
      isBroken = true;
      for (const socket of [...sockets]) socket.cut();
    },
    mend: () => {
      isBroken = false;
      onMended();
    },
  };
};
