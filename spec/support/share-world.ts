/** Tabs of one browser that share a socket, a server in memory, in virtual time. */
import type { Test } from 'tap';
import { type Chat, connect, type ConnectOptions, type Status } from '../../lib/client/index.js';
import {
  type ScriptedServer,
  scriptedServer,
  type VirtualClock,
  virtualClock,
} from '../../lib/testing/index.js';
import { browser, type BrowserTab } from './browser.js';

export interface Tab extends BrowserTab {
  readonly chat: Chat;
  readonly statuses: Status[];
  /** What a room emitted, in order: the data of messages, and gaps. */
  readonly watch: (room: string, after?: string) => unknown[];
  readonly publish: (room: string, data: unknown) => Promise<unknown>;
}

export interface ShareWorld {
  readonly clock: VirtualClock;
  readonly server: ScriptedServer;
  readonly tab: (options?: Partial<ConnectOptions>) => Promise<Tab>;
  /** Time passes; promises are settled in between. */
  readonly advance: (ms: number) => Promise<void>;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets all settled promises run their callbacks. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 12; i++) await Promise.resolve();
};

export const browserWorld = (
  t: Pick<Test, 'teardown'>,
  { seed = 1, latencyMs = 1, stepMs = 10, rate = 100 } = {},
): ShareWorld => {
  const clock = virtualClock(seed);
  const server = scriptedServer({ clock, latencyMs, rate });
  const tabs = browser(clock);
  const roomOf = (chat: Chat, name: string, after?: string) =>
    name === '' ? chat.global : chat.room(name, { after });
  return {
    clock,
    server,
    tab: async (options = {}) => {
      const tab = tabs.tab();
      const { locks, BroadcastChannel, page$ } = tab;
      const chat = connect({
        url: 'ws://server/api/chat-api/ws',
        WebSocket: tab.webSocket(server.WebSocket),
        clock: tab.clock,
        page$,
        share: true,
        locks,
        BroadcastChannel,
        ...options,
      });
      const statuses: Status[] = [];
      chat.status$.subscribe((status) => statuses.push(status));
      t.teardown(() => chat.close());
      // the module is loaded in real time
      await import('../../lib/client/share/share.js');
      for (let i = 0; i < 3; i++) await turn();
      return {
        ...tab,
        chat,
        statuses,
        watch: (name, after) => {
          const seen: unknown[] = [];
          const room = roomOf(chat, name, after);
          room.message$.subscribe(({ data }) => seen.push(data));
          room.gap$.subscribe(({ reason }) => seen.push(`gap ${reason}`));
          return seen;
        },
        publish: (name, data) => roomOf(chat, name).publish(data),
      };
    },
    advance: async (ms) => {
      for (let left = ms; left > 0; left -= stepMs) {
        await settled();
        clock.advance(Math.min(stepMs, left));
      }
      await settled();
    },
  };
};

export const liveSockets = ({ server }: ShareWorld): number => server.open().length;
