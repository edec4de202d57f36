/** A client and a server in memory in virtual time, and what the application sees. */
import { Subject } from 'rxjs';
import type { Test } from 'tap';
import { type Chat, connect, type PageEvent, type Status } from '../../lib/client/index.js';
import {
  type ScriptedServer,
  scriptedServer,
  type VirtualClock,
  virtualClock,
} from '../../lib/testing/index.js';

export interface World {
  readonly clock: VirtualClock;
  readonly server: ScriptedServer;
  readonly page$: Subject<PageEvent>;
  readonly chat: Chat;
  readonly statuses: Status[];
  /** What a room emitted, in order: the data of messages, and gaps. */
  readonly watch: (room: string, after?: string) => { readonly seen: unknown[]; stop(): void };
}

export const world = (
  t: Pick<Test, 'teardown'>,
  options: Partial<Parameters<typeof connect>[0]> = {},
  {
    seed = 1,
    ...scripted
  }: { readonly seed?: number; readonly latencyMs?: number; readonly rate?: number } = {},
): World => {
  const clock = virtualClock(seed);
  const server = scriptedServer({ clock, ...scripted });
  const page$ = new Subject<PageEvent>();
  const chat = connect({
    url: 'ws://server/api/chat-api/ws',
    WebSocket: server.WebSocket,
    clock,
    page$,
    ...options,
  });
  const statuses: Status[] = [];
  chat.status$.subscribe((status) => statuses.push(status));
  t.teardown(() => chat.close());
  const watch: World['watch'] = (name, after) => {
    const seen: unknown[] = [];
    const room = name === '' ? chat.global : chat.room(name, { after });
    const messages = room.message$.subscribe(({ data }) => seen.push(data));
    messages.add(room.gap$.subscribe(({ reason }) => seen.push(`gap ${reason}`)));
    return { seen, stop: () => messages.unsubscribe() };
  };
  return { clock, server, page$, chat, statuses, watch };
};

export const tags = ({ statuses }: World): readonly string[] => statuses.map(({ _tag }) => _tag);
export const joins = ({ server }: World): readonly number[] =>
  server.sockets.map(({ frames }) => frames.filter(({ type }) => type === 'join').length);

/** A client that had one message of the room `r`, and has just lost its connection. */
export const cutAfterOne = (w: World): ReturnType<World['watch']> => {
  const watched = w.watch('r');
  w.clock.advance(100);
  w.server.publish('r', 1);
  w.clock.advance(100);
  w.server.cut();
  w.clock.advance(2);
  return watched;
};
