/** Complaints of users of other clients, each as a spec, with a number. */
import t from 'tap';
import { joins, tags, world, type World } from '../support/client-world.js';

/** Ways by which a connection is opened again. */
const WAYS: Readonly<Record<string, (w: World) => void>> = {
  'a cut': (w) => w.server.cut(),
  'a close with 1013': (w) => w.server.close(1013),
  'a freeze': (w) => {
    w.page$.next('freeze');
    w.page$.next('resume');
  },
  'an outage of the network': (w) => {
    w.page$.next('offline');
    w.page$.next('online');
  },
  'the back/forward cache': (w) => {
    w.page$.next('pagehide');
    w.page$.next('pageshow');
  },
  'a cut while hidden': (w) => {
    w.page$.next('hidden');
    w.server.cut();
    w.clock.advance(10_000);
    w.page$.next('visible');
  },
  'a drain': (w) => w.server.drain(500),
};

// 1: a page wakes with a stale token
for (const [way, go] of Object.entries(WAYS))
  t.test(`when a connection is opened again after ${way}, then with a new token`, async (t) => {
    let given = 0;
    const w = world(t, { token: () => `token-${++given}` });
    w.watch('r');
    w.clock.advance(100);
    go(w);
    w.clock.advance(2_000);
    t.same(
      w.server.sockets.map(({ protocols }) => protocols[1]),
      ['bearer.token-1', 'bearer.token-2'],
    );
    t.equal(tags(w).at(-1), 'Live');
  });

// 2: no refresh in band
t.test(
  'when the server says that the token ends, then it is refreshed with no reconnect',
  async (t) => {
    let given = 0;
    const w = world(t, { token: () => `token-${++given}` });
    w.watch('r');
    w.clock.advance(100);
    w.server.expire();
    w.clock.advance(20_000);
    t.match(w.server.sockets[0]?.frames.at(-1), { type: 'refresh', data: { token: 'token-2' } });
    t.equal(w.server.sockets.length, 1);
  },
);

// 3: races of tokens
t.test('when several events want a token at once, then one request is made', async (t) => {
  let asked = 0;
  const given: ((token: string) => void)[] = [];
  const w = world(t, {
    token: () => {
      asked++;
      return new Promise<string>((resolve) => given.push(resolve));
    },
  });
  w.watch('r');
  for (const event of ['visible', 'online', 'resume'] as const) w.page$.next(event);
  w.watch('q');
  w.clock.advance(5_000);
  t.equal(asked, 1);
  given[0]?.('token');
  await Promise.resolve();
  await Promise.resolve();
  w.clock.advance(100);
  t.same([asked, w.server.sockets.length, tags(w).at(-1)], [1, 1, 'Live']);
});

// 4: the timers of a hidden page run once a minute
t.test('when timers are late by a minute, then a live connection is not given up', async (t) => {
  const w = world(t);
  w.watch('r');
  w.clock.advance(100);
  w.page$.next('hidden');
  for (let minute = 0; minute < 10; minute++) {
    w.clock.sleep(60_000);
    w.server.publish('r', minute);
    w.clock.advance(10);
  }
  t.same([w.server.sockets.length, tags(w).at(-1)], [1, 'Live']);
});

// 5: what the user closed is opened again
t.test(
  'when the application has closed the client, then no event of the page opens it',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(100);
    w.chat.close();
    for (const event of ['hidden', 'visible', 'offline', 'online', 'freeze', 'resume'] as const)
      w.page$.next(event);
    w.watch('r');
    w.clock.advance(60_000);
    t.same([w.server.sockets.length, tags(w).at(-1)], [1, 'Closed']);
  },
);

// 6: the client gives up, or never starts
t.test(
  'when the server is down for a day, also at first, then the client is connected 30 s after it is back',
  async (t) => {
    const w = world(t);
    w.server.setUp(false);
    w.watch('r');
    w.clock.advance(86_400_000);
    w.server.setUp(true);
    w.clock.advance(30_100);
    t.equal(tags(w).at(-1), 'Live');
  },
);

// 7: joined, but deaf
t.test(
  'when a join is not answered, then the room is not joined, and publishes wait',
  async (t) => {
    const w = world(t);
    const notices: string[] = [];
    w.chat.room('r').event$.subscribe(({ _tag }) => notices.push(_tag));
    w.clock.advance(2);
    w.server.setSilent(true);
    const answer = w.chat.room('r').publish(1);
    w.clock.advance(5_000);
    t.same(notices, []);
    t.notOk(w.server.sockets[0]?.frames.some(({ type }) => type === 'chat'));
    w.server.cut();
    w.clock.advance(10);
    w.server.setSilent(false);
    w.clock.advance(2_000);
    t.same(notices, ['Joined']);
    t.match(await answer, { duplicate: false });
  },
);

// 8: what was missed is not reported
t.test(
  'when the log has lost the missed messages, then the gap comes before the next message',
  async (t) => {
    for (const lose of [(w: World) => w.server.lose('r'), (w: World) => w.server.trim('r', 0)]) {
      const w = world(t);
      const { seen } = w.watch('r');
      w.clock.advance(100);
      w.server.cut();
      w.clock.advance(2);
      w.server.publish('r', 'lost');
      lose(w);
      w.clock.advance(1_000);
      w.server.publish('r', 'next');
      w.clock.advance(100);
      t.match(seen, [/^gap /, 'next']);
    }
  },
);

// 9: what was sent offline floods, vanishes or doubles
t.test(
  'when messages are published offline, then each arrives once, in order, and the 257th is refused',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.page$.next('offline');
    const answers = Array.from({ length: 257 }, (_, i) =>
      w.chat
        .room('r')
        .publish(i)
        .catch(() => 'no'),
    );
    w.page$.next('online');
    w.clock.advance(10_000);
    t.same((await Promise.all(answers)).map((one) => one === 'no').indexOf(true), 256);
    t.same(
      seen,
      Array.from({ length: 256 }, (_, i) => i),
    );
  },
);

// 10: no jitter
t.test('when many clients lose their server, then they come back at different times', async (t) => {
  const times = Array.from({ length: 50 }, (_, seed) => {
    const w = world(t, {}, { seed });
    w.watch('r');
    w.clock.advance(20_000);
    w.server.cut();
    w.clock.advance(2);
    const last = w.statuses.at(-1);
    return last?._tag === 'Waiting' ? last.retryAt - w.clock.wall() : -1;
  });
  t.ok(new Set(times.map((ms) => Math.round(ms / 10))).size > 15);
  t.ok(times.every((ms) => ms > -3 && ms <= 250));
});

// 11: two sockets
t.test(
  'when a page mounts twice and the network flaps, then there is one socket and one join',
  async (t) => {
    const w = world(t);
    w.watch('r').stop();
    w.watch('r');
    for (let i = 0; i < 5; i++) {
      w.page$.next('offline');
      w.page$.next('online');
    }
    w.clock.advance(10_000);
    t.equal(w.server.open().length, 1);
    t.same(joins(w).at(-1), 1);
  },
);

// 14: the observer of openings is forgotten on a retry
t.test('when a connection is opened again, then the status says so each time', async (t) => {
  const w = world(t);
  w.watch('r');
  w.clock.advance(100);
  for (let i = 0; i < 3; i++) {
    w.server.cut();
    w.clock.advance(60_000);
  }
  t.equal(tags(w).filter((tag) => tag === 'Live').length, 4);
});

// 15: an endless loop on a final state
t.test(
  'when the server refuses for good, then the client ends, and all of its streams',
  async (t) => {
    for (const code of [1008, 4500, 4503, 4513]) {
      const w = world(t);
      let ended = 0;
      w.chat.room('r').message$.subscribe({ complete: () => ended++ });
      w.clock.advance(100);
      w.server.close(code);
      w.clock.advance(600_000);
      t.same([w.server.sockets.length, tags(w).at(-1), ended], [1, 'Closed', 1]);
    }
  },
);

// a room that the new pod cannot join yet
t.test(
  'when the new pod of a deploy refuses a room for a moment, then no message is late',
  async (t) => {
    const w = world(t);
    const late: number[] = [];
    w.chat.room('r').message$.subscribe(({ data }) => late.push(w.clock.wall() - Number(data)));
    w.clock.advance(2_000);
    w.server.refuse('r', 'unavailable');
    w.server.drain(20_000);
    for (let i = 0; i < 80; i++) {
      w.clock.advance(100);
      w.server.publish('r', w.clock.wall());
    }
    w.server.refuse('r', undefined);
    w.clock.advance(20_000);
    t.equal(late.length, 80);
    t.ok(late.every((ms) => ms < 100));
    t.equal(w.server.open().length, 1);
  },
);

// 12 (one socket a browser) is not there yet; 13 (size): bundle.spec.ts
