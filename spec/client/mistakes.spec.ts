/** Mistakes of an application: each is an error, or a status that names the cause. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EMPTY } from 'rxjs';
import t from 'tap';
import { WebSocket } from 'ws';
import { platformClock } from '../../lib/client/platform-clock.js';
import { tags, world } from '../support/client-world.js';

/** As JavaScript calls it, where no compiler looks. */
const untyped = (chat: object) =>
  chat as { room(name: unknown, options?: object): unknown; readonly global: unknown };

t.test(
  'when a room has no name, or `after` is no id, then the call throws and says what to pass',
  async (t) => {
    const w = world(t);
    const chat = untyped(w.chat);
    for (const name of ['', undefined, null, 7])
      t.throws(() => chat.room(name), { name: 'TypeError', message: /use chat\.global/ });
    for (const after of ['yesterday', 7])
      t.throws(() => chat.room('r', { after }), { name: 'TypeError', message: /pass an id/ });
    for (const after of [undefined, null, '']) t.ok(chat.room('r', { after }));
    const { id } = w.server.publish('r', 1);
    t.ok(chat.room('r', { after: id }));
  },
);

t.test(
  'when the token function ends without a token, then it is asked again, and the status says why',
  async (t) => {
    let asked = 0;
    const w = world(t, { token: () => (++asked < 3 ? EMPTY : 'token') });
    w.watch('r');
    w.clock.advance(2);
    t.match(w.statuses.at(-1), { _tag: 'Waiting', because: /^token: EmptyError/ });
    w.clock.advance(10_000);
    t.same([asked, tags(w).at(-1)], [3, 'Live']);
  },
);

t.test(
  'when the token function throws, then the status names the cause and a whole ms, and the waits grow',
  async (t) => {
    let asked = 0;
    const w = world(t, {
      token: () => {
        asked++;
        throw new Error('no network');
      },
    });
    w.watch('r');
    w.clock.advance(60_000);
    t.ok(asked > 5 && asked < 40, `${asked} requests in a minute`);
    const waits = w.statuses.flatMap((one) => (one._tag === 'Waiting' ? [one] : []));
    t.ok(waits.every(({ retryAt }) => Number.isInteger(retryAt)));
    t.match(waits.at(-1), { because: 'token: Error: no network' });
  },
);

t.test('when a refresh of the token fails, then the connection goes on', async (t) => {
  let asked = 0;
  const w = world(t, {
    token: () => {
      if (++asked > 1 && asked < 4) throw new Error('no network');
      return `token-${asked}`;
    },
  });
  w.watch('r');
  w.clock.advance(100);
  w.server.expire();
  w.clock.advance(40_000);
  t.match(w.server.sockets[0]?.frames.at(-1), { type: 'refresh', data: { token: 'token-4' } });
  t.same([asked, w.server.sockets.length, tags(w).at(-1)], [4, 1, 'Live']);
});

t.test(
  'when a time is further away than a timer of the platform can wait, then nothing runs at once',
  async (t) => {
    // Node warns of a timer that is too long, and runs it after 1 ms. tap causes a DeprecationWarning in Node 26
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => {
      if (name.startsWith('Timeout')) warnings.push(name);
    };
    process.on('warning', onWarning);
    t.teardown(() => process.off('warning', onWarning));
    const w = world(t, { publishTimeoutMs: 2 ** 40, clock: platformClock });
    w.page$.next('offline');
    const answer = w.chat.room('r').publish(1);
    await sleep(20);
    w.chat.close();
    await t.rejects(answer, { code: 'closed' });
    t.same(warnings, []);
  },
);

t.test('when the class makes no WebSockets, then the client is closed and says why', async (t) => {
  const w = world(t, { WebSocket: String });
  w.watch('r');
  w.clock.advance(2);
  t.match(w.statuses.at(-1), {
    _tag: 'Closed',
    code: 1002,
    because: "TypeError: WebSocket: pass that of 'ws'",
  });
});

t.test(
  'when the token is no text for a subprotocol, then it is asked for again, and the status says why',
  async (t) => {
    const tokens = ['<!doctype html>\n<title>502</title>', 'two words', 'é'];
    const w = world(t, { token: () => tokens.shift() ?? 'a.b-c_d' });
    w.watch('r');
    w.clock.advance(2);
    t.match(w.statuses.at(-1), { _tag: 'Waiting', because: /^token: TypeError: token: / });
    t.same(w.server.sockets, []);
    w.clock.advance(10_000);
    t.equal(tags(w).at(-1), 'Live');
    t.same(
      w.server.sockets.map(({ protocols }) => protocols),
      [['realtime.v1', 'bearer.a.b-c_d']],
    );
  },
);

t.test('when the address is wrong, then the client is closed for good', async (t) => {
  const w = world(t, {
    WebSocket,
    url: 'ws://two words/',
    token: () => 'token',
  });
  w.watch('r');
  w.clock.advance(2);
  t.match(w.statuses.at(-1), { _tag: 'Closed', code: 1002 });
});
