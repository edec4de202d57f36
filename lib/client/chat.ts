/** The client as an application sees it. */
import { closed } from './connections.js';
import { distinctUntilChanged, filter, map, type Observable } from './rx.js';
import type { ConnectOptions } from './options.js';
import { pageEvents } from './page.js';
import { platformClock } from './platform-clock.js';
import { type Room, type RoomOptions, rooms } from './room.js';
import { runner, type RunnerDeps } from './runner.js';
import { sharing } from './sharing.js';
import { type Status, statusOf } from './status.js';
import { tokensOf } from './token-requests.js';
import { type WebSocketClass, WHICH_CLASS } from './web-socket-class.js';

export interface Chat {
  /** Replays the last status. Completes after `Closed`. */
  readonly status$: Observable<Status>;
  /** A room. Nothing is joined before somebody subscribes to one of its streams, or publishes. */
  room<T = unknown>(name: string, options?: RoomOptions<T> | ((data: unknown) => T)): Room<T>;
  /** The global log, which every connection is in. */
  readonly global: Room;
  /** Closes the connection for good. Publishes without an ack reject with `closed`. */
  close(): void;
}

const platform: { readonly WebSocket?: WebSocketClass } = globalThis;

/** A client. It connects at the first use of a room. */
export const connect = (options: ConnectOptions): Chat => {
  const { url, token = () => '', clock = platformClock, page$ = pageEvents(), share } = options;
  const { WebSocket = platform.WebSocket } = options;
  if (!WebSocket) throw new TypeError(WHICH_CLASS);
  const token$ = tokensOf(token, clock, () => run.state$.pipe(filter(({ final }) => !!final)));
  const deps: RunnerDeps = {
    url,
    token$,
    open: (to, protocols) => new WebSocket(to, protocols),
    clock,
    page$,
  };
  const run = runner(share ? sharing(deps, options) : deps);
  const open = rooms(run, token$, options, clock);
  return {
    status$: run.state$.pipe(
      map(statusOf),
      distinctUntilChanged(Object.is, (status) => JSON.stringify(status)),
    ),
    room: (name, given = {}) => {
      const chosen = typeof given === 'function' ? { decode: given } : given;
      const { after } = chosen;
      if (!name || typeof name !== 'string' || (after && after.length !== 36))
        throw new TypeError('room: pass a name, or use chat.global; after: pass an id');
      return open(name, chosen);
    },
    global: open('', {}),
    close: () => run.dispatch(closed(1000, 'closed by close()')),
  };
};
