/**
 * A browser in virtual time: tabs with an event loop of their own, which share Web Locks and
 * BroadcastChannel. A tab can freeze without an event (events wait until it wakes), and it can die.
 */
import { Subject, type Subscription } from 'rxjs';
import type { ClientClock, PageEvent } from '../../lib/client/index.js';
import type { BroadcastChannelClass, LockOptions, Locks } from '../../lib/client/share/browser.js';
import type { WebSocketClass } from '../../lib/client/web-socket-class.js';

type Task = () => void;

/** The parts of the browser that a page uses. */
export interface BrowserTab {
  readonly clock: ClientClock;
  readonly page$: Subject<PageEvent>;
  readonly locks: Locks;
  readonly BroadcastChannel: BroadcastChannelClass;
  readonly webSocket: (of: WebSocketClass) => WebSocketClass;
  /** Nothing of the tab runs until it wakes. */
  freeze(): void;
  wake(): void;
  kill(): void;
}

interface Loop {
  readonly task: (task: Task) => void;
  readonly isDead: () => boolean;
}

interface Request {
  readonly loop: Loop;
  readonly granted: (lock: unknown) => Promise<unknown>;
  readonly settle: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface Browser {
  tab(): BrowserTab;
}

type Listener = (event: { readonly data: unknown }) => void;

export const browser = (clock: ClientClock): Browser => {
  const locks = new Map<string, { holder: Request | undefined; readonly queue: Request[] }>();
  const channels = new Map<string, Set<(from: object, data: unknown) => void>>();

  const lockOf = (name: string) => {
    const known = locks.get(name) ?? { holder: undefined, queue: [] };
    locks.set(name, known);
    return known;
  };
  const aborted = (): Error => new DOMException('the lock', 'AbortError');

  /** The next request in the queue gets the lock, even if its page is frozen. */
  const grant = (name: string): void => {
    const lock = lockOf(name);
    const next = lock.queue.shift();
    lock.holder = next;
    if (next) hold(name, next);
  };
  const hold = (name: string, request: Request): void =>
    request.loop.task(() => {
      void request.granted({ name }).then((value) => {
        request.settle(value);
        if (lockOf(name).holder === request) grant(name);
      });
    });

  const tabLocks = (loop: Loop): Locks => ({
    request: (name: string, options: LockOptions, granted) =>
      new Promise((settle, reject) => {
        const request: Request = { loop, granted, settle, reject };
        const lock = lockOf(name);
        const { holder } = lock;
        if (options.steal === true) {
          lock.holder = request;
          if (holder) holder.loop.task(() => holder.reject(aborted()));
          return hold(name, request);
        }
        if (options.ifAvailable === true && holder) {
          void granted(null).then(settle);
          return;
        }
        options.signal?.addEventListener('abort', () => {
          const at = lock.queue.indexOf(request);
          if (at < 0) return;
          lock.queue.splice(at, 1);
          reject(aborted());
        });
        lock.queue.push(request);
        if (!holder) grant(name);
      }),
  });

  return {
    tab: () => {
      const waiting: Task[] = [];
      let state: 'running' | 'frozen' | 'dead' = 'running';
      const task = (run: Task): void => {
        if (state === 'running') run();
        else if (state === 'frozen') waiting.push(run);
      };
      const isDead = (): boolean => state === 'dead';
      const loop: Loop = { task, isDead };
      const sockets = new Set<{ close(code: number): void }>();
      const own: {
        set: Set<(from: object, data: unknown) => void>;
        take: (from: object, data: unknown) => void;
      }[] = [];

      const scheduler = {
        now: () => clock.scheduler.now(),
        schedule: (
          work: (this: unknown, state?: unknown) => void,
          delay: number,
          value: unknown,
        ): Subscription =>
          clock.scheduler.schedule(
            function scheduled(this: unknown, at) {
              task(() => work.call(this, at));
            },
            delay,
            value,
          ),
      };

      class TabChannel {
        readonly #listeners: Listener[] = [];
        readonly #set: Set<(from: object, data: unknown) => void>;
        #isClosed = false;
        readonly #take = (from: object, data: unknown): void => {
          if (from === this) return;
          const copy: unknown = structuredClone(data);
          clock.scheduler.schedule(
            () =>
              task(() => {
                if (!this.#isClosed)
                  for (const listener of this.#listeners) listener({ data: copy });
              }),
            1,
          );
        };

        constructor(name: string) {
          this.#set = channels.get(name) ?? new Set();
          channels.set(name, this.#set);
          this.#set.add(this.#take);
          own.push({ set: this.#set, take: this.#take });
        }

        addEventListener(_: string, listener: Listener): void {
          this.#listeners.push(listener);
        }

        postMessage(data: unknown): void {
          if (state !== 'dead') for (const take of this.#set) take(this, data);
        }

        close(): void {
          this.#isClosed = true;
          this.#set.delete(this.#take);
        }
      }

      return {
        clock: { scheduler, wall: clock.wall, random: clock.random },
        page$: new Subject<PageEvent>(),
        locks: tabLocks(loop),
        BroadcastChannel: TabChannel,
        webSocket: (Of) =>
          class extends (Of as new (url: string, protocols?: string[]) => TestSocket) {
            constructor(url: string, protocols?: string[]) {
              super(url, protocols);
              sockets.add(this);
            }

            override addEventListener(type: string, listener: (event: never) => void): void {
              super.addEventListener(type, (event: never) => task(() => listener(event)));
            }
          },
        freeze: () => {
          if (state === 'running') state = 'frozen';
        },
        wake: () => {
          if (state !== 'frozen') return;
          state = 'running';
          for (let next = waiting.shift(); next; next = waiting.shift()) next();
        },
        kill: () => {
          state = 'dead';
          for (const socket of sockets) socket.close(1001);
          for (const { set, take } of own) set.delete(take);
          for (const [name, lock] of locks) {
            const others = lock.queue.filter((one) => one.loop !== loop);
            lock.queue.splice(0, lock.queue.length, ...others);
            if (lock.holder?.loop === loop) grant(name);
          }
        },
      };
    },
  };
};

interface TestSocket {
  addEventListener(type: string, listener: (event: never) => void): void;
  close(code: number): void;
}
