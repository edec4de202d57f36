/** One socket for all tabs of a browser, in virtual time: what the applications of the tabs see. */
import t from 'tap';
import { browserWorld, liveSockets, type ShareWorld, type Tab } from '../../support/share-world.js';

t.test('when tabs share, then one socket serves all of them', async (t) => {
  const w = browserWorld(t);
  const tabs = [await w.tab(), await w.tab(), await w.tab()];
  const seen = tabs.map((tab) => tab.watch('r'));
  await w.advance(200);
  w.server.publish('r', 1);
  await w.advance(20);
  await Promise.all([tabs[1]!.publish('r', 'own'), w.advance(50)]);
  t.same(liveSockets(w), 1);
  t.same(seen, [
    [1, 'own'],
    [1, 'own'],
    [1, 'own'],
  ]);
  t.same(
    w.server
      .open()[0]
      ?.frames.filter(
        ({ type, data }) => type === 'join' && (data as { last_id?: string }).last_id,
      ),
    [],
  );
});

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

for (const [how, end] of [
  ['dies', (tab: Tab) => tab.kill()],
  ['is closed', (tab: Tab) => tab.chat.close()],
  ['is frozen by the browser', (tab: Tab) => tab.page$.next('freeze')],
  ['freezes without an event', (tab: Tab) => tab.freeze()],
] as const)
  t.test(
    `when the leader ${how}, then another tab leads, and no message is lost or comes twice`,
    async (t) => {
      const w = browserWorld(t, { stepMs: 80 });
      const tabs = [await w.tab()];
      await w.advance(50);
      const first = tabs[0]!.watch('r');
      await w.advance(50);
      tabs.push(await w.tab(), await w.tab());
      const seen = tabs.slice(1).map((tab) => tab.watch('r'));
      await w.advance(500);
      let sent = 0;
      const load = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) {
          w.server.publish('r', ++sent);
          await w.advance(80);
        }
      };
      await load(10);
      end(tabs[0]!);
      const own = tabs[1]!.publish('r', 'own');
      await load(220);
      await own;
      await w.advance(1_000);
      t.equal(first.length >= 10, true);
      for (const one of seen) {
        t.same(
          one.filter((data) => data !== 'own'),
          numbers(1, sent),
        );
        t.same(one.filter((data) => data === 'own').length, 1);
      }
      const isFrozen = how === 'freezes without an event';
      t.equal(liveSockets(w), isFrozen ? 2 : 1);
      if (!isFrozen) return;
      tabs[0]!.wake();
      await w.advance(2_000);
      t.equal(liveSockets(w), 1);
      t.same(
        first.filter((data) => data !== 'own'),
        numbers(1, sent),
      );
      t.equal(first.length, sent + 1);
    },
  );

/** How many chats the server has received. */
const chats = ({ server }: ShareWorld): number =>
  server.sockets.flatMap(({ frames }) => frames).filter(({ type }) => type === 'chat').length;

t.test(
  'when a server gives no answers, then all tabs together send no more than it takes in a second',
  async (t) => {
    // a pod that stood still reads everything at once
    const w = browserWorld(t, { rate: 10 });
    const tabs = [await w.tab(), await w.tab(), await w.tab()];
    const [seen] = tabs.map((tab) => tab.watch('r'));
    await w.advance(2_000);
    w.server.setAcks(false);
    const answers = tabs.flatMap((tab) => numbers(1, 10).map((i) => tab.publish('r', i)));
    await w.advance(20_000);
    t.equal(chats(w), 10);
    w.server.setAcks(true);
    w.server.cut();
    await w.advance(20_000);
    t.equal((await Promise.all(answers)).length, 30);
    t.equal(seen?.length, 30);
  },
);

t.test('when answers are late, then each answer lets the next message go', async (t) => {
  const w = browserWorld(t, { rate: 10, latencyMs: 1_000 });
  const tabs = [await w.tab(), await w.tab(), await w.tab()];
  tabs.forEach((tab) => tab.watch('r'));
  await w.advance(10_000);
  const answers = tabs.flatMap((tab) => numbers(1, 10).map((i) => tab.publish('r', i)));
  await w.advance(1_900);
  t.equal(chats(w), 10);
  await w.advance(8_000);
  t.equal((await Promise.all(answers)).length, 30);
});

t.test(
  'when a message gets no answer, then it holds the others for no more than 60 s',
  async (t) => {
    const w = browserWorld(t, { rate: 10 });
    const tab = await w.tab({ publishTimeoutMs: 600_000 });
    tab.watch('r');
    const other = await w.tab({ publishTimeoutMs: 600_000 });
    other.watch('r');
    await w.advance(2_000);
    w.server.setAcks(false);
    const lost = numbers(1, 10).map((i) => tab.publish('r', i).catch(() => undefined));
    await w.advance(1_000);
    w.server.setAcks(true);
    const answer = other.publish('r', 'next');
    await w.advance(58_000);
    t.equal(chats(w), 10);
    await w.advance(2_000);
    await answer;
    t.equal(lost.length, 10);
  },
);

for (const [what, code, times] of [
  ['for ever', 4503, 1],
  ['twice in a row as the token was refused', 4001, 2],
] as const)
  t.test(
    `when the server closes the connection ${what}, then the clients of all tabs are closed`,
    async (t) => {
      const w = browserWorld(t);
      const tabs = [await w.tab(), await w.tab(), await w.tab()];
      tabs.forEach((tab) => tab.watch('r'));
      await w.advance(500);
      for (let i = 0; i < times; i++) {
        w.server.close(code, 'told so');
        await w.advance(500);
      }
      for (const { statuses } of tabs)
        t.same(statuses.at(-1), { _tag: 'Closed', code, because: 'told so' });
      await w.advance(60_000);
      t.equal(w.server.sockets.length, times, 'no tab connects again');
      const next = await w.tab();
      const seen = next.watch('r');
      await w.advance(500);
      w.server.publish('r', 'later');
      await w.advance(50);
      t.same(seen, ['later'], 'the lock of the leader is free');
    },
  );

const failing = (asked: number[], clock: { readonly wall: () => number }) => () => {
  asked.push(clock.wall());
  return Promise.reject(new Error('logged out'));
};

t.test('when the leader gets no token three times, then another tab leads', async (t) => {
  const w = browserWorld(t);
  const [one, two]: number[][] = [[], []];
  const tabs = [
    await w.tab({ token: failing(one!, w.clock) }),
    await w.tab({ token: failing(two!, w.clock) }),
    await w.tab({ token: () => 'good' }),
  ];
  const seen = tabs.map((tab) => tab.watch('r'));
  await w.advance(15_000);
  t.same([one?.length, two?.length], [3, 3]);
  t.match(
    tabs[2]?.statuses.find(({ _tag }) => _tag === 'Waiting'),
    { because: 'token: Error: logged out' },
    'the status of each tab names the cause',
  );
  w.server.publish('r', 1);
  await w.advance(50);
  t.same(seen, [[1], [1], [1]]);
  t.same(
    w.server.sockets.map(({ protocols }) => protocols[1]),
    ['bearer.good'],
  );
});

t.test(
  'when no tab gets a token, then each tab asks as rarely as a client with a socket of its own',
  async (t) => {
    const w = browserWorld(t, { stepMs: 50 });
    const asked: number[] = [];
    for (let i = 0; i < 3; i++) (await w.tab({ token: failing(asked, w.clock) })).watch('r');
    const start = w.clock.wall();
    await w.advance(600_000);
    const until = (ms: number): number => asked.filter((at) => at < start + ms).length;
    t.ok(until(600_000) - until(300_000) <= 3 * 30, `${until(300_000)}, then ${until(600_000)}`);
    t.ok(until(600_000) - until(300_000) >= 3 * 10, 'and they go on');
  },
);

t.test('when the only tab gets its token after four failures, then it goes on', async (t) => {
  const w = browserWorld(t);
  let asked = 0;
  const token = (): Promise<string> =>
    ++asked < 5 ? Promise.reject(new Error('no network')) : Promise.resolve('good');
  const tab = await w.tab({ token });
  const seen = tab.watch('r');
  await w.advance(20_000);
  w.server.publish('r', 1);
  await w.advance(50);
  t.same([asked, seen], [5, [1]]);
});

class Denied {
  readonly channel = ((): never => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  })();
}

t.test('when BroadcastChannel is not allowed, then the tab has a socket of its own', async (t) => {
  const w = browserWorld(t);
  const tabs = [await w.tab({ BroadcastChannel: Denied }), await w.tab()];
  const seen = tabs.map((tab) => tab.watch('r'));
  await w.advance(500);
  w.server.publish('r', 1);
  await w.advance(50);
  t.same([liveSockets(w), ...seen], [2, [1], [1]]);
});

t.test('when a client is closed, then nobody listens to the page, used or not', async (t) => {
  const w = browserWorld(t);
  const closed = { atOnce: await w.tab(), unused: await w.tab(), used: await w.tab() };
  closed.atOnce.chat.close();
  await w.advance(500);
  closed.used.watch('r');
  await w.advance(500);
  t.equal(closed.used.page$.observed, true);
  closed.unused.chat.close();
  closed.used.chat.close();
  await w.advance(10);
  for (const [how, { page$ }] of Object.entries(closed)) t.equal(page$.observed, false, how);
});

for (const url of ['/api/chat-api/ws', '/api/chat-api/ws?a=b?c&d'])
  t.test(`when the URL is ${url}, then tabs share a socket and resume`, async (t) => {
    const w = browserWorld(t);
    const tabs = [await w.tab({ url }), await w.tab({ url })];
    const seen = tabs.map((tab) => tab.watch(''));
    await w.advance(500);
    w.server.publish('', 1);
    await w.advance(50);
    w.server.cut();
    w.server.publish('', 2);
    await w.advance(1_000);
    t.same(seen, [
      [1, 2],
      [1, 2],
    ]);
    t.equal(liveSockets(w), 1);
    t.match(
      w.server.sockets.map(({ lastId }) => lastId),
      [undefined, /./],
    );
    tabs[0]?.chat.close();
    w.server.publish('', 3);
    await w.advance(1_000);
    t.same(seen[1], [1, 2, 3]);
  });

t.test(
  'when pages of two folders have the same relative URL, then each folder has a socket',
  async (t) => {
    t.teardown(() => Reflect.deleteProperty(globalThis, 'location'));
    const at = (href: string): void => void Object.assign(globalThis, { location: { href } });
    const w = browserWorld(t);
    for (const [page, url] of [
      ['http://host/one/', 'ws'],
      ['http://host/two/', 'ws'],
      ['http://host/two/', '/two/ws'],
    ] as const) {
      at(page);
      (await w.tab({ url })).watch('r');
    }
    await w.advance(500);
    t.equal(liveSockets(w), 2);
  },
);
