/**
 * A client's WebSocket in virtual time, with both ends: bytes arrive in order and after a delay, a reader may
 * stop, either side may disappear. A connection of the pod has the pod's end.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Clock } from '../../../lib/clock.js';
import { PlayedSocket, PlayedWebSocket, textsIn } from '../peer.js';
import { type Pipe, pipe } from '../pipe.js';

/** What a client gets from its socket. */
export interface LinkEvents {
  readonly text: (text: string) => void;
  /** The last event. Without a code the socket broke. */
  readonly closed: (code: number | undefined) => void;
}

export interface Link {
  readonly webSocket: WebSocket;
  readonly socket: Socket;
  readonly send: (text: string) => void;
  /** The client reads nothing until `read`, and so answers no pings. */
  readonly stall: () => void;
  readonly read: () => void;
  /** The client sends a close frame. */
  readonly close: () => void;
  /** The client's socket breaks, and both sides see it. */
  readonly cut: () => void;
  /** The client disappears: no FIN and no reset is sent. */
  readonly vanish: () => void;
  /** The pod's process has ended: its kernel resets the socket. */
  readonly reset: () => void;
}

export interface LinkOptions {
  readonly pod: Clock;
  readonly network: Clock;
  readonly delayMs: () => number;
  readonly events: LinkEvents;
}

/** A peer that does not answer a close within this is cut. */
const CLOSE_MS = 2_000;

class LinkedWebSocket extends PlayedWebSocket {
  constructor(
    pod: Clock,
    socket: PlayedSocket,
    private readonly down: (arrive: () => void) => void,
    private readonly far: {
      readonly closed: (code: number | undefined) => void;
      readonly pinged: () => void;
    },
  ) {
    super(pod, socket);
    this.mute = true;
  }

  override close(code: number, reason: string): void {
    if (this.closeFrame !== undefined || this.ended) return;
    super.close(code, reason);
    this.down(() => this.far.closed(code));
    this.clock.scheduler.schedule(() => this.terminate(), CLOSE_MS);
  }

  override terminate(): void {
    if (this.ended) return;
    this.clock.turn(() => {
      if (this.ended) return;
      this.end();
      this.down(() => this.far.closed(undefined));
    });
  }

  override ping(): void {
    super.ping();
    this.down(this.far.pinged);
  }
}

export const link = ({ pod, network, delayMs, events }: LinkOptions): Link => {
  /** What the client's kernel holds while it does not read. */
  let unread: (() => void)[] = [];
  let state: 'reading' | 'stalled' | 'gone' = 'reading';
  const up: Pipe = pipe({ clock: pod, delayMs });
  const down: Pipe = pipe({ clock: network, delayMs });
  const socket = new PlayedSocket(pod);

  const closed = (code: number | undefined): void => {
    if (state === 'gone') return;
    state = 'gone';
    events.closed(code);
    // the answer to a close, or the end of the socket
    up.send(() => webSocket.end());
  };

  const arrive = (work: () => void): void => {
    if (state === 'stalled') unread.push(work);
    else if (state === 'reading') work();
  };

  const receive = (texts: readonly string[]): void => {
    for (const text of texts) if (state === 'reading') events.text(text);
  };

  const webSocket = new LinkedWebSocket(pod, socket, (work) => down.send(() => arrive(work)), {
    closed,
    pinged: () =>
      up.send(() => {
        socket.bytesRead += 6;
      }),
  });
  socket.onTaken = (bytes) => {
    const texts = textsIn(bytes);
    down.send(() => arrive(() => receive(texts)));
  };

  return {
    webSocket: webSocket as unknown as WebSocket,
    socket: socket as unknown as Socket,
    send: (text) => up.send(() => webSocket.arrive(Buffer.from(text))),
    stall: () => {
      if (state !== 'reading') return;
      state = 'stalled';
      socket.stall();
    },
    read: () => {
      if (state !== 'stalled') return;
      state = 'reading';
      const waiting = unread;
      unread = [];
      for (const work of waiting) arrive(work);
      // the pod's kernel has free space again
      up.send(() => socket.takeAll());
    },
    close: () => closed(1000),
    cut: () => closed(undefined),
    vanish: () => {
      state = 'gone';
    },
    reset: () => {
      up.close();
      if (state === 'gone') return;
      network.scheduler.schedule(() => closed(undefined), network.random() * delayMs());
    },
  };
};
