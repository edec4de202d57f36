/** Tokens: before each connection, and in place of the one in use. */
import { map, Observable, timer } from 'rxjs';
import t from 'tap';
import { tags, world, type World } from '../support/client-world.js';

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
  'when the server reports the end of each token at once, then a short one is refreshed at half its time',
  async (t) => {
    let given = 0;
    const w: World = world(t, {
      token: () => {
        given++;
        // a pod reports the end 30 s before it: of this token at once
        w.clock.scheduler.schedule(() => w.server.expire(), 10);
        return tokenUntil(w.clock.wall() + 20_000);
      },
    });
    w.watch('r');
    w.clock.advance(60_000);
    t.ok(given <= 8, `${given} tokens in 60 s`);
    t.equal(w.server.sockets.length, 1);
  },
);

t.test(
  'when a request for a token fails, then it is repeated, and nothing is closed',
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

t.test('when the network flaps while a token is asked for, then one request is made', async (t) => {
  let asked = 0;
  const w: World = world(t, {
    token: () => {
      asked++;
      return timer(5_000, w.clock.scheduler).pipe(map(() => 'token'));
    },
  });
  w.watch('r');
  for (let i = 0; i < 10; i++) {
    w.page$.next('offline');
    w.clock.advance(100);
    w.page$.next('online');
    w.clock.advance(100);
  }
  w.clock.advance(5_000);
  t.same([asked, tags(w).at(-1)], [1, 'Live']);
});

t.test('when the client is closed while a token is asked for, then the request ends', async (t) => {
  let isAsked = false;
  const w = world(t, {
    token: () =>
      new Observable<string>(() => {
        isAsked = true;
        return () => {
          isAsked = false;
        };
      }),
  });
  w.watch('r');
  w.clock.advance(100);
  t.ok(isAsked);
  w.chat.close();
  t.notOk(isAsked);
});
