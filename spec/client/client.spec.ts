/** The client against a server in memory, in virtual time: what an application sees. */
import { Subject } from 'rxjs';
import t, { type Test } from 'tap';
import {
  type Chat,
  ChatError,
  connect,
  type PageEvent,
  type Status,
} from '../../lib/client/index.js';
import {
  type ScriptedServer,
  scriptedServer,
  type VirtualClock,
  virtualClock,
} from '../../lib/testing/index.js';

interface World {
  readonly clock: VirtualClock;
  readonly server: ScriptedServer;
  readonly page$: Subject<PageEvent>;
  readonly chat: Chat;
  readonly statuses: Status[];
  /** What came of a room, in order. */
  readonly watch: (room: string, after?: string) => { readonly seen: unknown[]; stop(): void };
}

const world = (t: Test, options: Partial<Parameters<typeof connect>[0]> = {}): World => {
  const clock = virtualClock();
  const server = scriptedServer({ clock });
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

const tags = ({ statuses }: World): readonly string[] => statuses.map(({ _tag }) => _tag);
const joins = ({ server }: World): readonly unknown[] =>
  server.sockets.map(({ frames }) => frames.filter(({ type }) => type === 'join').length);

t.test('when nobody uses a room, then nothing connects', async (t) => {
  const w = world(t);
  w.chat.room('r');
  w.clock.advance(60_000);
  t.same([w.server.sockets.length, tags(w)], [0, ['Idle']]);
});

t.test(
  'when two subscribe to a room, then it is joined once, and left a second after both have gone',
  async (t) => {
    const w = world(t);
    const [one, two] = [w.watch('r'), w.watch('r')];
    w.clock.advance(100);
    t.same(joins(w), [1]);
    w.server.publish('r', 'hi');
    w.clock.advance(100);
    t.same([one.seen, two.seen], [['hi'], ['hi']]);
    one.stop();
    two.stop();
    w.clock.advance(500);
    const again = w.watch('r');
    w.clock.advance(5_000);
    t.same(joins(w), [1], 'a page that mounts twice joins once');
    again.stop();
    w.clock.advance(1_100);
    t.equal(w.server.sockets[0]?.frames.at(-1)?.type, 'leave');
  },
);

t.test('when the connection breaks, then the room goes on without a seam', async (t) => {
  const w = world(t);
  const { seen } = w.watch('r');
  w.clock.advance(100);
  w.server.publish('r', 1);
  w.clock.advance(100);
  w.server.cut();
  w.clock.advance(2);
  w.server.publish('r', 2);
  w.server.publish('r', 3);
  w.clock.advance(1_000);
  w.server.publish('r', 4);
  w.clock.advance(100);
  t.same(seen, [1, 2, 3, 4]);
  t.same(tags(w), ['Idle', 'Connecting', 'Live', 'Waiting', 'Connecting', 'Live']);
});

t.test(
  'when the log cannot give what was missed, then the gap comes before the next message',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.publish('r', 1);
    w.clock.advance(100);
    w.server.cut();
    w.clock.advance(2);
    for (const data of [2, 3, 4]) w.server.publish('r', data);
    w.server.trim('r', 1);
    w.clock.advance(1_000);
    w.server.cut();
    w.clock.advance(2);
    w.server.lose('r');
    w.server.publish('r', 5);
    w.clock.advance(1_000);
    t.same(seen, [1, 'gap expired', 4, 'gap log_lost', 5]);
  },
);

t.test('when an id of an earlier visit is given, then the room goes on from it', async (t) => {
  const w = world(t);
  const { id } = w.server.publish('r', 1);
  w.server.publish('r', 2);
  const { seen } = w.watch('r', id);
  w.clock.advance(100);
  t.same(seen, [2]);
});

t.test(
  'when the server cannot be reached, then it is tried for ever, with full jitter, also at first',
  async (t) => {
    const w = world(t);
    w.server.setUp(false);
    w.watch('r');
    w.clock.advance(10 * 60_000);
    const waits = w.statuses.flatMap((status) =>
      status._tag === 'Waiting' ? [status.retryAt] : [],
    );
    t.ok(waits.length > 20, `${waits.length} tries`);
    t.ok(w.statuses.every(({ _tag }) => _tag !== 'Closed'));
    w.server.setUp(true);
    w.clock.advance(31_000);
    t.equal(tags(w).at(-1), 'Live');
  },
);

for (const [code, fate] of [
  [1000, 'Closed'],
  [1002, 'Closed'],
  [1008, 'Closed'],
  [1009, 'Closed'],
  [4503, 'Closed'],
  [1001, 'Live'],
  [1006, 'Live'],
  [1011, 'Live'],
  [1013, 'Live'],
  [4029, 'Live'],
  [4700, 'Closed'],
] as const)
  t.test(
    `when the server closes with ${code}, then the client is ${fate} in the end`,
    async (t) => {
      const w = world(t);
      w.watch('r');
      w.clock.advance(100);
      w.server.close(code, 'because');
      w.clock.advance(60_000);
      t.equal(tags(w).at(-1), fate);
      if (fate === 'Closed') t.match(w.statuses.at(-1), { code, because: 'because' });
    },
  );

t.test(
  'when a publish is acked, then it resolves with the id; own messages come too',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    const answer = w.chat.room('r').publish('hi');
    w.clock.advance(100);
    t.match(await answer, { duplicate: false });
    t.same(seen, ['hi']);
  },
);

t.test(
  'when the connection breaks before the ack, then the message is sent again, and stored once',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.setAcks(false);
    const answers = [1, 2, 3].map((data) => w.chat.room('r').publish(data));
    w.clock.advance(100);
    w.server.cut();
    w.server.setAcks(true);
    w.clock.advance(2_000);
    t.match(await Promise.all(answers), [
      { duplicate: true },
      { duplicate: true },
      { duplicate: true },
    ]);
    t.same(seen, [1, 2, 3]);
  },
);

t.test(
  'when 256 messages wait, then the next one is rejected with queue_full, and the others are sent in order',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.server.setUp(false);
    const room = w.chat.room('r');
    const answers = Array.from({ length: 256 }, (_, i) => room.publish(i));
    await t.rejects(room.publish('too many'), { name: 'ChatError', code: 'queue_full' });
    w.server.setUp(true);
    w.clock.advance(60_000);
    t.equal((await Promise.all(answers)).length, 256);
    t.same(
      seen,
      Array.from({ length: 256 }, (_, i) => i),
    );
  },
);

t.test(
  'when the server refuses a room, then publishes reject with its code, and the room says so',
  async (t) => {
    const w = world(t);
    w.server.refuse('r', 'forbidden');
    const notices: unknown[] = [];
    w.chat.room('r').event$.subscribe((notice) => notices.push(notice));
    const answer = t.rejects(
      w.chat.room('r').publish(1),
      new ChatError('forbidden', 'refused: forbidden'),
    );
    w.clock.advance(100);
    await answer;
    t.match(notices, [{ _tag: 'Refused', code: 'forbidden' }]);
  },
);

t.test(
  'when no ack comes in time, then the publish rejects with timeout; when the client is closed, with closed',
  async (t) => {
    const w = world(t);
    w.server.setUp(false);
    const late = t.rejects(w.chat.room('r').publish(1), { code: 'timeout' });
    w.clock.advance(60_000);
    await late;
    const open = t.rejects(w.chat.room('r').publish(2), { code: 'closed' });
    w.chat.close();
    await open;
    await t.rejects(w.chat.room('r').publish(3), { code: 'closed' });
    w.server.setUp(true);
    w.clock.advance(60_000);
    t.equal(tags(w).at(-1), 'Closed', 'what the application closed stays closed');
  },
);

t.test(
  'when nothing is received for 25 s, then the client pings; after 10 s more it connects again',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(100);
    w.server.setSilent(true);
    w.clock.advance(31_000);
    t.ok(w.server.sockets[0]?.frames.some(({ type }) => type === 'ping'));
    t.equal(w.server.sockets.length, 1);
    w.server.setSilent(false);
    w.server.publish('r', 'a sign of life');
    w.clock.advance(20_000);
    t.equal(w.server.sockets.length, 1, 'any frame counts');
    w.server.setSilent(true);
    w.clock.advance(45_000);
    w.server.setSilent(false);
    w.clock.advance(60_000);
    t.ok(w.server.sockets.length > 1);
    t.equal(tags(w).at(-1), 'Live');
  },
);

t.test('when a page has slept, then the first event after it asks the server', async (t) => {
  const w = world(t);
  w.watch('r');
  w.clock.advance(1_000);
  w.clock.sleep(3_600_000);
  w.page$.next('visible');
  w.clock.advance(10);
  t.equal(w.server.sockets[0]?.frames.at(-1)?.type, 'ping');
});

t.test(
  'when the network goes and comes, then the client is offline, and connects at once',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.page$.next('offline');
    t.equal(tags(w).at(-1), 'Offline');
    w.server.publish('r', 1);
    w.clock.advance(60_000);
    t.equal(w.server.sockets.length, 1);
    w.page$.next('online');
    w.clock.advance(50);
    t.same([tags(w).at(-1), seen], ['Live', [1]]);
  },
);

t.test(
  'when a page is hidden, then it does not try; when it is visible, then at once',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(100);
    w.page$.next('hidden');
    w.server.cut();
    w.clock.advance(600_000);
    t.same([w.server.sockets.length, tags(w).at(-1)], [1, 'Waiting']);
    w.page$.next('visible');
    w.clock.advance(50);
    t.equal(tags(w).at(-1), 'Live');
  },
);

for (const [begin, end] of [
  ['freeze', 'resume'],
  ['pagehide', 'pageshow'],
] as const)
  t.test(
    'when a page is frozen or in the back/forward cache, then it goes on from its positions',
    async (t) => {
      const w = world(t);
      const { seen } = w.watch('r');
      w.clock.advance(100);
      w.server.publish('r', 1);
      w.clock.advance(10);
      w.page$.next(begin);
      t.equal(w.server.open().length, 0);
      w.server.publish('r', 2);
      w.clock.advance(3_600_000);
      w.page$.next(end);
      w.clock.advance(50);
      t.same(seen, [1, 2]);
    },
  );

t.test(
  'when the server drains, then a second connection takes over before the first is closed',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.watch('');
    w.clock.advance(100);
    let sent = 0;
    const publish = (): void => void w.server.publish('r', sent++);
    w.server.drain(1_000);
    const [answers, silences]: [Promise<unknown>[], number[]] = [[], []];
    for (let ms = 0; ms < 3_000; ms += 10) {
      publish();
      w.clock.advance(10);
      silences.push(sent - seen.length);
      if (ms % 500 === 0) answers.push(w.chat.room('r').publish(sent++));
    }
    w.clock.advance(100);
    await Promise.all(answers);
    t.same(
      [...seen].sort((one, two) => Number(one) - Number(two)),
      Array.from({ length: sent }, (_, i) => i),
    );
    t.equal(new Set(seen).size, seen.length, 'none twice');
    t.ok(Math.max(...silences) <= 2, 'no message late');
    t.ok(!tags(w).includes('Waiting'));
    t.equal(w.server.open().length, 1);
  },
);

t.test('when tokens are given, then each connection has a new one, in a subprotocol', async (t) => {
  let given = 0;
  const w = world(t, { token: () => `token-${++given}` });
  w.watch('r');
  w.clock.advance(100);
  w.server.cut();
  w.clock.advance(1_000);
  t.same(
    w.server.sockets.map(({ protocols }) => protocols),
    [
      ['realtime.v1', 'bearer.token-1'],
      ['realtime.v1', 'bearer.token-2'],
    ],
  );
});

const tokenUntil = (ms: number): string =>
  `e30.${btoa(JSON.stringify({ exp: Math.floor(ms / 1_000) })).replaceAll('=', '')}.x`;

t.test('when a token ends soon, then it is refreshed on the same connection', async (t) => {
  let given = 0;
  const w: World = world(t, {
    token: () => {
      given++;
      return tokenUntil(w.clock.wall() + 100_000);
    },
  });
  w.watch('r');
  w.clock.advance(60_000);
  t.equal(given, 1);
  w.clock.advance(15_000);
  t.equal(given, 2);
  t.same([w.server.sockets.length, w.server.sockets[0]?.frames.at(-1)?.type], [1, 'refresh']);
});

t.test(
  'when a token cannot be had, then it is asked for again, and nothing is closed',
  async (t) => {
    let asked = 0;
    const w = world(t, {
      token: () => {
        if (++asked < 4) throw new Error('no network');
        return 'token';
      },
    });
    w.watch('r');
    w.clock.advance(10_000);
    t.equal(asked, 4);
    t.equal(tags(w).at(-1), 'Live');
  },
);

t.test(
  'when the server closes with 4001, then a new token is tried once, then the client is closed',
  async (t) => {
    let given = 0;
    const w = world(t, { token: () => `token-${++given}` });
    w.watch('r');
    w.clock.advance(100);
    w.server.close(4001, 'token expired');
    w.server.setSilent(true);
    w.clock.advance(100);
    t.equal(given, 2);
    w.server.close(4001, 'token expired');
    w.clock.advance(1_000);
    t.match(w.statuses.at(-1), { _tag: 'Closed', code: 4001, because: 'token expired' });
  },
);

t.test('when the data does not fit, then it is an event and no message', async (t) => {
  const w = world(t);
  const numbers = w.chat.room('r', (data) => {
    if (typeof data !== 'number') throw new TypeError('a number');
    return data;
  });
  const [seen, notices]: [number[], string[]] = [[], []];
  numbers.message$.subscribe(({ data }) => seen.push(data));
  numbers.event$.subscribe(({ _tag }) => notices.push(_tag));
  w.clock.advance(100);
  for (const data of [1, 'two', 3]) w.server.publish('r', data);
  w.clock.advance(100);
  t.same(
    [seen, notices],
    [
      [1, 3],
      ['Joined', 'Undecoded'],
    ],
  );
});

t.test(
  'when a loop reads a room, then it gets each message, and ends when the client is closed',
  async (t) => {
    const w = world(t);
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const { data } of w.chat.room('r')) seen.push(data);
    })();
    w.clock.advance(100);
    for (const data of [1, 2, 3]) w.server.publish('r', data);
    w.clock.advance(100);
    w.chat.close();
    await loop;
    t.same(seen, [1, 2, 3]);
  },
);
