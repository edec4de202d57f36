/** The client against a server in memory, in virtual time: what an application sees. */
import t from 'tap';
import { cutAfterOne, joins, tags, world } from '../support/client-world.js';

t.test('when no room is used, then the client does not connect', async (t) => {
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

t.test(
  'when the connection breaks, then the room goes on without a missing or repeated message',
  async (t) => {
    const w = world(t);
    const { seen } = cutAfterOne(w);
    w.server.publish('r', 2);
    w.server.publish('r', 3);
    w.clock.advance(1_000);
    w.server.publish('r', 4);
    w.clock.advance(100);
    t.same(seen, [1, 2, 3, 4]);
    t.same(tags(w), ['Idle', 'Connecting', 'Live', 'Waiting', 'Connecting', 'Live']);
  },
);

t.test(
  'when the log lacks missed messages, then the gap comes before the next message',
  async (t) => {
    const w = world(t);
    const { seen } = cutAfterOne(w);
    for (const data of [2, 3, 4]) w.server.publish('r', data);
    w.server.trim('r', 1);
    w.clock.advance(1_000);
    w.server.cut();
    w.clock.advance(2);
    w.server.lose('r');
    w.server.publish('r', 5);
    w.clock.advance(1_000);
    w.server.publish('r', 6);
    w.clock.advance(10);
    t.same(seen, [1, 'gap expired', 4, 'gap log_lost', 6], 'the service does not replay 5');
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
  'when the server cannot be reached, then the client tries for ever, with full jitter, also at first',
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
  'when a page is hidden, then it does not connect; when it is visible again, then it connects at once',
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

t.test(
  'when the decoder refuses the data, then an event reports it, and no message comes',
  async (t) => {
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
  },
);

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

t.test(
  'when the client is closed, then a late subscriber gets the last status, and the end',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(100);
    w.chat.close();
    const seen: unknown[] = [];
    w.chat.status$.subscribe({
      next: (status) => seen.push(status),
      complete: () => seen.push('end'),
    });
    t.same(seen, [{ _tag: 'Closed', code: 1000, because: 'closed by close()' }, 'end']);
  },
);
