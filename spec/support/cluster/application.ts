/**
 * An application on the client library, in virtual time: `connect()` over the virtual network. Its user opens
 * rooms and comes back to them, publishes, hides the page, shuts the lid and loses the network. The checker
 * gets what the application gets: messages, gaps, positions, and how each publish ended.
 */
import { Subject, Subscription } from 'rxjs';
import { ChatError, connect, type PageEvent, type Status } from '../../../lib/client/index.js';
import { GLOBAL, type Room } from '../../../lib/protocol/position.js';
import { recordOf, textIn } from '../invariants/frame.js';
import type { ChatterOptions } from './chatter.js';
import { network } from './network-socket.js';

export type ApplicationOptions = Omit<ChatterOptions, 'home'>;

export interface Application {
  readonly start: () => void;
  /** Ends the publishes; its page is visible, and it reads. */
  readonly hush: () => void;
  /** Judges what it got, when everything has settled. */
  readonly judge: () => void;
  readonly end: () => void;
}

interface Use {
  readonly subscription: Subscription;
  readonly publish: (data: unknown) => Promise<object>;
  readonly setPresence: (status: 'online' | 'away') => void;
}

/** The client leaves a room this long after the last subscription has ended. */
const LINGER_MS = 1_000;

export const application = (options: ApplicationOptions): Application => {
  const { name, user, rooms, clock, pods, checker, paceMs, slackMs, note, trace } = options;
  const { scheduler, random } = clock;
  const process = clock.process();
  const ears = checker.application(name);
  const page$ = new Subject<PageEvent>();
  const readsRefusals = random() < 0.5;
  const sockets = network({
    ...{ name, user, clock, process, pods, checker, ears, slackMs, readsRefusals, note },
  });
  const chat = connect({
    url: 'ws://service/api/chat-api/ws',
    WebSocket: sockets.WebSocket,
    clock: process,
    page$,
    publishTimeoutMs: random() < 0.3 ? 4_000 : undefined,
  });
  /** The last position in each room. */
  const positions = new Map<Room, string>();
  const uses = new Map<Room, Use>();
  /** Rooms whose subscription has ended, and which the client has not left yet. */
  const resting = new Set<Room>();
  const statuses: Status[] = [];
  let isAsleep = false;
  let hushed = false;
  let count = 0;

  const now = (): number => scheduler.now();
  const later = (ms: number, work: () => void): void => void scheduler.schedule(work, ms);
  const one = <A>(of: readonly A[]): A | undefined => of[Math.floor(random() * of.length)];
  const shows = (text: () => string): void => note(() => `${name}'s application ${text()}`);
  const where = (room: Room): string => (room === GLOBAL ? 'the global log' : room);

  chat.status$.subscribe((status) => {
    statuses.push(status);
    shows(() => `is ${JSON.stringify(status)}`);
  });

  const use = (room: Room): void => {
    if (uses.has(room)) return;
    const after = random() < 0.8 ? positions.get(room) : undefined;
    const handle = room === GLOBAL ? chat.global : chat.room(room, { after });
    shows(() => `uses ${where(room)} after ${after ?? 'nothing'}`);
    let position: string | undefined;
    const subscription = new Subscription();
    const moved$ = new Subject<string>();
    subscription.add(
      handle.position$.subscribe((id) => {
        position = id;
        positions.set(room, id);
        moved$.next(id);
      }),
    );
    const stay = ears.uses(room, position, now());
    // `position$` emits before the message of that position
    moved$.subscribe((id) => clock.turn(() => subscription.closed || stay.shown(id, now())));
    subscription.add(
      handle.message$.subscribe((message) => {
        const text = JSON.stringify(message);
        trace(`${name} ${message.id}`);
        shows(() => `gets ${text}`);
        stay.received(text, now());
      }),
    );
    subscription.add(
      handle.gap$.subscribe(({ id, reason }) => {
        shows(() => `gets a gap of ${where(room)}: ${reason}`);
        stay.gap(id, reason, now());
      }),
    );
    subscription.add(
      handle.event$.subscribe((event) => {
        if (event._tag === 'Joined' && position !== undefined) stay.joined(position, now());
        if (event._tag === 'Refused') shows(() => `is refused ${where(room)}: ${event.code}`);
        if (event._tag !== 'Presence') return;
        const id = textIn(recordOf(event.message.data)['connection_id']);
        if (sockets.connectionIds.has(id)) ears.found('I6', 'got its own presence', now());
      }),
    );
    // the room is joined already: by another use, or as each connection is in the global log
    handle.members$
      .subscribe(() => position === undefined || stay.joined(position, now()))
      .unsubscribe();
    // messages and gaps that came while nobody used the log are gone
    if (room === GLOBAL && position !== undefined) {
      ears.gapCame(position);
      stay.gap(position, 'not used', now());
    }
    subscription.add(stay.ended);
    const { publish, setPresence } = handle;
    uses.set(room, { subscription, publish, setPresence });
  };

  const unuse = (room: Room): void => {
    shows(() => `leaves ${where(room)} at ${positions.get(room) ?? 'no position'}`);
    uses.get(room)?.subscription.unsubscribe();
    uses.delete(room);
    resting.add(room);
    // the next use goes on where the client is: it would ignore `after`
    later(LINGER_MS + 10, () => resting.delete(room));
  };

  const publish = (room: Room): void => {
    count += 1;
    const data = { label: `${name}-${count}` };
    shows(() => `publishes ${data.label} in ${where(room)}`);
    const settled = ears.published(room, data, now());
    const settle = (result: Parameters<typeof settled>[0]): void => {
      trace(`${name} ${JSON.stringify(result)}`);
      shows(() => `has for ${data.label} ${JSON.stringify(result)}`);
      settled(result, now());
    };
    uses
      .get(room)
      ?.publish(data)
      .then(
        (ack) => settle(ack as Parameters<typeof settled>[0]),
        (error: unknown) =>
          settle({ code: error instanceof ChatError ? error.code : String(error) }),
      );
  };

  const publishSome = (): void => {
    const room = random() < 0.1 ? GLOBAL : one([...uses.keys()]);
    if (room === undefined || !uses.has(room)) return;
    const times = random() < 0.1 ? 1 + Math.floor(random() * 30) : 1;
    for (let i = 0; i < times; i++) publish(room);
  };

  const page = (begin: PageEvent, end: PageEvent, ms: number): void => {
    shows(() => `has its page ${begin} for ${Math.round(ms)} ms`);
    page$.next(begin);
    later(ms, () => page$.next(end));
  };

  /** The lid is shut: no code of the client runs. */
  const sleep = (ms: number): void => {
    shows(() => `sleeps for ${Math.round(ms)} ms`);
    isAsleep = true;
    sockets.stall();
    process.freeze();
    later(ms, wake);
  };

  const wake = (): void => {
    if (!isAsleep) return;
    isAsleep = false;
    shows(() => 'wakes');
    process.thaw();
    sockets.read();
  };

  const stall = (ms: number): void => {
    sockets.stall();
    later(ms, () => isAsleep || sockets.read());
  };

  const act = (): void => {
    const drawn = random() * 100;
    if (drawn < 74) publishSome();
    else if (drawn < 80) use(one(rooms.filter((room) => !resting.has(room))) ?? GLOBAL);
    else if (drawn < 81) use(GLOBAL);
    else if (drawn < 84) {
      const room = one([...uses.keys()]);
      if (room !== undefined) unuse(room);
    } else if (drawn < 89) sockets.cut();
    else if (drawn < 91) sockets.vanish();
    else if (drawn < 93) stall(random() * 3_000);
    else if (drawn < 95) sleep(random() * 5_000);
    else if (drawn < 96) page('offline', 'online', random() * 3_000);
    else if (drawn < 97) page('freeze', 'resume', random() * 3_000);
    else if (drawn < 98) page('hidden', 'visible', random() * 3_000);
    else if (drawn < 99) process.jump((random() - 0.5) * 20_000);
    else one([...uses.values()])?.setPresence(random() < 0.5 ? 'away' : 'online');
  };

  const live = (): void => {
    if (hushed) return;
    if (!isAsleep) act();
    later(random() * 2 * paceMs, live);
  };

  return {
    start: () => {
      use(one(rooms) ?? GLOBAL);
      if (random() < 0.5) use(one(rooms) ?? GLOBAL);
      if (random() < 0.5) use(GLOBAL);
      later(random() * 2 * paceMs, live);
    },
    hush: () => {
      hushed = true;
      wake();
      sockets.read();
      for (const event of ['online', 'resume', 'visible'] as const) page$.next(event);
    },
    judge: () => {
      const last = statuses.at(-1);
      if (uses.size > 0 && last?._tag !== 'Live')
        ears.found('I9', `is ${JSON.stringify(last)} in the end`, now());
      ears.judge(now());
    },
    end: () => {
      chat.close();
      if (statuses.at(-1)?._tag !== 'Closed') ears.found('I9', 'is not closed', now());
    },
  };
};
