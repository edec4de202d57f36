/** The client as an application sees it. */
import { distinctUntilChanged, map, type Observable, takeWhile } from 'rxjs';
import type { Phase } from './phase.js';
import { type ConnectOptions, PUBLISH_TIMEOUT_MS, webSocketClass } from './options.js';
import { pageEvents } from './page.js';
import { platformClock } from './platform-clock.js';
import { type Room, type RoomOptions, rooms } from './room.js';
import { runner } from './runner.js';

/** What the connection does. */
export type Status =
  | { readonly _tag: 'Idle' }
  | { readonly _tag: 'Connecting' }
  | {
      readonly _tag: 'Live';
      readonly connectionId: string;
      readonly userId: string | null;
      readonly serverId: string;
      /** Messages reach the members on one pod only. */
      readonly degraded: boolean;
    }
  | { readonly _tag: 'Draining'; readonly serverId: string }
  /** `retryAt`: wall clock, Unix ms. */
  | { readonly _tag: 'Waiting'; readonly retryAt: number; readonly because: string }
  | { readonly _tag: 'Offline'; readonly because: 'offline' | 'frozen' }
  | { readonly _tag: 'Closed'; readonly code: number; readonly because: string };

export interface Chat {
  /** Replays the last status. Completes after `Closed`. */
  readonly status$: Observable<Status>;
  /** A room. Nothing is joined before somebody subscribes to one of its streams. */
  room<T = unknown>(name: string, options?: RoomOptions<T> | ((data: unknown) => T)): Room<T>;
  /** The global log, which every connection is in. */
  readonly global: Room;
  /** Closes the connection for good. Publishes without an ack reject with `closed`. */
  close(): void;
}

/** A client. Connects when a room is used first. */
export const connect = (options: ConnectOptions): Chat => {
  const { url, token, clock = platformClock, page$ = pageEvents() } = options;
  const run = runner({ url, token, WebSocket: webSocketClass(options), clock, page$ });
  const open = rooms({
    run,
    clock,
    timeoutMs: options.publishTimeoutMs ?? PUBLISH_TIMEOUT_MS,
  });
  return {
    status$: run.state$.pipe(
      map(({ link }) => link.phase),
      distinctUntilChanged(),
      map(statusOf),
      takeWhile(({ _tag }) => _tag !== 'Closed', true),
    ),
    room: (name, given = {}) => open(name, typeof given === 'function' ? { decode: given } : given),
    global: open('', {}),
    close: () => run.dispatch({ _tag: 'Close' }),
  };
};

const statusOf = (phase: Phase): Status => {
  switch (phase._tag) {
    case 'Connecting':
      return { _tag: 'Connecting' };
    case 'Live': {
      const { connectionId, userId, serverId } = phase.session;
      return { _tag: 'Live', connectionId, userId, serverId, degraded: phase.isDegraded };
    }
    case 'Draining':
      return { _tag: 'Draining', serverId: phase.session.serverId };
    default:
      return phase;
  }
};
