/**
 * A TCP proxy that fails on demand, between a pod and its Redis or between a client and its pod. Each link
 * has two directions, up (to the target) and down. Each direction has a fault of its own, which changes while
 * bytes flow, and which never reorders or loses bytes, except `Lost`, `Cut` and the faults of pushes. A
 * direction keeps a bounded number of bytes; then the proxy stops reading.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { framesOf } from './resp.js';

/** What happens to the bytes of one direction. */
export type Way =
  | { readonly _tag: 'Open' }
  | { readonly _tag: 'Delayed'; readonly ms: number }
  /**
   * A black hole: no byte and no end of a socket passes, and neither side is informed. When it is over,
   * everything passes.
   */
  | { readonly _tag: 'Stalled' }
  /** Bytes that come meanwhile never arrive. */
  | { readonly _tag: 'Lost' }
  /** A slow link. */
  | { readonly _tag: 'Trickle'; readonly bytesPerSecond: number }
  /** After this many bytes more, both ends see a reset. */
  | { readonly _tag: 'Cut'; readonly afterBytes: number }
  /** The bytes are of Redis: its pushes (pub/sub) are lost, its replies pass. */
  | { readonly _tag: 'PushesLost' }
  /** Each push comes a second time, this much later. */
  | { readonly _tag: 'PushesTwice'; readonly ms: number };

export interface Ways {
  readonly up?: Way;
  readonly down?: Way;
}

export interface Link {
  /** A direction that is not named stays as it is. */
  readonly set: (ways: Ways) => void;
  /** Both ends see a reset. */
  readonly reset: () => void;
  /** Sends FIN to the target, as if the client would send no more. The target may go on sending. */
  readonly halfClose: () => void;
  /** The port of the client. */
  readonly from: number;
}

export interface Proxy {
  readonly port: number;
  /** The links that are open now. */
  readonly links: () => readonly Link[];
  /** For all links, also later ones. */
  readonly set: (ways: Ways) => void;
  /** Ends all faults. */
  readonly heal: () => void;
  readonly reset: () => void;
  /** Stops listening: new connections are refused, open links stay. */
  readonly refuse: () => Promise<void>;
  readonly accept: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface ProxyOptions {
  /** Called for each link. */
  readonly to: () => number;
  /** The target is a Redis: its bytes are split into replies and pushes. */
  readonly redis?: boolean;
}

const HOST = '127.0.0.1';
const MAX_QUEUED = 1_048_576;
const TRICKLE_MS = 50;
export const OPEN: Way = { _tag: 'Open' };
export const STALLED: Way = { _tag: 'Stalled' };
export const LOST: Way = { _tag: 'Lost' };

export const proxy = async ({ to, redis = false }: ProxyOptions): Promise<Proxy> => {
  const links = new Set<Link>();
  let ways: Required<Ways> = { up: OPEN, down: OPEN };
  let server: Server | undefined;

  const accepted = (near: Socket): void => {
    const far = connect({ port: to(), host: HOST, allowHalfOpen: true, noDelay: true });
    const opened = link(near, far, redis, () => links.delete(opened));
    opened.set(ways);
    links.add(opened);
  };
  const listen = async (port: number): Promise<Server> => {
    const listening = createServer({ allowHalfOpen: true, noDelay: true }, accepted);
    listening.listen({ port, host: HOST, backlog: 4_096 });
    await once(listening, 'listening');
    return listening;
  };
  server = await listen(0);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  const set = (next: Ways): void => {
    ways = { ...ways, ...next };
    for (const each of links) each.set(next);
  };
  const reset = (): void => {
    for (const each of [...links]) each.reset();
  };
  const refuse = async (): Promise<void> => {
    const listening = server;
    server = undefined;
    // `close` calls back when the last link has ended; here only the end of listening matters
    listening?.close();
    await Promise.resolve();
  };
  return {
    port,
    links: () => [...links],
    set,
    heal: () => set({ up: OPEN, down: OPEN }),
    reset,
    refuse,
    accept: async () => {
      server ??= await listen(port);
    },
    stop: async () => {
      await refuse();
      reset();
    },
  };
};

const link = (near: Socket, far: Socket, redis: boolean, gone: () => void): Link => {
  const reset = (): void => {
    for (const socket of [near, far]) cutOff(socket);
    up.stop();
    down.stop();
    gone();
  };
  const up = way(near, far, false, reset);
  const down = way(far, near, redis, reset);
  near.once('close', () => {
    if (far.closed) gone();
  });
  far.once('close', () => {
    if (near.closed) gone();
  });
  return {
    set: (ways) => {
      if (ways.up !== undefined) up.set(ways.up);
      if (ways.down !== undefined) down.set(ways.down);
    },
    reset,
    halfClose: () => far.end(),
    from: near.remotePort ?? 0,
  };
};

/**
 * Sends only RST. `resetAndDestroy` sends FIN first, and a peer that has read it notices no reset. It is a
 * private flag of Node.
 */
const cutOff = (socket: Socket): void =>
  void Object.assign(socket, { resetAndClosing: true }).destroy();

/** Bytes, or the end of the sender. */
interface Item {
  readonly bytes: Buffer | 'end' | 'reset';
  readonly due: number;
}

interface Direction {
  readonly set: (way: Way) => void;
  readonly stop: () => void;
}

const way = (from: Socket, to: Socket, redis: boolean, reset: () => void): Direction => {
  let now: Way = OPEN;
  let queue: Item[] = [];
  let queued = 0;
  /** How many bytes may still pass before a `Cut`. */
  let left = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const repeats = new Set<NodeJS.Timeout>();
  const split = redis ? framesOf() : undefined;

  const take = (bytes: Item['bytes']): void => {
    if (now._tag === 'Lost') return;
    queue.push({ bytes, due: performance.now() + (now._tag === 'Delayed' ? now.ms : 0) });
    queued += typeof bytes === 'string' ? 0 : bytes.length;
  };

  const write = (bytes: Item['bytes']): void => {
    if (bytes === 'reset') return reset();
    if (bytes === 'end') {
      to.end();
      return;
    }
    const passing = bytes.subarray(0, left);
    left -= passing.length;
    if (!to.destroyed) to.write(passing);
    if (left <= 0) reset();
  };

  const wait = (ms: number): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      pump();
    }, ms);
  };

  const pump = (): void => {
    if (now._tag === 'Stalled' || ended) return;
    let allowed = now._tag === 'Trickle' ? trickleOf(now.bytesPerSecond) : Infinity;
    if (now._tag === 'Trickle' && timer !== undefined) return;
    while (allowed > 0) {
      const [head] = queue;
      if (head === undefined || to.writableNeedDrain) break;
      const ms = head.due - performance.now();
      if (ms > 0) return wait(ms);
      queue.shift();
      if (typeof head.bytes === 'string') {
        write(head.bytes);
        continue;
      }
      const passing = head.bytes.subarray(0, allowed);
      if (passing.length < head.bytes.length)
        queue.unshift({ ...head, bytes: head.bytes.subarray(passing.length) });
      allowed -= passing.length;
      queued -= passing.length;
      write(passing);
    }
    if (now._tag === 'Trickle' && queue.length > 0) wait(TRICKLE_MS);
    if (queued < MAX_QUEUED) from.resume();
  };

  from.on('data', (chunk: Buffer) => {
    if (split === undefined) take(chunk);
    else for (const frame of split(chunk)) pass(frame.bytes, frame.isPush);
    if (queued >= MAX_QUEUED) from.pause();
    pump();
  });
  const pass = (bytes: Buffer, isPush: boolean): void => {
    if (isPush && now._tag === 'PushesLost') return;
    take(bytes);
    if (!isPush || now._tag !== 'PushesTwice') return;
    const again = setTimeout(() => {
      repeats.delete(again);
      take(bytes);
      pump();
    }, now.ms);
    repeats.add(again);
  };
  from.on('end', () => {
    take('end');
    pump();
  });
  from.on('error', () => {
    take('reset');
    pump();
  });
  to.on('drain', pump);

  return {
    set: (next) => {
      now = next;
      left = next._tag === 'Cut' ? next.afterBytes : Number.POSITIVE_INFINITY;
      if (next._tag === 'Lost') {
        queue = [];
        queued = 0;
      }
      if (left <= 0) reset();
      else pump();
    },
    stop: () => {
      ended = true;
      clearTimeout(timer);
      for (const again of repeats) clearTimeout(again);
      queue = [];
    },
  };
};

const trickleOf = (bytesPerSecond: number): number =>
  Math.max(1, Math.round((bytesPerSecond * TRICKLE_MS) / 1_000));
